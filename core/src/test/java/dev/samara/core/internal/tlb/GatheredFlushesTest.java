// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.MmuNotifier.Reason;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pending flushes that cannot be settled immediately, and pending flushes with several reasons. */
final class GatheredFlushesTest {
    private static final long LEAF = 512 * BarePageTable.PAGE;

    /** So near to the first page of a leaf that both are one range. */
    private static final long NEAR = LEAF + 8 * BarePageTable.PAGE;

    private final MachineMemory memory = SmallMemory.of(16);
    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final TlbGather pending = new TlbGather(memory);

    private long[] defer(long address, long told) {
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        Leaf.lock(leaf);
        pending.deferFlush(table, leaf, told, told + BarePageTable.PAGE, Reason.UNMAPPED);
        Leaf.unlock(leaf);
        return leaf;
    }

    @Test
    @DisplayName("a leaf that could not be counted off is still there for the next call")
    void notCountedOff() {
        // Not a leaf: it has no lock, so settling it throws before any effect.
        long[] broken = new long[1];
        pending.deferFlush(table, broken, 0, BarePageTable.PAGE, Reason.UNMAPPED);
        long[] leaf = defer(LEAF, LEAF);
        for (int attempt = 0; attempt < 2; attempt++) {
            assertThrows(ArrayIndexOutOfBoundsException.class, pending::flushed);
            assertEquals(1, pending.leaves);
        }
        assertEquals(0, Leaf.pendingFlushes(leaf));
        assertEquals(0, table.tables(), "the other one was counted off, and has gone");
    }

    @Test
    @DisplayName("a leaf that was counted off and not unhooked has no pending flush, and goes at the end of the space")
    void notUnhooked() {
        long[] other = defer(0, 0);
        // An address beyond the limit has no place in the topmost table.
        long[] leaf = defer(LEAF, 1L << 60);
        assertThrows(ArrayIndexOutOfBoundsException.class, pending::flushed);
        assertEquals(1, pending.leaves);
        assertEquals(0, Leaf.pendingFlushes(leaf));
        assertEquals(1, Leaf.pendingFlushes(other));
        pending.flushed();
        assertEquals(0, pending.leaves);
        assertEquals(0, Leaf.pendingFlushes(other));
        assertEquals(3, table.tables(), "the leaf that was only counted off, and two tables above it");
        table.unhookEmpty();
        assertEquals(0, table.tables());
    }

    /** A call of a flush listener. */
    private record Told(long start, long end, Reason reason, long generation) {}

    /** Returns a CPU of this thread in GUEST that has translations of pages, and records its listener's calls. */
    private static CpuTlb guest(BarePageTable of, List<Told> told, long... pages) {
        CpuTlb cpu = of.guest();
        for (long page : pages) {
            assertNotEquals(Frames.NONE, of.fill(page));
            assertNotEquals(SoftTlb.MISS, cpu.walk(page, Pte.READ));
        }
        cpu.addListener((start, end, reason, generation) -> told.add(new Told(start, end, reason, generation)));
        return cpu;
    }

    private void defer(BarePageTable of, long page, Reason reason) {
        long[] leaf = of.pages.leafFromReserve(page, TableReserve.NONE);
        Leaf.lock(leaf);
        pending.deferFlush(of.pages, leaf, page, page + BarePageTable.PAGE, reason);
        Leaf.unlock(leaf);
    }

    /** When the listeners of CPUs are called for a flush. */
    private enum When {
        /** Immediately, because their own thread flushes. */
        FLUSHED,
        /** When they poll, because they are in GUEST and another thread flushes. */
        POLLED,
        /** When they enter GUEST, because no thread waits for them. */
        ENTERED
    }

    /** Flushes, and makes the CPUs of this thread call their listeners. */
    private void flush(When when, int shootdowns, CpuTlb... cpus) {
        if (when == When.ENTERED) {
            List.of(cpus).forEach(CpuTlb::leaveGuest);
        }
        long before = memory.shootdowns.count();
        boolean isDone = when == When.FLUSHED
                ? pending.pollInvalidation()
                : Await.result("CPUs are asked", CompletableFuture.supplyAsync(pending::pollInvalidation), List.of());
        assertEquals(when != When.POLLED, isDone);
        assertEquals(when == When.POLLED ? shootdowns : 0, memory.shootdowns.count() - before);
        if (when == When.ENTERED) {
            List.of(cpus).forEach(CpuTlb::enterGuest);
        } else {
            List.of(cpus).forEach(CpuTlb::poll);
        }
        assertTrue(isDone || pending.pollInvalidation());
        assertEquals(0, pending.leaves);
    }

    private static void close(CpuTlb... cpus) {
        for (CpuTlb cpu : cpus) {
            cpu.leaveGuest();
            cpu.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("I2: leaves of one space are one shootdown: each CPU of any is told of the ranges, each with a"
            + " generation of its own; of neighbours as one range with the strongest reason")
    void severalReasons(When when) {
        List<Reason> strongestFirst = List.of(
                Reason.UNMAPPED,
                Reason.REPLACED,
                Reason.DISCARDED,
                Reason.PROTECTED,
                Reason.WRITE_PROTECTED,
                Reason.OBSERVED);
        BarePageTable space = new BarePageTable(memory);
        List<Told> low = new ArrayList<>();
        List<Told> high = new ArrayList<>();
        List<Told> beyond = new ArrayList<>();
        CpuTlb ofLow = guest(space, low, LEAF);
        CpuTlb ofHigh = guest(space, high, 3 * LEAF);
        CpuTlb ofBeyond = guest(space, beyond, 5 * LEAF);
        List<Told> expected = new ArrayList<>();
        for (Reason one : strongestFirst) {
            for (Reason other : strongestFirst) {
                long before = space.pages.context.generation();
                defer(space, NEAR, Reason.OBSERVED);
                defer(space, LEAF, one);
                defer(space, LEAF - BarePageTable.PAGE, other);
                flush(when, 1, ofLow, ofHigh, ofBeyond);
                Reason strongest =
                        strongestFirst.get(Math.min(strongestFirst.indexOf(one), strongestFirst.indexOf(other)));
                assertEquals(before + 1, space.pages.context.generation());
                expected.add(new Told(LEAF - BarePageTable.PAGE, NEAR + BarePageTable.PAGE, strongest, before + 1));
                assertEquals(expected, low);
                assertEquals(List.of(), high);

                defer(space, 2 * LEAF, Reason.OBSERVED);
                defer(space, 3 * LEAF, one);
                defer(space, LEAF, other);
                flush(when, 1, ofLow, ofHigh, ofBeyond);
                assertEquals(before + 4, space.pages.context.generation());
                expected.add(new Told(LEAF, LEAF + BarePageTable.PAGE, other, before + 4));
                assertEquals(expected, low);
                assertEquals(List.of(new Told(3 * LEAF, 3 * LEAF + BarePageTable.PAGE, one, before + 3)), high);
                high.clear();
            }
        }
        assertEquals(List.of(), beyond);
        close(ofLow, ofHigh, ofBeyond);
    }

    /** Defers the flush of single pages. */
    private void defer(BarePageTable of, int apart, int pages) {
        for (int i = 0; i < pages; i++) {
            long page = (long) i * apart * BarePageTable.PAGE;
            long[] leaf = of.pages.leafFromReserve(page, TableReserve.NONE);
            Leaf.lock(leaf);
            pending.deferFlush(of.pages, leaf, page, Reason.OBSERVED);
            Leaf.unlock(leaf);
        }
    }

    private static boolean knows(CpuTlb cpu, long page) {
        return cpu.tlb.probe(page * BarePageTable.PAGE, 8, Pte.READ) != SoftTlb.MISS;
    }

    @Test
    @DisplayName("I2: pages that are far from each other are dropped, and those between them are not")
    void scattered() {
        BarePageTable space = new BarePageTable(memory);
        CpuTlb used = space.guest();
        // Each page has a slot of its own, of 16.
        for (long page : new long[] {0, 100, 205}) {
            assertNotEquals(Frames.NONE, space.fill(page * BarePageTable.PAGE));
            assertNotEquals(SoftTlb.MISS, used.walk(page * BarePageTable.PAGE, Pte.READ));
        }
        long before = space.pages.context.generation();
        defer(space, 205, 2);
        pending.invalidate();
        assertEquals(before + 2, space.pages.context.generation());
        assertFalse(knows(used, 0));
        assertTrue(knows(used, 100));
        assertFalse(knows(used, 205));
        close(used);
    }

    @Test
    @DisplayName("I2: more pages than a flush has ranges are dropped, for a small part of the log")
    void manyScattered() {
        BarePageTable space = new BarePageTable(memory);
        int pages = 1000;
        CpuTlb cpu = space.guest();
        long before = space.pages.context.generation();
        for (int last : new int[] {pages - 1, 0, 500}) {
            long page = 100L * last * BarePageTable.PAGE;
            assertNotEquals(Frames.NONE, space.fill(page));
            assertNotEquals(SoftTlb.MISS, cpu.walk(page, Pte.READ));
        }
        defer(space, 100, pages);
        pending.invalidate();
        assertTrue(space.pages.context.generation() - before <= TlbContext.LOG_SIZE / 8);
        assertFalse(knows(cpu, 0));
        assertFalse(knows(cpu, 100 * 500));
        assertFalse(knows(cpu, 100L * (pages - 1)));
        close(cpu);
    }

    @Test
    @DisplayName("I2: a flush of another operation is pending, and so its pages are flushed, too; one's own are not")
    void pendingElsewhere() {
        BarePageTable space = new BarePageTable(memory);
        defer(space, 40, 3);
        long[] leaf = space.pages.leafFromReserve(0, TableReserve.NONE);
        TlbGather other = new TlbGather(memory);
        Leaf.lock(leaf);
        assertFalse(pending.deferIfPending(space.pages, leaf, 0, LEAF, Reason.OBSERVED));
        assertTrue(other.deferIfPending(space.pages, leaf, 0, LEAF, Reason.OBSERVED));
        assertTrue(pending.deferIfPending(space.pages, leaf, 0, LEAF, Reason.OBSERVED));
        Leaf.unlock(leaf);
        other.close();
        pending.close();
        assertEquals(0, space.pages.tables());
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("I2: ranges of two spaces in turns: each CPU is told of those of its own, each with its own reason")
    void severalSpaces(When when) {
        BarePageTable one = new BarePageTable(memory);
        BarePageTable other = new BarePageTable(memory);
        List<Told> toldOne = new ArrayList<>();
        List<Told> toldOther = new ArrayList<>();
        CpuTlb ofOne = guest(one, toldOne, LEAF, 3 * LEAF);
        CpuTlb ofOther = guest(other, toldOther, LEAF, 2 * LEAF);
        long before = one.pages.context.generation();
        long beforeOther = other.pages.context.generation();
        defer(one, LEAF, Reason.UNMAPPED);
        defer(other, NEAR, Reason.PROTECTED);
        defer(other, LEAF, Reason.DISCARDED);
        defer(one, 3 * LEAF, Reason.OBSERVED);
        flush(when, 3, ofOne, ofOther);
        assertEquals(
                List.of(
                        new Told(LEAF, LEAF + BarePageTable.PAGE, Reason.UNMAPPED, before + 1),
                        new Told(3 * LEAF, 3 * LEAF + BarePageTable.PAGE, Reason.OBSERVED, before + 2)),
                toldOne);
        assertEquals(List.of(new Told(LEAF, NEAR + BarePageTable.PAGE, Reason.DISCARDED, beforeOther + 1)), toldOther);
        close(ofOne, ofOther);
    }
}
