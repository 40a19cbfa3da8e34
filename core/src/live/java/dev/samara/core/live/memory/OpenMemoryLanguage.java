// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.interleave.mutant.OpenLanguage;
import dev.samara.testing.live.Language;
import java.io.IOException;
import java.nio.file.Path;

/** The language of memory calls, with the machine and judges that it needs. */
public final class OpenMemoryLanguage implements OpenLanguage {
    private final Comparison comparison;
    private final MemoryLanguage language;

    public OpenMemoryLanguage(Path folder) throws IOException {
        comparison = new Comparison(new Worlds(folder));
        language = new MemoryLanguage(comparison);
    }

    @Override
    public Language<?, ?> language() {
        return language;
    }

    @Override
    public void close() {
        comparison.close();
    }
}
