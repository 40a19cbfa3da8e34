// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.Injection;
import dev.samara.interleave.mutant.Finder;
import dev.samara.interleave.mutant.Mutant;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Injects each failure of a kind into a {@link FailureScenario}: {@code failures SCENARIO KIND SCOPE}. */
public final class FailureFinder implements Finder {
    @Override
    public String kind() {
        return "failures";
    }

    @Override
    // One search at a time, because the failure to inject is one for all threads.
    public synchronized @Nullable String find(Mutant mutant, String arguments, Path folder) {
        String[] parts = arguments.split(" ", -1);
        FailureKind kind = FailureKind.valueOf(parts[1]);
        Injection.Scope scope = Injection.Scope.valueOf(parts[2]);
        FailureSweep.Result unchanged =
                new FailureSweep(1, mutant.settings().toArray(Mutant[]::new)).sweep(parts[0], kind, scope);
        if (!unchanged.failures().isEmpty()) {
            throw new IllegalStateException("without the mutant: " + unchanged.failures());
        }
        FailureSweep.Result broken = new FailureSweep(1, mutant).sweep(parts[0], kind, scope);
        return broken.failures().isEmpty() ? null : "run " + broken.runs() + ", " + broken.failures();
    }
}
