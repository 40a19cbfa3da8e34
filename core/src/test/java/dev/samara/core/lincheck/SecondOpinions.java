// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import dev.samara.core.interleave.instrument.SourceBreak;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;

/** Scenarios of the scheduler, as Lincheck's model checker runs them. */
final class SecondOpinions {
    private static final String CORE = "dev.samara.core.internal.";
    private static final int INVOCATIONS = Boolean.getBoolean("samara.torture") ? 20_000 : 200;

    /** More than the hints of a spin, so that threads come to the park after it. */
    private static final int LOOP = 150;

    private static final int LOOP_BOUND = 1_000;

    /** A call looks for the end of its stack first, which is no endless recursion. */
    private static final int RECURSION_BOUND = 100;

    /** Five minutes. Lincheck rewrites classes within the first invocations, which takes long on a loaded machine. */
    private static final long TIMEOUT = 300_000;

    private SecondOpinions() {}

    /**
     * A scenario of the scheduler.
     *
     * @param name the break, as docs/interleavings.md names it
     * @param calls the class of the calls, with a nested specification
     * @param one the calls of the first thread
     * @param other the calls of the second thread
     * @param after the calls after both
     * @param planting makes the break
     */
    record Opinion(
            String name,
            Class<?> calls,
            List<String> one,
            List<String> other,
            List<String> after,
            Supplier<SourceBreak> planting) {
        /** Returns what Lincheck finds, or "nothing". */
        String check() {
            try {
                new ModelCheckingOptions()
                        .invocationTimeout$lincheck(TIMEOUT)
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

    private static Supplier<SourceBreak> in(String className, String... texts) {
        return () -> SourceBreak.of(className.startsWith("dev.") ? className : CORE + className, texts);
    }

    static final List<Opinion> ALL = List.of(
            new Opinion(
                    "a woken thread does not look at the gate again",
                    SyncCalls.AtAGate.class,
                    List.of("await"),
                    List.of("open"),
                    List.of(),
                    in(
                            "sync.Gate",
                            "interrupted |= Thread.interrupted();\n            wait.parkOrReport();",
                            "interrupted |= Thread.interrupted();\n            wait.parkOrReport(); break;")),
            new Opinion(
                    "a grace period ignores a reader",
                    SyncCalls.GracePeriod.class,
                    List.of("read"),
                    List.of("reuse"),
                    List.of("read"),
                    in("sync.Rcu", "if (section != 0) {", "if (section < 0) {")),
            new Opinion(
                    "a claim of a CPU compares its owner, and then stores",
                    CpuCalls.Claims.class,
                    List.of("claim"),
                    List.of("claim"),
                    List.of(),
                    in(
                            "dev.samara.core.Cpu",
                            "Thread other = (Thread) OWNER.compareAndExchange(this, (Thread) null, caller);",
                            "Thread other = (Thread) OWNER.getVolatile(this);"
                                    + " if (other == null) { OWNER.setVolatile(this, caller); }")),
            new Opinion(
                    "a count is given up before the word says LAZY",
                    CpuCalls.LazyBesideTheEnd.class,
                    List.of("enterLazy", "leaveLazy"),
                    List.of("end"),
                    List.of(),
                    in(
                            "cpu.CpuState",
                            "        // Release, and before the CPU stops being counted:",
                            "of.users().unuse();\n        // Release, and before the CPU stops being counted:",
                            "        left = of;\n        if (of.users().unuse()) {",
                            "        left = of;\n        if (of.isEnded()) {")),
            new Opinion(
                    "the seal of a record is read once",
                    CpuCalls.OverwrittenRecord.class,
                    List.of("read"),
                    List.of("overwrite"),
                    List.of("read"),
                    in("cpu.FlushLog", "return sealOpaque(at) == generation;", "return true;")),
            new Opinion(
                    "references are read after the retiring bit is cleared",
                    VmaCalls.LastReference.class,
                    List.of("release"),
                    List.of("detach"),
                    List.of("ends"),
                    in("vma.VmArea", "if ((before & REFERENCES) == 0) {", "if ((wordAcquire() & REFERENCES) == 0) {")));

    /** Checks all scenarios, where the class path has the broken classes first: each break must be found. */
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
