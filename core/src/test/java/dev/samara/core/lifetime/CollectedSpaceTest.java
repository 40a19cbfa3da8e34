// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A space that is left to the garbage collector")
final class CollectedSpaceTest {
    private static final long AT = 0x10_0000;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine =
            Machine.builder().memory(1 << 20).reportTo(reports::add).build();

    @AfterEach
    void end() {
        machine.close();
    }

    private AddressSpace newSpace() {
        AddressSpace made = machine.space(GEOMETRY).collected(true).build();
        assertEquals(AT, made.mmap(AT, PAGE, RW, ANONYMOUS | Mman.FIXED | Mman.POPULATE, null, 0));
        return made;
    }

    /** Uses a space for the last time and drops it. A CPU of the pool stays in the space. */
    private SpaceIdentity use(boolean forks) {
        AddressSpace made = newSpace();
        AddressSpace used = forks ? made.fork() : made.get();
        try (Guest guest = used.enter()) {
            assertFault(Fault.NONE, guest.memory().store(AT, 8, 1));
        }
        SpaceIdentity identity = used.grab();
        if (forks) {
            made.close();
        }
        return identity;
    }

    private void awaitEnd(SpaceIdentity identity) throws InterruptedException {
        Await.until(
                "the space has ended",
                () -> {
                    System.gc();
                    return machine.statistics().framesInUse() == 0 && identity.exit() != null;
                },
                reports);
        machine.awaitQuiescence();
        assertEquals(List.of(), reports);
        identity.close();
    }

    @Test
    @DisplayName("ends without a report after its references have become unreachable, also one of a thread's last stay")
    void unreachable() throws InterruptedException {
        awaitEnd(use(false));
    }

    @Test
    @DisplayName("has children that are left to it, too")
    void child() throws InterruptedException {
        awaitEnd(use(true));
    }

    @Test
    @DisplayName("lives as long as a reference is reachable, and ends with its close as any other")
    void reachable() {
        AddressSpace space = newSpace();
        SpaceIdentity identity = space.grab();
        System.gc();
        assertEquals(1, machine.statistics().framesInUse());
        assertNull(identity.exit());
        // The space was reachable up to here.
        space.close();
        assertNotNull(identity.exit());
        identity.close();
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("reports references of weaker kinds that were not closed")
    void weaker() {
        hold();
        Await.until("a reference is given up", () -> {
            System.gc();
            machine.statistics();
            return !reports.isEmpty();
        });
        assertEquals(1, reports.size());
        assertEquals(Report.Kind.REFERENCE_LOST, reports.get(0).kind());
        assertEquals(true, reports.get(0).message().contains("PAGE_TABLE"), reports.get(0)::message);
    }

    private void hold() {
        assertNotNull(newSpace().hold());
    }
}
