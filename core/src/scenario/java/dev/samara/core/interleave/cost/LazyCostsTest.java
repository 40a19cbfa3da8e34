// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.LazyTlb;
import dev.samara.core.interleave.cost.LazyCostScenario.Transition;
import dev.samara.core.interleave.cost.LazyCosts.Writes;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Checks the cost of the strategies for LAZY CPUs, in writes to shared words. */
@Tag("interleave")
@DisplayName("What transitions write, by strategy for CPUs in LAZY")
final class LazyCostsTest {
    private static void assertEach(Transition transition, Writes counted, Writes shot, Writes pointer, Writes none) {
        for (int cpus : LazyCosts.CPUS) {
            assertEquals(counted, LazyCosts.of(LazyTlb.REFERENCE_COUNT, transition, cpus));
            assertEquals(shot, LazyCosts.of(LazyTlb.SHOOTDOWN, transition, cpus));
            assertEquals(pointer, LazyCosts.of(LazyTlb.HAZARD_POINTER, transition, cpus));
            assertEquals(none, LazyCosts.of(LazyTlb.NONE, transition, cpus));
        }
    }

    @Test
    @DisplayName("a switch writes the users of both spaces, and three words of the CPU, with each strategy")
    void switches() {
        Writes all = new Writes(2, 3);
        assertEach(Transition.SWITCH, all, all, all, all);
    }

    @Test
    @DisplayName("to LAZY and back in one space writes the users twice, and less of the CPU if that keeps something")
    void idleAndBack() {
        Writes keeping = new Writes(2, 2);
        assertEach(Transition.IDLE_AND_BACK, keeping, keeping, keeping, new Writes(2, 4));
    }

    @Test
    @DisplayName("by LAZY to another space writes two references more, or what the CPU notes, or nothing more")
    void idleAndElsewhere() {
        Writes noted = new Writes(2, 6);
        assertEach(Transition.IDLE_AND_ELSEWHERE, new Writes(4, 4), noted, noted, new Writes(2, 4));
    }

    @Test
    @DisplayName("the end of a space writes a word of each CPU in LAZY, or hands it a reference, or does not know it")
    void exit() {
        Writes none = LazyCosts.of(LazyTlb.NONE, Transition.EXIT, 1);
        assertEquals(0, none.ofCpus());
        for (int cpus : LazyCosts.CPUS) {
            assertEquals(none, LazyCosts.of(LazyTlb.NONE, Transition.EXIT, cpus));
            assertEquals(none.plus(0, cpus), LazyCosts.of(LazyTlb.SHOOTDOWN, Transition.EXIT, cpus));
            // The last references are released later, by CPUs.
            Writes kept = none.plus(-5, 0);
            assertEquals(kept, LazyCosts.of(LazyTlb.REFERENCE_COUNT, Transition.EXIT, cpus));
            assertEquals(kept.plus(cpus, cpus), LazyCosts.of(LazyTlb.HAZARD_POINTER, Transition.EXIT, cpus));
        }
    }

    @Test
    @DisplayName("CPUs that leave a space after its end give up the references that they have, the last one with more")
    void afterExit() {
        for (int cpus : LazyCosts.CPUS) {
            Writes switches = new Writes(cpus, 3 * cpus);
            assertEquals(switches, LazyCosts.of(LazyTlb.NONE, Transition.AFTER_EXIT, cpus));
            assertEquals(switches, LazyCosts.of(LazyTlb.SHOOTDOWN, Transition.AFTER_EXIT, cpus));
            Writes counted = switches.plus(cpus + 5, 0);
            assertEquals(counted, LazyCosts.of(LazyTlb.REFERENCE_COUNT, Transition.AFTER_EXIT, cpus));
            assertEquals(counted.plus(0, 2 * cpus), LazyCosts.of(LazyTlb.HAZARD_POINTER, Transition.AFTER_EXIT, cpus));
        }
    }
}
