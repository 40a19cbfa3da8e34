// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A backing that misbehaves in rcuMapPages, on a machine that checks offers")
final class CheckedOffersTest {
    private static final int SHARED = MapFlags.SHARED;

    @Test
    @DisplayName(
            "on a machine that checks offers, one that waits in rcuMapPages is refused and reported, even if it says"
                    + " nothing")
    void checkedOffers() throws InterruptedException {
        SpaceFixture checked =
                new SpaceFixture(Machine.builder().memory(1 << 24).checkOffers(Duration.ofDays(1)));
        OddFile file = new OddFile(checked);
        long spare = checked.anonymous(1);
        try (Cpu second = checked.machine.claimCpu()) {
            second.switchTo(checked.space);
            List<Runnable> waiting = List.of(
                    () -> checked.space.munmap(spare, PAGE),
                    () -> checked.space.mmap(0, PAGE, RW, SpaceFixture.ANONYMOUS, null, 0),
                    checked.space::fork,
                    () -> checked.machine.newSpace(SpaceFixture.GEOMETRY),
                    checked.space::usage,
                    () -> second.memory().handleFault(spare, WRITE),
                    () -> file.cache.truncate(0),
                    () -> file.cache.remove(0, 1),
                    () -> file.cache.insert(0, 0));
            for (Runnable wait : waiting) {
                for (boolean catches : new boolean[] {false, true}) {
                    checked.reports.clear();
                    file.offer = window -> {
                        try {
                            wait.run();
                        } catch (IllegalStateException refused) {
                            if (!catches) {
                                throw refused;
                            }
                        }
                    };
                    long at = checked.map(0, 1, READ, SHARED, file, 0);
                    assertTrue(checked.cpu.memory().load(at, 8) == Fault.NONE);
                    assertEquals(PagedFile.STAMP, checked.cpu.memory().value());
                    assertEquals(1, checked.reports.size());
                }
            }
            assertFalse(checked.isMapped(spare));
            file.offer = null;
            checked.reports.clear();
            checked.load(checked.map(0, 1, READ, SHARED, file, 0));
            assertEquals(List.of(), checked.reports);
        }
        file.cache.truncate(0);
        checked.closeEmpty();
    }

    @Test
    @DisplayName("on a machine that checks offers, one that takes longer than was set is reported")
    void slowOffers() throws InterruptedException {
        SpaceFixture checked =
                new SpaceFixture(Machine.builder().memory(1 << 24).checkOffers(Duration.ZERO));
        MemoryFile file = checked.file(1);
        checked.load(checked.map(0, 1, READ, SHARED, file.open(), 0));
        assertEquals(1, checked.reports.size());
        assertEquals(Report.Kind.LONG_WAIT, checked.reports.get(0).kind());
        file.close();
        checked.closeEmpty();
    }
}
