// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.interleave.pair.Pairs;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.Plantings;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Mutants that need a file, translations from before, or a child")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(8)
final class GroundMutantsTest {
    private static final String CORE = "dev.samara.core.internal.";

    /**
     * A mutant, and the scenario that finds it. A table of docs/interleavings.md is generated from these records.
     *
     * @param name what the mutant does
     * @param preemptions the number of preemptions that the failure needs
     * @param schedules the number of schedules up to the first failure
     */
    record GroundMutant(String name, int preemptions, int schedules, String scenario, Planting planting) {
        @Override
        public String toString() {
            return scenario + ": " + name;
        }
    }

    private static GroundMutant planted(
            String name,
            int preemptions,
            int schedules,
            String scenario,
            String in,
            String method,
            String call,
            int result) {
        return new GroundMutant(
                name, preemptions, schedules, scenario, Plantings.withoutCall(CORE + in, method, call, result));
    }

    static final List<GroundMutant> MUTANTS = List.of(
            planted(
                    "a fault maps a page of a file without a look at its mark, beside a truncation",
                    1,
                    180,
                    "truncate/SAME/read-fault/SHARED_FILE/ONE/COLD",
                    "fault.FaultAround",
                    "putIn",
                    "isCached",
                    1),
            planted(
                    "a fault maps a page of a file without a look at its VMA, beside `munmap`",
                    1,
                    202,
                    "munmap/SAME/read-fault/SHARED_FILE/ONE/COLD",
                    "fault.FaultAround",
                    "putIn",
                    "isDetached",
                    0),
            planted(
                    "a fetched page is mapped without a look at its mark",
                    1,
                    605,
                    "truncate/SAME/write-fault/CACHED_FILE/ONE/COLD",
                    "fault.BackingFault",
                    "mapNoticed",
                    "isCached",
                    1),
            planted(
                    "a page is copied on write without a look at its mark",
                    1,
                    229,
                    "truncate/SAME/write-fault/PRIVATE_FILE/ONE/COLD",
                    "fault.CopyOnWrite",
                    "copyFromCache",
                    "isCached",
                    1),
            planted(
                    "`mremap` puts a removed page down",
                    1,
                    14,
                    "mremap/SAME/punch/SHARED_FILE/ONE/COLD",
                    "op.MovePages",
                    "isStillThere",
                    "isCached",
                    1),
            planted(
                    "`mremap` puts a private copy beyond the end down",
                    1,
                    14,
                    "mremap/SAME/truncate/PRIVATE_FILE/ONE/COLD",
                    "op.MovePages",
                    "isStillThere",
                    "lowestSince",
                    1000),
            planted(
                    "a CPU enters GUEST and does not catch up",
                    0,
                    1,
                    "munmap/SAME/load/ANONYMOUS/ONE/WARM",
                    "tlb.CpuTlb",
                    "enterGuest",
                    "catchUp",
                    0),
            planted(
                    "a LAZY CPU returns and does not catch up",
                    0,
                    1,
                    "munmap/SAME/lazy/ANONYMOUS/ONE/LAZY",
                    "tlb.CpuTlb",
                    "enterGuest",
                    "catchUp",
                    0));

    static List<GroundMutant> mutants() {
        return MUTANTS;
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("is found with one preemption, and nothing is found without it")
    void found(GroundMutant of) {
        Exploration broken = Pairs.exploration(of.scenario(), of.planting());
        Exploration.Result found = broken.explore(Strategy.bounded(1), 5_000);
        assertNotNull(found.failure(), found::toString);
        assertInstanceOf(AssertionError.class, found.failure().finding().thrown(), found::toString);
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(of + ", broken: " + found.figures());
        }
        Exploration.Result unchanged = Pairs.exploration(of.scenario()).explore(Strategy.bounded(1), 5_000);
        assertNull(unchanged.failure(), unchanged::toString);
    }
}
