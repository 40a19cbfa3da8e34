// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.memory.SmallMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.BarePageTable;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.vma.Geometry;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Emptying ranges. */
final class UnmapPagesTest {
    private static final long AT = 0x40_0000;
    private static final long LEAF = 512 * BarePageTable.PAGE;

    private final MachineMemory memory = SmallMemory.of(1000);
    private final BarePageTable table = new BarePageTable(memory);

    private void unmap(long start, long end) {
        try (TlbGather gather = new TlbGather(memory)) {
            UnmapPages.unmap(new PageWalk(table.pages), start, end, gather);
        }
    }

    @Test
    @DisplayName("an unmap takes what lies in its range and nothing beside it; P14: a leaf stays while it has anything")
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
        long[] places = {0, BarePageTable.PAGE, 1L << 40, (1L << 40) + (1L << 30), limit / 2, limit - BarePageTable.PAGE
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
        return memory.frames().allocate(table.context.magazine());
    }

    @Test
    @DisplayName("I2: a range without pages is flushed: a thread that has emptied it may not have flushed yet")
    void flushesEmptyEntries() {
        table.fill(AT + BarePageTable.PAGE);
        long[] leaf = Objects.requireNonNull(table.pages.leaf(AT));
        // Two CPUs, so that the flush is not local.
        Leaf.addToCpumask(leaf, 0, 1, false);
        Leaf.addToCpumask(leaf, 0, 2, false);
        long before = table.pages.context().generation().current();
        unmap(AT, AT + BarePageTable.PAGE);
        assertEquals(before + 1, table.pages.context().generation().current());
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
    @DisplayName("P31: unmaps of four threads beside threads that put pages in: each frame is freed once, none is left")
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
                            int frame = memory.frames().allocate(own.context.magazine());
                            if (!table.put(place, Pte.present(frame, BarePageTable.OWN))) {
                                memory.frames().drop(frame, own.context.magazine());
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
