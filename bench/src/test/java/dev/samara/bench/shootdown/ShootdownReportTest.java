// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs a small version of each workload: the number of CPUs waited for is exact. */
@Explored(3)
class ShootdownReportTest {
    private static final int CPUS = 8;
    private static final int ITERATIONS = 20;

    private static void assertCounts(long shootdowns, long targets, CpuThreads.ShootdownCounts counts) {
        assertEquals(shootdowns, counts.shootdowns(), counts::toString);
        assertEquals(targets, counts.targets(), counts::toString);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    @DisplayName("an unmap of pages that no other CPU has touched has no CPU flush anything")
    void local(int pages) throws InterruptedException {
        for (boolean inTurns : new boolean[] {false, true}) {
            MapWork.MapOutcome outcome = MapWork.run(MapWork.Kind.LOCAL, CPUS, pages, ITERATIONS, inTurns);
            assertCounts(0, 0, outcome.counts());
            assertEquals(0, outcome.counts().foreign());
            assertEquals(CPUS * ITERATIONS, outcome.operations());
            assertEquals((long) pages * CPUS * ITERATIONS, outcome.pages());
        }
    }

    @Test
    @DisplayName("an unmap of pages that one other CPU has touched waits for that one")
    void pipeline() throws InterruptedException {
        int operations = CPUS * ITERATIONS;
        CpuThreads.ShootdownCounts counts =
                MapWork.run(MapWork.Kind.PIPELINE, CPUS, 1, ITERATIONS, true).counts();
        assertCounts(operations, operations, counts);
        assertEquals(operations, counts.foreign());
        CpuThreads.ShootdownCounts free =
                MapWork.run(MapWork.Kind.PIPELINE, CPUS, 1, ITERATIONS, false).counts();
        assertEquals(free.shootdowns(), free.targets());
        assertTrue(free.shootdowns() <= operations, free::toString);
    }

    @Test
    @DisplayName("a replacement of pages that all CPUs have touched waits for all others")
    void global() throws InterruptedException {
        int operations = CPUS * ITERATIONS;
        assertCounts(
                operations,
                operations * (CPUS - 1L),
                MapWork.run(MapWork.Kind.GLOBAL, CPUS, 16, ITERATIONS, true).counts());
        CpuThreads.ShootdownCounts free =
                MapWork.run(MapWork.Kind.GLOBAL, CPUS, 16, ITERATIONS, false).counts();
        assertTrue(free.perShootdown() <= CPUS - 1, free::toString);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("what several have touched is taken away from each of them, whatever its size")
    void micro(boolean discards) throws InterruptedException {
        for (int cores = 1; cores <= 4; cores++) {
            UnmapWork.Micro told = UnmapWork.micro(cores, 1, discards, ITERATIONS);
            assertCounts(cores == 1 ? 0 : ITERATIONS, (cores - 1L) * ITERATIONS, told.counts());
            assertEquals(ITERATIONS, told.taking().getTotalCount());
        }
        for (int pages = 2; pages <= 1024; pages *= 8) {
            assertCounts(
                    ITERATIONS,
                    ITERATIONS,
                    UnmapWork.micro(2, pages, discards, ITERATIONS).counts());
        }
    }

    @ParameterizedTest
    @EnumSource(ReuseWork.Setting.class)
    @DisplayName("a discard waits for no CPU, unless another one has read the page")
    void flush(ReuseWork.Setting setting) throws InterruptedException {
        ReuseWork.Phases told = ReuseWork.flush(setting, 2);
        // One more per iteration is at munmap: a CPU that accessed a page of a page table is asked as long as the page
        // table exists.
        int shootdowns = setting == ReuseWork.Setting.WATCHED ? 2 * (ReuseWork.PAGES + 1) : 0;
        assertCounts(shootdowns, shootdowns, told.counts());
        assertEquals(told.pages(), told.discarding().getTotalCount());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 16, 64})
    @DisplayName("frames that go round in one space are flushed once for each eviction, if another has read the pages")
    void recycle(int batch) throws InterruptedException {
        assertCounts(0, 0, ReuseWork.recycle(64, batch, false, 2).counts());
        ReuseWork.Recycled told = ReuseWork.recycle(64, batch, true, 2);
        assertEquals(3 * 64, told.recycled());
        assertCounts(told.recycled() / batch, told.recycled() / batch, told.counts());
    }

    @ParameterizedTest
    @EnumSource(RoundTrips.Peer.class)
    @DisplayName("each round trip goes to the peer and back")
    void roundTrips(RoundTrips.Peer peer) throws InterruptedException {
        RoundTrips.Trips trips = RoundTrips.measure(peer, 1);
        boolean isShot = peer != RoundTrips.Peer.PING_PONG && peer != RoundTrips.Peer.NOBODY;
        assertEquals(isShot ? 2 * 256 : 0, trips.targets());
        assertEquals(256, trips.single().getTotalCount());
    }

    @Test
    @DisplayName("SwitchBenchmark leaves as many users of its spaces as it found")
    void switches() {
        SwitchBenchmark benchmark = new SwitchBenchmark();
        SwitchBenchmark.TwoSpaces spaces = new SwitchBenchmark.TwoSpaces();
        spaces.setUp();
        SwitchBenchmark.Idling idling = new SwitchBenchmark.Idling();
        for (SwitchBenchmark.IdleSpace idle : SwitchBenchmark.IdleSpace.values()) {
            idling.idle = idle.toString();
            idling.setUp(spaces);
            idling.choose();
            for (int i = 0; i < 100; i++) {
                benchmark.idleAndBack(idling);
                benchmark.otherSpace(idling);
                benchmark.stay(idling);
                assertEquals(1, idling.users());
            }
            idling.tearDown();
            assertEquals(0, idling.users());
        }
        spaces.tearDown();
    }
}
