// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Futexes under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class FutexScenariosTest {
    private static final String GUEST = "dev.samara.core.internal.guest.";

    /** Compares in one section of the lock, and adds the entry in another section. */
    private static final Planting COMPARES_WITHOUT_THE_LOCK = SourceMutant.of(
            GUEST + "FutexBuckets", "entry.key = key;", "bucket.unlock(); bucket.lock(); entry.key = key;");

    private static final Planting LEAVES_THE_OLD_BUCKET =
            SourceMutant.of(GUEST + "FutexEntry", "if (at == bucket) {", "{");

    private static Exploration.Result explore(Class<? extends Scenario> type, Planting... mutants) {
        return SteppedScenarios.result(
                type, SteppedScenarios.explore(type, mutants), Strategy.bounded(2), mutants.length);
    }

    private static void nothing(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @Test
    @DisplayName("lose no wake between the comparison and the sleep, in all schedules with two preemptions")
    void waitBesideWake() {
        nothing(FutexScenarios.WaitBesideWake.class);
    }

    @Test
    @DisplayName("lose no waiter that is moved, in all schedules with two preemptions")
    void waitBesideRequeue() {
        nothing(FutexScenarios.WaitBesideRequeue.class);
    }

    @Test
    @DisplayName("let a moved waiter leave from where it is, in all schedules with two preemptions")
    void leaveBesideRequeue() {
        nothing(FutexScenarios.LeaveBesideRequeue.class);
    }

    @Test
    @DisplayName("that enter in another section of the lock than they compare are found: a thread is parked for ever")
    void comparesWithoutTheLock() {
        Exploration.Failure failure = explore(FutexScenarios.WaitBesideWake.class, COMPARES_WITHOUT_THE_LOCK)
                .failure();
        assertNotNull(failure);
        assertEquals(Finding.Kind.STUCK, failure.finding().kind(), failure::toString);
    }

    @Test
    @DisplayName("that leave the bucket where they were first are found")
    void leavesTheOldBucket() {
        Exploration.Failure failure = explore(FutexScenarios.LeaveBesideRequeue.class, LEAVES_THE_OLD_BUCKET)
                .failure();
        assertNotNull(failure);
    }
}
