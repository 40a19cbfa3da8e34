// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.pair.Pairs;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Mutants of the rules of a reap")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(8)
final class ReapMutantsTest {
    private static final String CORE = "dev.samara.core.internal.";
    private static final int MOST = 5_000;

    /**
     * A mutant, the scenario that finds it, and the number of preemptions that the failure needs. A table of
     * docs/interleavings.md is generated from these records.
     *
     * @param name what the mutant does
     * @param schedules the number of schedules up to the first failure
     */
    record ReapMutant(
            String name,
            Function<Planting[], Exploration> scenario,
            int preemptions,
            int schedules,
            Planting planting) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static Function<Planting[], Exploration> pair(String name) {
        return mutants -> Pairs.exploration(name, mutants);
    }

    private static Function<Planting[], Exploration> in(Class<? extends Scenario> scenario) {
        return mutants -> SteppedScenarios.explore(scenario, mutants);
    }

    private static Planting in(String className, String... texts) {
        return SourceMutant.of(CORE + className, texts);
    }

    static final List<ReapMutant> MUTANTS = List.of(
            new ReapMutant(
                    "a reap has the gather of the end of a space",
                    pair("reap/SAME/in-guest"),
                    1,
                    1,
                    in(
                                    "space.Reap",
                                    "gather = TlbGather.with(layout.memory(), null);",
                                    "gather = TlbGather.with(layout.memory(), null);"
                                            + " gather.leaveOut(layout.pages().context());")
                            .and(in(
                                    "tlb.TlbGather",
                                    "pending.leaveOut(GatheredFlushes.checkOver(memory.cpus(), ended));",
                                    "pending.leaveOut(ended);"))),
            new ReapMutant(
                    "the space is marked after the walk of a reap",
                    pair("reap/SAME/store"),
                    1,
                    3,
                    in(
                            "space.Reap",
                            "            layout.reaping().setUnstable();\n",
                            "",
                            "return !isIncomplete && moves == layout.moves() && !isFreeing();",
                            "layout.reaping().setUnstable();"
                                    + " return !isIncomplete && moves == layout.moves() && !isFreeing();")),
            new ReapMutant(
                    "a fault looks at the mark of a reap before the lock only",
                    in(ReapScenarios.StoreBesideReap.class),
                    1,
                    79,
                    in("fault.AnonymousFault", "int stability = state.stability(now);", "int stability = Fault.NONE;")),
            new ReapMutant(
                    "a reap looks at the VMA before it claims an entry, and not again",
                    in(ReapScenarios.LockBesideReap.class),
                    1,
                    403,
                    in(
                            "pagewalk.ReapPages",
                            "        if (vma.isDetached()) {\n            Leaf.compareAndSet",
                            "        if (false) {\n            Leaf.compareAndSet")),
            new ReapMutant(
                    "a reap does not count moves",
                    pair("reap/SAME/mremap"),
                    1,
                    270,
                    in("space.Reap", "!isIncomplete && moves == layout.moves()", "!isIncomplete")),
            new ReapMutant(
                    "a reap takes pages from mappings in flight",
                    pair("reap/SAME/mremap"),
                    1,
                    294,
                    in(
                            "space.Reap",
                            "boolean isInFlight = InFlightGate.isInFlight(found);",
                            "boolean isInFlight = false;")),
            new ReapMutant(
                    "a reap takes the pages that a fork copies",
                    pair("reap/SAME/fork"),
                    1,
                    435,
                    in("space.Reap", "if (!layout.copies().isEmpty()) {", "if (false) {")),
            new ReapMutant(
                    "a fork looks at the mark before the lock only",
                    pair("reap/SAME/fork"),
                    1,
                    3,
                    in(
                            "syscall.Fork",
                            "                    checkStable(parent);\n",
                            "",
                            "parent.checkNotClosed(\"fork\");",
                            "parent.checkNotClosed(\"fork\"); checkStable(parent);")),
            new ReapMutant(
                    "a reap loses a guard that is being put up",
                    pair("reap/SAME/guard"),
                    1,
                    290,
                    in(
                            "pagewalk.ReapPages",
                            "Leaf.compareAndSet(leaf, index, pte, pte & Pte.GUARD)",
                            "Leaf.compareAndSet(leaf, index, pte, Pte.NONE)")),
            new ReapMutant(
                    "frames are freed before a CPU has acknowledged the flush that a reap polls",
                    in(ReapScenarios.ShortageBesideGuest.class),
                    1,
                    79,
                    in(
                            "space.Reap",
                            "} else if (!gather.pollInvalidation()) {\n            return false;",
                            "} else { gather.pollInvalidation();",
                            "gather.free();",
                            "gather.freeInvalidated();")));

    static List<ReapMutant> mutants() {
        return MUTANTS;
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("is found, and nothing is found without it")
    void found(ReapMutant of) {
        Strategy bounded = Strategy.bounded(of.preemptions());
        Exploration.Result broken =
                of.scenario().apply(new Planting[] {of.planting()}).explore(bounded, MOST);
        Exploration.Failure failure = broken.failure();
        assertNotNull(failure, broken::toString);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(of + ", broken: " + broken);
        }
        Exploration.Result unchanged =
                of.scenario().apply(new Planting[0]).explore(Strategy.bounded(of.preemptions()), broken.runs());
        assertNull(unchanged.failure(), unchanged::toString);
    }

    @Test
    @DisplayName("none is found in the scenarios of a lock and of a shortage of frames")
    void none() {
        for (Class<? extends Scenario> scenario : List.of(
                ReapScenarios.LockBesideReap.class,
                ReapScenarios.StoreBesideReap.class,
                ReapScenarios.ShortageBesideGuest.class)) {
            Exploration.Result unchanged = SteppedScenarios.explore(scenario).explore(Strategy.bounded(1), MOST);
            assertNull(unchanged.failure(), unchanged::toString);
        }
    }
}
