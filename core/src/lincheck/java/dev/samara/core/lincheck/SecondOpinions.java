// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import dev.samara.interleave.mutant.Mutant;
import java.util.Arrays;
import java.util.List;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;

/** Scenarios of the scheduler, repeated by Lincheck's model checker. */
final class SecondOpinions {
    private static final int INVOCATIONS = Boolean.getBoolean("samara.torture") ? 20_000 : 200;

    /** More than the iterations of a spin, so that threads reach the park that follows it. */
    private static final int LOOP = 150;

    private static final int LOOP_BOUND = 1_000;

    /** A call first probes its stack recursively; this recursion is not endless. */
    private static final int RECURSION_BOUND = 100;

    private SecondOpinions() {}

    /**
     * A scenario of the scheduler.
     *
     * @param name the name of the mutant
     * @param calls the class of the calls, with a nested specification
     * @param one the calls of the first thread
     * @param other the calls of the second thread
     * @param after the calls after both threads
     */
    record Opinion(String name, Class<?> calls, List<String> one, List<String> other, List<String> after) {
        /** Returns the mutant that the scheduler must find under this name. */
        Mutant mutant() {
            return Mutant.named(name);
        }

        /** Returns Lincheck's finding, or "nothing". */
        String check() {
            try {
                new ModelCheckingOptions()
                        .invocationTimeout$lincheck(FourPages.INVOCATION_MILLIS)
                        .addCustomScenario(new ExecutionScenario(
                                List.of(), List.of(actors(one), actors(other)), actors(after), null))
                        .iterations(0)
                        .invocationsPerIteration(INVOCATIONS)
                        .loopIterationsBeforeThreadSwitch(LOOP)
                        .loopBound(LOOP_BOUND)
                        .recursionBound(RECURSION_BOUND)
                        .minimizeFailedScenario(false)
                        .sequentialSpecification(calls.getDeclaredClasses()[0])
                        .check(calls);
                return "nothing";
            } catch (LincheckAssertionError found) {
                return String.valueOf(found.getMessage());
            }
        }

        private List<Actor> actors(List<String> names) {
            return names.stream().map(this::actor).toList();
        }

        private Actor actor(String call) {
            return Arrays.stream(calls.getDeclaredMethods())
                    .filter(method -> method.getName().equals(call))
                    .map(method -> new Actor(method, List.of()))
                    .findAny()
                    .orElseThrow();
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static final List<Opinion> ALL = List.of(
            new Opinion(
                    "a woken thread does not look at the gate again",
                    SyncCalls.AtAGate.class,
                    List.of("await"),
                    List.of("open"),
                    List.of()),
            new Opinion(
                    "a grace period ignores a reader",
                    SyncCalls.GracePeriod.class,
                    List.of("read"),
                    List.of("reuse"),
                    List.of("read")),
            new Opinion(
                    "a claim of a CPU compares its owner, and then stores",
                    CpuCalls.Claims.class,
                    List.of("claim"),
                    List.of("claim"),
                    List.of()),
            new Opinion(
                    "a count is given up before the word says LAZY",
                    CpuCalls.LazyBesideTheEnd.class,
                    List.of("enterLazy", "leaveLazy"),
                    List.of("end"),
                    List.of()),
            new Opinion(
                    "the seal of a record is read once",
                    CpuCalls.OverwrittenRecord.class,
                    List.of("read"),
                    List.of("overwrite"),
                    List.of("read")),
            new Opinion(
                    "references are read after the retiring bit is cleared",
                    VmaCalls.LastReference.class,
                    List.of("release"),
                    List.of("detach"),
                    List.of("ends")));

    /** Checks all scenarios with the mutated classes first on the class path: Lincheck must find each mutant. */
    public static void main(String[] arguments) {
        boolean isFound = true;
        for (Opinion opinion : ALL) {
            String found = opinion.check();
            System.out.println(opinion + ": " + found);
            isFound &= found.contains("= Invalid execution results =");
        }
        System.exit(isFound ? 0 : 1);
    }
}
