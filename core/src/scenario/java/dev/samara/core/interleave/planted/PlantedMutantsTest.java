// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The scheduler finds slips that an engineer might make; the profile interleave looks for all of them")
@Tag("interleave")
@Timeout(1200)
@Explored(12)
final class PlantedMutantsTest {
    private static final int MOST = 2_000;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a flush asks the CPUs of its last leaf only",
                "a fork passes over busy pages",
                "an identity that a moved VMA got late is not handed on",
                "an identity that a VMA got while its copy was made is not handed on",
                "a page is found sole before the lock, and not under it",
                "references are read after the retiring bit is cleared",
                "the first page of a file is looked for before its lock",
                "a VMA keeps its last operation reachable",
                "an asynchronous call keeps a thread while it waits",
                "a lookup of a file's mappings waits for CPUs",
                "a borrow takes only the page table",
                "a borrower looks whether it is alone, and is listed then",
                "the last close looks for borrowers, and gives its reference up then",
                "exec looks whether the next space has users, and does not become one",
                "a refill takes a leaf to which the CPU has not walked",
                "the flush of a range drops nothing from the second level of the TLB",
                "a flush of the caller's CPU alone drops nothing",
                "a flush of the caller's CPU alone passes over a CPU that has left",
                "a flush of the caller's CPU alone goes by a cpumask from before the entries change",
                "a droppable page is dropped though it is pinned"
            })
    void found(String name) {
        PlantedMutant planted = PlantedMutants.of(name);
        Exploration.Result broken = planted.broken(MOST, Deadline.NEVER);
        Exploration.Failure failure = broken.failure();
        assertNotNull(failure);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
        Exploration.Result unchanged = planted.unchanged(broken.runs(), Deadline.NEVER);
        assertNull(unchanged.failure(), unchanged::toString);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a last put takes away what another one has handed over",
                "a drop takes the pages of the mapping that has replaced a droppable one",
                "a drop does not look for a notifier after it has claimed a page"
            })
    @Tag("planted")
    void foundRare(String name) {
        found(name);
    }
}
