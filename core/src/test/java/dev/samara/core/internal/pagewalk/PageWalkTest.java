// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.tlb.BarePageTable;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Walks:")
final class PageWalkTest {
    /** The parts of a range that a walk visits. */
    @Nested
    final class Parts {
        private static final long PAGE = 4096;
        private static final int ENTRIES = 512;
        private static final long LEAF = ENTRIES * PAGE;
        private static final long LIMIT = Geometry.LINUX_X86_64.limit();

        private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
        private final PageWalk walk = new PageWalk(table);

        private void assertPart(long start, long end) {
            assertTrue(walk.next());
            assertEquals(start, walk.start());
            assertEquals(end, walk.end());
            assertSame(table.leaf(start), walk.leaf());
            assertEquals((start & LEAF - 1) / PAGE, walk.first());
            assertEquals(walk.first() + (end - start) / PAGE, walk.endIndex());
            assertEquals(start, walk.addressOf(walk.first()));
            assertEquals(end - PAGE, walk.addressOf(walk.endIndex() - 1));
            assertEquals(end - start == LEAF, walk.isWhole());
        }

        private void assertOver(long end) {
            for (int again = 0; again < 2; again++) {
                assertFalse(walk.next());
                assertEquals(end, walk.start());
                assertEquals(end, walk.end());
                assertEquals(0, walk.leaf().length);
            }
        }

        @Test
        @DisplayName("each leaf of the range is met once, cut off at both ends of the range")
        void parts() {
            for (long leaf : new long[] {1, 2, 5}) {
                table.leafFromReserve(leaf * LEAF, TableReserve.NONE);
            }
            walk.over(LEAF + 3 * PAGE, 5 * LEAF + 2 * PAGE);
            assertPart(LEAF + 3 * PAGE, 2 * LEAF);
            assertPart(2 * LEAF, 3 * LEAF);
            assertPart(5 * LEAF, 5 * LEAF + 2 * PAGE);
            assertOver(5 * LEAF + 2 * PAGE);
            walk.over(LEAF, 2 * LEAF);
            assertPart(LEAF, 2 * LEAF);
            assertOver(2 * LEAF);
            walk.over(2 * LEAF + 7 * PAGE, 2 * LEAF + 8 * PAGE);
            assertPart(2 * LEAF + 7 * PAGE, 2 * LEAF + 8 * PAGE);
            assertOver(2 * LEAF + 8 * PAGE);
        }

        @Test
        @DisplayName("a range without leaves and an empty range have no part")
        void nothing() {
            assertOver(0);
            walk.over(0, LIMIT);
            assertOver(LIMIT);
            table.leafFromReserve(LEAF, TableReserve.NONE);
            walk.over(LEAF, LEAF);
            assertOver(LEAF);
            walk.over(2 * LEAF, LIMIT);
            assertOver(LIMIT);
        }

        @Test
        @DisplayName("a range may end with the last page below the limit")
        void limit() {
            table.leafFromReserve(LIMIT - PAGE, TableReserve.NONE);
            long start = LIMIT - PAGE & -LEAF;
            walk.over(0, LIMIT);
            assertPart(start, LIMIT);
            assertOver(LIMIT);
            walk.over(LIMIT - PAGE, LIMIT);
            assertPart(LIMIT - PAGE, LIMIT);
            assertOver(LIMIT);
        }

        @Test
        @DisplayName("a leaf that is unhooked during the walk is passed over, and one that is linked ahead is met")
        void changes() {
            table.leafFromReserve(LEAF, TableReserve.NONE);
            table.leafFromReserve(2 * LEAF, TableReserve.NONE);
            walk.over(0, LIMIT);
            assertPart(LEAF, 2 * LEAF);
            table.unhookIfEmpty(2 * LEAF);
            table.leafFromReserve(9 * LEAF, TableReserve.NONE);
            assertPart(9 * LEAF, 10 * LEAF);
            assertOver(LIMIT);
        }

        @Test
        @DisplayName("the walk by spans meets every address once, whether or not there is a leaf")
        void spans() {
            table.leafFromReserve(2 * LEAF, TableReserve.NONE);
            long end = 4 * LEAF + PAGE;
            walk.over(LEAF - 2 * PAGE, end);
            long at = LEAF - 2 * PAGE;
            int count = 0;
            while (walk.nextSpan()) {
                assertEquals(at, walk.start());
                assertTrue(walk.end() <= (at & -LEAF) + LEAF);
                at = walk.end();
                count++;
            }
            assertEquals(end, at);
            assertEquals(5, count);
        }

        @Test
        @DisplayName("random ranges over random leaves")
        void random() {
            Random random = new Random(7);
            TreeSet<Long> leaves = new TreeSet<>();
            for (int round = 0; round < 300; round++) {
                long leaf = LEAF * (random.nextInt(4) == 0 ? random.nextInt(1 << 26) : random.nextInt(64));
                table.leafFromReserve(leaf, TableReserve.NONE);
                leaves.add(leaf);
                long start = PAGE * random.nextInt(40 * ENTRIES);
                long end = random.nextInt(8) == 0 ? LIMIT : start + PAGE * random.nextInt(40 * ENTRIES);
                walk.over(start, end);
                for (long expected : leaves.tailSet(start & -LEAF, true)) {
                    if (expected < end) {
                        assertPart(Math.max(start, expected), Math.min(end, expected + LEAF));
                    }
                }
                assertOver(end);
            }
        }
    }

    /** Removing pages without removing the mapping. */
    @Nested
    final class Discards {
        private static final long AT = 0x40_0000;
        private static final long LEAF = 512 * BarePageTable.PAGE;
        private static final DiscardPages.Choice ALL = (pte, address) -> true;

        private final MachineMemory memory = SmallMemory.of(4000);
        private final BarePageTable table = new BarePageTable(memory);

        private DiscardPages discarding() {
            return new DiscardPages(memory, Pte.NONE);
        }

        private DiscardPages guarding() {
            return new DiscardPages(memory, Pte.GUARD);
        }

        @Test
        @DisplayName("P2: an entry is busy, and its page in use, until no CPU can translate to it; then it is empty")
        void busyUntilInvalidated() throws InterruptedException {
            int frame = table.fill(AT);
            CpuTlb cpu = table.guest(AT);
            CountDownLatch marked = new CountDownLatch(1);
            Thread discarder = new Thread(() -> {
                try (DiscardPages discarding = discarding()) {
                    discarding.discard(table.pages, AT, AT + BarePageTable.PAGE, ALL);
                    marked.countDown();
                }
            });
            discarder.start();
            marked.await();
            for (int i = 0; i < 10_000; i++) {
                long pte = table.pages.get(AT);
                assertTrue(Pte.isBusy(pte), () -> Pte.toString(pte));
                assertEquals(frame, Pte.frame(pte));
                assertEquals(1, table.inUse());
            }
            Gate gate = memory.contexts.gateOf(table.pages.get(AT));
            assertFalse(gate.isOpen(), "a fault that finds it can wait");
            cpu.leaveGuest();
            gate.awaitUninterruptibly(new Patient());
            assertTrue(gate.isOpen());
            assertEquals(Pte.NONE, table.pages.get(AT));
            discarder.join();
            assertEquals(0, table.inUse());
            cpu.close();
        }

        /** A wait that is not reported. */
        private static final class Patient implements WaitReporter {
            @Override
            public long reportAfterNanos() {
                return Long.MAX_VALUE;
            }

            @Override
            public void waitsLong(Object blocker, Thread waiter, long nanos) {
                throw new AssertionError(waiter + " waits for " + blocker);
            }
        }

        @Test
        @DisplayName("only chosen entries are taken, by their addresses; guards and empty entries are not asked about")
        void chosen() {
            for (int i = 0; i < 6; i++) {
                table.fill(AT + LEAF + (i - 3) * BarePageTable.PAGE);
            }
            table.put(AT, Pte.GUARD);
            List<Long> asked = new ArrayList<>();
            try (DiscardPages discarding = discarding()) {
                discarding.discard(table.pages, AT, AT + LEAF + 2 * BarePageTable.PAGE, (pte, address) -> {
                    asked.add(address);
                    return (address >> 12) % 2 == 0;
                });
            }
            List<Long> expected = new ArrayList<>();
            for (int i = -3; i < 2; i++) {
                expected.add(AT + LEAF + i * BarePageTable.PAGE);
            }
            assertEquals(expected, asked);
            assertEquals(6 - 2, table.inUse());
            assertEquals(Pte.GUARD, table.pages.get(AT));
            assertEquals(Pte.NONE, table.pages.get(AT + LEAF));
            assertTrue(Pte.isPresent(table.pages.get(AT + LEAF + BarePageTable.PAGE)));
        }

        @Test
        @DisplayName("guards are put over pages and where there is none, to the ends of the range and no further")
        void guards() {
            table.fill(AT + 3 * BarePageTable.PAGE);
            table.fill(AT + LEAF);
            table.fill(AT + LEAF + 5 * BarePageTable.PAGE);
            try (DiscardPages guarding = guarding()) {
                guarding.guard(
                        table.pages,
                        AT + 2 * BarePageTable.PAGE,
                        AT + LEAF + 2 * BarePageTable.PAGE,
                        TableReserve.NONE);
            }
            for (long at = AT; at < AT + 2 * LEAF; at += BarePageTable.PAGE) {
                boolean within = at >= AT + 2 * BarePageTable.PAGE && at < AT + LEAF + 2 * BarePageTable.PAGE;
                assertEquals(within, table.pages.get(at) == Pte.GUARD, "at " + Long.toHexString(at));
            }
            assertEquals(1, table.inUse());
        }

        @Test
        @DisplayName("P25, P30: an entry that a discard takes over from another is freed once, by the last one")
        void takenOver() {
            table.fill(AT);
            table.fill(AT + BarePageTable.PAGE);
            try (DiscardPages first = discarding()) {
                first.discard(table.pages, AT, AT + LEAF, ALL);
                try (DiscardPages second = discarding()) {
                    second.discard(table.pages, AT, AT + BarePageTable.PAGE, ALL);
                    assertTrue(Pte.isBusy(table.pages.get(AT)));
                    first.finish();
                    assertEquals(1, table.inUse(), "the one that was not taken over");
                    assertTrue(Pte.isBusy(table.pages.get(AT)), "and this one is the other's");
                }
                assertEquals(0, table.inUse());
                assertEquals(Pte.NONE, table.pages.get(AT));
            }
            assertEquals(0, table.inUse());
        }

        @Test
        @DisplayName("P30: a guard that is being put in survives that its entry is taken over by a truncation")
        void guardTakenOver() {
            table.fill(AT);
            try (DiscardPages guarding = guarding();
                    DiscardPages truncating = discarding()) {
                guarding.guard(table.pages, AT, AT + BarePageTable.PAGE, TableReserve.NONE);
                truncating.discard(table.pages, AT, AT + LEAF, ALL);
                guarding.finish();
                truncating.finish();
            }
            assertEquals(Pte.GUARD, table.pages.get(AT));
            assertEquals(0, table.inUse());
        }

        @Test
        @DisplayName("P30: a guard takes over the entry that a truncation was at")
        void guardTakesOver() {
            table.fill(AT);
            try (DiscardPages guarding = guarding();
                    DiscardPages truncating = discarding()) {
                truncating.discard(table.pages, AT, AT + LEAF, ALL);
                guarding.guard(table.pages, AT, AT + BarePageTable.PAGE, TableReserve.NONE);
                truncating.finish();
            }
            assertEquals(Pte.GUARD, table.pages.get(AT));
            assertEquals(0, table.inUse());
        }

        @Test
        @DisplayName("P30: guards beside discards of the same pages: all are there at the end, and no frame is left")
        void guardsBesideDiscards() throws InterruptedException {
            for (int round = 0; round < 300; round++) {
                for (int i = 0; i < 20; i++) {
                    table.fill(AT + i * BarePageTable.PAGE);
                }
                Thread other = new Thread(() -> {
                    try (DiscardPages truncating = discarding()) {
                        truncating.discard(table.pages, AT, AT + LEAF, ALL);
                    }
                });
                other.start();
                try (DiscardPages guarding = guarding()) {
                    guarding.guard(table.pages, AT, AT + 20 * BarePageTable.PAGE, TableReserve.NONE);
                }
                other.join();
                for (int i = 0; i < 20; i++) {
                    assertEquals(
                            Pte.GUARD,
                            table.pages.get(AT + i * BarePageTable.PAGE),
                            "page " + i + " of round " + round);
                }
                assertEquals(0, table.inUse());
                try (TlbGather gather = new TlbGather(memory)) {
                    LeafWalks.unmap(new PageWalk(table.pages), AT, AT + LEAF, gather);
                }
            }
            assertEquals(0, table.pages.tables());
        }

        @Test
        @DisplayName("more pages than fit one batch, and a range of a TiB with pages at its ends")
        void large() {
            for (int i = 0; i < 2500; i++) {
                table.fill(AT + i * BarePageTable.PAGE);
            }
            table.fill(AT + (1L << 40));
            try (DiscardPages discarding = discarding()) {
                discarding.discard(table.pages, 0, AT + (1L << 40) + BarePageTable.PAGE, ALL);
                assertTrue(table.inUse() < 1500, "a first part is free before the end");
            }
            assertEquals(0, table.inUse());
        }

        @Test
        @DisplayName("an unreachable page is dropped; a thread that waits for an operation is woken at its end")
        void dropped() {
            int frame = memory.frames.allocate(table.context.magazine);
            try (DiscardPages discarding = discarding()) {
                discarding.dropWhenFinished(new int[] {frame, Frames.NONE}, 1);
                assertEquals(1, table.inUse());
                discarding.finish();
                assertEquals(0, table.inUse());
            }
            assertEquals(0, table.inUse(), "once");
            table.fill(AT);
            Gate gate;
            try (DiscardPages discarding = discarding()) {
                discarding.discard(table.pages, AT, AT + LEAF, ALL);
                gate = memory.contexts.gateOf(table.pages.get(AT));
                assertFalse(gate.isOpen());
            }
            assertTrue(gate.isOpen());
        }

        @Test
        @DisplayName("P30: a copy's entry is taken over with its page, and the copy's last step fails")
        void overACopy() {
            int frame = table.fill(AT);
            long[] leaf = table.pages.leafFromReserve(AT, TableReserve.NONE);
            int index = table.pages.indexOf(AT);
            long present = table.pages.get(AT);
            long copied = Pte.busy(present, table.context.owner, true);
            assertTrue(Leaf.claim(leaf, index, present, copied));
            try (DiscardPages discarding = discarding()) {
                discarding.discard(table.pages, AT, AT + LEAF, ALL);
                assertFalse(Leaf.settle(leaf, index, copied, Pte.present(frame, BarePageTable.OWN)));
            }
            assertEquals(Pte.NONE, table.pages.get(AT));
            assertEquals(0, table.inUse());
        }

        @Test
        @DisplayName(
                "leaves all of whose pages are taken go too, and not those of which a page stays, or was not asked for")
        void wholeLeaves() {
            for (int i = 0; i < 4; i++) {
                table.fill(AT + i * LEAF);
            }
            table.fill(AT + LEAF + BarePageTable.PAGE);
            int before = table.pages.tables();
            try (DiscardPages discarding = discarding()) {
                discarding.discard(
                        table.pages,
                        AT,
                        AT + 3 * LEAF + BarePageTable.PAGE,
                        (pte, address) -> address != AT + LEAF + BarePageTable.PAGE);
            }
            assertEquals(before - 2, table.pages.tables());
            assertTrue(Pte.isPresent(table.pages.get(AT + LEAF + BarePageTable.PAGE)));
            assertEquals(1, table.inUse());
        }

        @Test
        @DisplayName("I2: a CPU that comes to a translation just before it is taken drops it too")
        void comesJustBefore() {
            table.fill(AT);
            CpuTlb cpu = table.guest();
            try (DiscardPages discarding = discarding()) {
                discarding.discard(
                        table.pages, AT, AT + BarePageTable.PAGE, (pte, address) -> cpu.walk(AT, Pte.READ) >= 0);
            }
            assertEquals(SoftTlb.MISS, cpu.tlb.probe(AT, 8, Pte.READ));
            assertEquals(0, table.inUse());
            cpu.leaveGuest();
            cpu.close();
        }

        @Test
        @DisplayName(
                "that a cache's page was written is noted before its entry is marked, never of the frame's next page")
        void written() {
            int frame = memory.frames.allocate(table.context.magazine);
            table.put(AT, Pte.present(frame, Pte.READ | Pte.WRITE | Pte.DIRTY));
            try (DiscardPages truncating = discarding()) {
                truncating.discard(table.pages, AT, AT + BarePageTable.PAGE, ALL);
                assertTrue(memory.frames.isDirty(frame));
                // Does what a truncation does if it completes before the unmapping continues.
                memory.frames.drop(frame, table.context.magazine);
                assertEquals(frame, memory.frames.allocate(table.context.magazine));
                assertFalse(memory.frames.isDirty(frame));
                try (TlbGather gather = new TlbGather(memory)) {
                    LeafWalks.unmap(new PageWalk(table.pages), AT, AT + BarePageTable.PAGE, gather);
                }
                assertFalse(memory.frames.isDirty(frame), "this page was not written");
            }
            assertFalse(memory.frames.isDirty(frame));
            assertEquals(1, table.inUse());
        }

        @Test
        @DisplayName("P2: a discard that fails again and again ends as soon as it can, and its number stays its own")
        void failsAgainAndAgain() {
            Shootdowns shootdowns = SmallMemory.shootdowns(new Cpus(LazyContext.Shootdown::new), 0, message -> {
                throw new IllegalStateException(message);
            });
            MachineMemory failing = new MachineMemory(
                    memory.frames, memory.rcu, shootdowns, 1, MachineMemory.UNCHECKED, null, SmallMemory.unlimited());
            BarePageTable of = new BarePageTable(failing);
            of.fill(AT);
            int removed = memory.frames.allocate(of.context.magazine);
            CpuTlb cpu = of.guest(AT);
            Thread discarder = new Thread(() -> {
                DiscardPages discarding = new DiscardPages(failing, Pte.NONE);
                discarding.discard(of.pages, AT, AT + BarePageTable.PAGE, ALL);
                discarding.dropWhenFinished(new int[] {removed}, 1);
                assertThrows(IllegalStateException.class, discarding::finish);
                assertThrows(IllegalStateException.class, discarding::close);
            });
            discarder.start();
            Await.until("the discarding thread has given up", () -> !discarder.isAlive());
            long mark = of.pages.get(AT);
            assertTrue(Pte.isBusy(mark), () -> Pte.toString(mark));
            assertEquals(2, of.inUse());
            Gate gate = failing.contexts.gateOf(mark);
            try (TlbGather other = new TlbGather(failing)) {
                assertNotEquals(Pte.owner(mark), other.context().owner);
            }
            assertFalse(gate.isOpen());
            cpu.leaveGuest();
            Await.until("the discard is tried again", gate::isOpen);
            assertEquals(Pte.NONE, of.pages.get(AT));
            Await.until("the frames come back", () -> of.inUse() == 0);
            cpu.close();
        }
    }

    /** Emptying ranges. */
    @Nested
    final class Unmaps {
        private static final long AT = 0x40_0000;
        private static final long LEAF = 512 * BarePageTable.PAGE;

        private final MachineMemory memory = SmallMemory.of(1000);
        private final BarePageTable table = new BarePageTable(memory);

        private void unmap(long start, long end) {
            try (TlbGather gather = new TlbGather(memory)) {
                LeafWalks.unmap(new PageWalk(table.pages), start, end, gather);
            }
        }

        @Test
        @DisplayName(
                "an unmap takes what lies in its range and nothing beside it; P14: a leaf stays while it has anything")
        void exact() {
            for (int i = 0; i < 8; i++) {
                table.fill(AT + LEAF - 4 * BarePageTable.PAGE + i * BarePageTable.PAGE);
            }
            int tables = table.pages.tables();
            unmap(AT + LEAF - 3 * BarePageTable.PAGE, AT + LEAF + 3 * BarePageTable.PAGE);
            assertEquals(2, table.inUse());
            assertNotEquals(Pte.NONE, table.pages.get(AT + LEAF - 4 * BarePageTable.PAGE));
            assertNotEquals(Pte.NONE, table.pages.get(AT + LEAF + 3 * BarePageTable.PAGE));
            assertEquals(tables, table.pages.tables());
            unmap(AT, AT + LEAF);
            assertEquals(tables - 1, table.pages.tables());
            unmap(AT, AT + 2 * LEAF);
            assertEquals(0, table.pages.tables());
            assertEquals(0, table.inUse());
        }

        @Test
        @DisplayName("a few pages in 64 TiB are found at once, whatever lies between")
        void sparse() {
            long limit = Geometry.LINUX_X86_64.limit();
            long[] places = {
                0, BarePageTable.PAGE, 1L << 40, (1L << 40) + (1L << 30), limit / 2, limit - BarePageTable.PAGE
            };
            for (int round = 0; round < 200; round++) {
                for (long place : places) {
                    table.fill(place);
                }
                assertEquals(places.length, table.inUse());
                unmap(0, limit);
                assertEquals(0, table.inUse());
                assertEquals(0, table.pages.tables());
            }
        }

        @Test
        @DisplayName("guards go, and so does what another operation is at, with its page")
        void guardsAndBusyEntries() {
            table.put(AT, Pte.GUARD);
            table.put(AT + BarePageTable.PAGE, Pte.busy(Pte.present(oneFrame(), BarePageTable.OWN), 3, false));
            table.put(AT + 2 * BarePageTable.PAGE, Pte.busy(Pte.present(oneFrame(), BarePageTable.OWN), 4, true));
            unmap(AT, AT + LEAF);
            assertEquals(0, table.inUse());
            assertEquals(0, table.pages.tables());
        }

        private int oneFrame() {
            return memory.frames.allocate(table.context.magazine);
        }

        @Test
        @DisplayName("I2: a range without pages is flushed: a thread that has emptied it may not have flushed yet")
        void flushesEmptyEntries() {
            table.fill(AT + BarePageTable.PAGE);
            long[] leaf = Objects.requireNonNull(table.pages.leaf(AT));
            // Two CPUs, so that the flush is not local.
            Leaf.addToCpumask(leaf, 0, 1, false);
            Leaf.addToCpumask(leaf, 0, 2, false);
            long before = table.pages.context.generation();
            unmap(AT, AT + BarePageTable.PAGE);
            assertEquals(before + 1, table.pages.context.generation());
            unmap(AT, AT + LEAF);
        }

        @Test
        @DisplayName("P30: a page that an unmap takes over from a discard is freed once, by the unmap")
        void overADiscard() {
            table.fill(AT);
            try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
                discarding.discard(table.pages, AT, AT + BarePageTable.PAGE, (pte, address) -> true);
                assertTrue(Pte.isBusy(table.pages.get(AT)));
                unmap(AT, AT + LEAF);
                assertEquals(0, table.inUse());
                table.fill(AT);
            }
            assertEquals(1, table.inUse(), "the discard leaves the page that was put there since");
            assertTrue(Pte.isPresent(table.pages.get(AT)));
        }

        @Test
        @DisplayName(
                "P31: unmaps of four threads beside threads that put pages in: each frame is freed once, none is left")
        void concurrent() throws Exception {
            int threads = 4;
            Thread[] all = new Thread[threads];
            @Nullable Throwable[] failed = new Throwable[threads];
            for (int t = 0; t < threads; t++) {
                int number = t;
                all[t] = new Thread(() -> {
                    try (BarePageTable own = new BarePageTable(memory)) {
                        for (int i = 0; i < 3000; i++) {
                            long place = AT + (i % 5) * LEAF + (i * 7 % 3) * BarePageTable.PAGE;
                            if (number % 2 == 0) {
                                int frame = memory.frames.allocate(own.context.magazine);
                                if (!table.put(place, Pte.present(frame, BarePageTable.OWN))) {
                                    memory.frames.drop(frame, own.context.magazine);
                                }
                            } else {
                                unmap(place, place + LEAF);
                            }
                        }
                    } catch (Throwable thrown) {
                        failed[number] = thrown;
                    }
                });
            }
            for (Thread thread : all) {
                thread.start();
            }
            for (Thread thread : all) {
                thread.join();
            }
            for (@Nullable Throwable thrown : failed) {
                assertNull(thrown);
            }
            unmap(0, AT + 6 * LEAF);
            assertEquals(0, table.inUse());
            assertEquals(0, table.pages.tables());
        }
    }

    /**
     * An operation on a range affects each page of the range, in each leaf, even if a CPU has all of them in its TLB,
     * and no page outside the range.
     */
    @DisplayName("A range over several leaves")
    @Nested
    final class SeveralLeaves {
        private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
        private static final int ROUNDS = 6;

        /** The number of pages in a leaf. */
        private static final int LEAF = 512;

        private static final long AT = 0x10_0000_0000L;
        private static final long AWAY = 0x20_0000_0000L;

        static {
            System.out.println("SeveralLeaves: -Dsamara.seed=" + SEED);
        }

        /** An operation, and the state of a page after it. */
        private enum Kind {
            WATCHED {
                @Override
                void run(SpaceFixture fixture, long first, long end) {
                    List<Long> told = new ArrayList<>();
                    try (Watchpoint watch = fixture.space.watch(
                            address(first), (end - first) * PAGE, (address, length) -> told.add(page(address)))) {
                        assertTrue(watch.toString().startsWith("watchpoint"));
                        for (long page = first - 2; page < end + 2; page++) {
                            fixture.store(address(page), page);
                        }
                    }
                    assertEquals(numbers(first, end), told);
                }
            },
            COLLECTED {
                @Override
                void run(SpaceFixture fixture, long first, long end) {
                    for (int again = 0; again < 2; again++) {
                        List<Long> told = new ArrayList<>();
                        fixture.space.collectDirty(
                                address(first), (end - first) * PAGE, address -> told.add(page(address)));
                        assertEquals(numbers(first, end), told, "collection " + again);
                        for (long page = first - 2; page < end + 2; page++) {
                            fixture.store(address(page), page);
                        }
                    }
                }
            },
            NARROWED {
                @Override
                void run(SpaceFixture fixture, long first, long end) {
                    assertEquals(0, fixture.space.mprotect(address(first), (end - first) * PAGE, READ));
                    for (long page = first - 2; page < end + 2; page++) {
                        boolean isWithin = page >= first && page < end;
                        assertFault(isWithin ? Fault.ACCERR : Fault.NONE, fixture.memory.store(address(page), 8, page));
                    }
                    assertEquals(0, fixture.space.mprotect(address(first), (end - first) * PAGE, RW));
                }
            },
            DISCARDED {
                @Override
                void run(SpaceFixture fixture, long first, long end) {
                    assertEquals(0, fixture.space.madvise(address(first), (end - first) * PAGE, Mman.DONTNEED));
                    for (long page = first - 2; page < end + 2; page++) {
                        boolean isWithin = page >= first && page < end;
                        assertEquals(
                                isWithin ? 0 : page,
                                fixture.load(address(page)),
                                () -> "a page of " + first + ".." + end);
                    }
                }
            },
            MOVED {
                @Override
                void run(SpaceFixture fixture, long first, long end) {
                    long length = (end - first) * PAGE;
                    int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
                    assertEquals(AWAY, fixture.space.mremap(address(first), length, length, flags, AWAY));
                    for (long page = first - 2; page < end + 2; page++) {
                        boolean isWithin = page >= first && page < end;
                        assertFault(isWithin ? Fault.MAPERR : Fault.NONE, fixture.memory.load(address(page), 8));
                    }
                    for (long page = first; page < end; page++) {
                        assertEquals(page, fixture.load(AWAY + (page - first) * PAGE));
                    }
                    assertEquals(address(first), fixture.space.mremap(AWAY, length, length, flags, address(first)));
                    for (long page = first - 2; page < end + 2; page++) {
                        assertEquals(page, fixture.load(address(page)));
                    }
                }
            },
            UNMAPPED {
                @Override
                void run(SpaceFixture fixture, long first, long end) {
                    assertEquals(0, fixture.space.munmap(address(first), (end - first) * PAGE));
                    for (long page = first - 2; page < end + 2; page++) {
                        boolean isWithin = page >= first && page < end;
                        assertFault(isWithin ? Fault.MAPERR : Fault.NONE, fixture.memory.load(address(page), 8));
                    }
                    fixture.map(address(first), end - first, RW, ANONYMOUS | Mman.FIXED, null, 0);
                }
            };

            /** Performs the operation, and checks once each page of the range and two pages on either side. */
            abstract void run(SpaceFixture fixture, long first, long end);
        }

        private static long address(long page) {
            return AT + page * PAGE;
        }

        private static long page(long address) {
            return (address - AT) / PAGE;
        }

        private static List<Long> numbers(long first, long end) {
            return LongStream.range(first, end).boxed().toList();
        }

        @ParameterizedTest
        @EnumSource
        void everyPage(Kind kind) {
            Random random = new Random(SEED);
            // Each page of three leaves has its own slot in the TLB.
            SpaceFixture fixture =
                    new SpaceFixture(Machine.builder().memory(4L * LEAF * PAGE).tlbEntries(4 * LEAF));
            fixture.map(AT, 3 * LEAF, RW, ANONYMOUS | Mman.FIXED, null, 0);
            for (int round = 0; round < ROUNDS; round++) {
                int leaves = 2 + round % 2;
                long first = LEAF - 1L - random.nextInt(20);
                long end = (leaves - 1L) * LEAF + 1 + random.nextInt(20);
                for (long page = first - 2; page < end + 2; page++) {
                    fixture.store(address(page), page);
                }
                kind.run(fixture, first, end);
            }
            fixture.closeEmpty();
            assertEquals(List.of(), fixture.reports);
        }
    }
}
