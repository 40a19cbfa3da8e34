// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.interleave.failure.HostFault;
import dev.samara.interleave.failure.HostFault.HostCall;
import dev.samara.interleave.failure.HostFault.Way;
import dev.samara.testing.live.Tally;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A script, with the results of its steps in a run without a fault, and the number of its calls to the host. */
final class FaultScript {
    /** Chooses the next step; null for the end. */
    @FunctionalInterface
    interface Choice {
        @Nullable
        Step next(Scene scene, int number);
    }

    /** A fault, and the violation in the run with this fault. */
    record Finding(HostFault fault, String what) {
        @Override
        public String toString() {
            return fault + ", " + what;
        }
    }

    private final Path folder;
    private final Tally tally;
    private final List<Step> steps = new ArrayList<>();
    private final List<Outcome> outcomes = new ArrayList<>();
    private final HostFault counts = HostFault.none();
    private final @Nullable Finding unsound;
    private int runs = 1;

    /**
     * Chooses the steps of a script, and runs it without a fault.
     *
     * @param folder the directory for its files
     * @param tally counts the host calls in which a fault occurred
     */
    FaultScript(Path folder, Step settings, Choice choice, Tally tally) throws IOException {
        this.folder = folder;
        this.tally = tally;
        steps.add(settings);
        outcomes.add(Outcome.of(0));
        FaultTrial trial = new FaultTrial(folder, settings, counts);
        String wrong = run(trial, number -> {
            Step next = choice.next(trial.scene(), number);
            if (next != null) {
                steps.add(next);
            }
            return next;
        });
        unsound = wrong == null ? null : new Finding(counts, wrong);
    }

    List<Step> steps() {
        return steps;
    }

    /** Returns the number of runs so far. */
    int runs() {
        return runs;
    }

    /** Returns the violation in the run without a fault, or null. */
    @Nullable
    Finding unsound() {
        return unsound;
    }

    /** Returns the next step of a run; null at the end. */
    @FunctionalInterface
    private interface Next {
        @Nullable
        Step at(int number);
    }

    /** Executes the steps of a run. Returns the violation, or null. */
    private @Nullable String run(FaultTrial trial, Next next) {
        Step step = null;
        try {
            for (int number = 0; (step = next.at(number)) != null; number++) {
                boolean isKnown = outcomes.size() > number + 1;
                Outcome outcome = trial.run(step, isKnown ? outcomes.get(number + 1) : null);
                if (!isKnown) {
                    outcomes.add(outcome);
                }
            }
            trial.end();
            return null;
        } catch (AssertionError | RuntimeException wrong) {
            return (step == null ? "the end" : step) + ": " + said(wrong);
        } finally {
            // Clears an interrupt that a run left when it ended early.
            Thread.interrupted();
        }
    }

    private static String said(Throwable wrong) {
        StackTraceElement[] stack = wrong.getStackTrace();
        return wrong instanceof AssertionError
                ? String.valueOf(wrong.getMessage())
                : wrong + " at " + List.of(stack).subList(0, Math.min(6, stack.length));
    }

    /** Runs the script with a fault. Returns the violation, or null. */
    @Nullable
    Finding run(HostFault fault) {
        runs++;
        try {
            String wrong = run(
                    new FaultTrial(folder, steps.get(0), fault),
                    number -> number + 1 < steps.size() ? steps.get(number + 1) : null);
            if (fault.met() != null) {
                tally.met(fault.call().toString(), fault.way().toString());
            }
            return wrong == null ? null : new Finding(fault, wrong);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Runs the script with each fault of a call and a way. Returns the first violation, or null. */
    @Nullable
    Finding run(HostCall call, Way way) {
        Finding found = null;
        for (int number = 1; found == null && number <= counts.count(call); number++) {
            found = run(new HostFault(call, number, way));
        }
        return found;
    }

    /** Runs the script with each fault. Returns the first violation, or null. */
    @Nullable
    Finding runAll() {
        Finding found = unsound;
        for (HostCall call : HostCall.values()) {
            for (Way way : Way.values()) {
                found = found == null && way.isOf(call) ? run(call, way) : found;
            }
        }
        return found;
    }
}
