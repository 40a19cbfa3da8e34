// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.vma.Geometry;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The numbers of pages that leaves keep, and their sum. */
final class LeafCountsTest {
    private static final long OWN = Pte.present(7, Pte.OWN | Pte.READ);
    private static final long OF_FILE = Pte.present(8, Pte.READ);
    private static final long OF_SHMEM = Pte.present(9, Pte.READ | Pte.SHMEM);
    private static final long ZERO = Pte.present(Frames.ZERO, Pte.ZERO | Pte.READ);
    private static final long LEAF = 1L << 21;

    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);

    private long[] fill(long address, long pte) {
        long[] leaf = table.leafFromReserve(address, TableReserve.NONE);
        Leaf.lock(leaf);
        try {
            assertTrue(Leaf.fill(leaf, table.indexOf(address), pte));
        } finally {
            Leaf.unlock(leaf);
        }
        return leaf;
    }

    private long[] leaf(long address) {
        return Objects.requireNonNull(table.leaf(address));
    }

    private void checkCounts(long own, long file, long shmem) {
        assertEquals(own, table.residents().count(Pte.ANONYMOUS_PAGE), "private");
        assertEquals(file, table.residents().count(Pte.FILE_PAGE), "of files");
        assertEquals(shmem, table.residents().count(Pte.SHMEM_PAGE), "of shared memory");
        assertEquals(own + file + shmem, table.residents().count());
    }

    @Test
    @DisplayName("each kind of entry, and a busy one like its page; guards and the zero page count nowhere")
    void kinds() {
        long[] leaf = fill(0, OWN);
        fill(4096, OF_FILE);
        fill(2 * 4096, OF_SHMEM);
        fill(3 * 4096, ZERO);
        fill(4 * 4096, Pte.GUARD);
        checkCounts(1, 1, 1);
        for (int i = 0; i < 5; i++) {
            long pte = Leaf.get(leaf, i);
            if (pte != Pte.GUARD) {
                long busy = Pte.busy(pte, PteOwners.MOST - 1, i % 2 == 0);
                assertEquals(PteOwners.MOST - 1, Pte.owner(busy));
                assertEquals(Pte.kindOf(pte), Pte.kindOf(busy));
                assertTrue(Leaf.compareAndSet(leaf, i, pte, busy));
            }
        }
        checkCounts(1, 1, 1);
        assertTrue(Leaf.compareAndSet(leaf, 1, Leaf.get(leaf, 1), OWN));
        checkCounts(2, 0, 1);
        Leaf.getAndSet(leaf, 2, Pte.NONE);
        assertTrue(Leaf.compareAndSet(leaf, 0, Leaf.get(leaf, 0), Pte.GUARD));
        checkCounts(1, 0, 0);
    }

    @Test
    @DisplayName("a thread with the lock and one without it count side by side, and none is lost")
    void sideBySide() throws InterruptedException {
        long[] leaf = fill(0, OWN);
        long[] kinds = {OWN, OF_FILE, OF_SHMEM};
        Thread other = new Thread(() -> {
            for (int i = 0; i < 6_000_000; i++) {
                assertTrue(Leaf.compareAndSet(leaf, 0, kinds[i % 3], kinds[(i + 1) % 3]));
            }
        });
        other.start();
        for (int i = 0; other.isAlive() || i < 6_000_000; i++) {
            Leaf.lock(leaf);
            Leaf.fill(leaf, 1, kinds[i % 3]);
            Leaf.unlock(leaf);
            Leaf.lock(leaf);
            Leaf.getAndSet(leaf, 1, Pte.NONE);
            Leaf.unlock(leaf);
        }
        other.join();
        checkCounts(1, 0, 0);
    }

    @Test
    @DisplayName("the sum is that of all leaves, and an unhooked table takes nothing with it")
    void sum() {
        long far = 1L << 46;
        for (int i = 0; i < 70; i++) {
            fill(i * LEAF, OWN);
            fill(far + i * LEAF * 600, OF_SHMEM);
        }
        checkCounts(70, 0, 70);
        for (int i = 0; i < 70; i += 2) {
            long[] leaf = leaf(i * LEAF);
            Leaf.lock(leaf);
            Leaf.getAndSet(leaf, 0, Pte.NONE);
            Leaf.unlock(leaf);
            UnhookTables.unhookIfEmpty(table, i * LEAF);
        }
        checkCounts(35, 0, 70);
        fill(0, OF_FILE);
        checkCounts(35, 1, 70);
    }

    @Test
    @DisplayName(
            "the highest number is exact with few tables; with many, small removals miss 4 pages per table at most")
    void peak() {
        long[] leaf = fill(0, OWN);
        fill(4096, OWN);
        table.residents().beforeRemoval(1);
        Leaf.getAndSet(leaf, 0, Pte.NONE);
        assertEquals(2, table.residents().peak(), "few tables");
        for (int i = 1; i < 100; i++) {
            fill(i * LEAF, OWN);
        }
        assertEquals(100, table.residents().peak(), "at a read");
        long due = 4L * table.tables();
        table.residents().beforeRemoval(due);
        for (int i = 1; i < 100; i++) {
            fill(i * LEAF + 4096, OWN);
            table.residents().beforeRemoval(1);
            Leaf.getAndSet(leaf(i * LEAF), 0, Pte.NONE);
        }
        for (int i = 1; i < 100; i++) {
            fill(i * LEAF, OWN);
        }
        long highest = table.residents().count();
        table.residents().beforeRemoval(due);
        for (int i = 1; i < 100; i++) {
            Leaf.getAndSet(leaf(i * LEAF), 0, Pte.NONE);
        }
        assertEquals(199, highest);
        assertEquals(highest, table.residents().peak(), "a large removal");
    }

    @Test
    @DisplayName("in parts the first removal notes the highest number, whatever it removes; a division does not")
    void peakInParts() {
        for (int i = 0; i < 100; i++) {
            fill(i * LEAF, OWN);
        }
        table.residents().setInParts(true);
        Leaf.getAndSet(leaf(0), 0, Pte.NONE);
        assertEquals(99, table.residents().peak(), "at the division");
        table.residents().beforeRemoval(1);
        Leaf.getAndSet(leaf(LEAF), 0, Pte.NONE);
        assertEquals(99, table.residents().peak(), "at the first removal");
        for (int i = 0; i < 100; i++) {
            fill(i * LEAF + 4096, OWN);
        }
        table.residents().beforeRemoval(1000);
        for (int i = 0; i < 100; i++) {
            Leaf.getAndSet(leaf(i * LEAF), 1, Pte.NONE);
        }
        assertEquals(99, table.residents().peak(), "at a later removal");
        table.residents().setInParts(false);
        fill(0, OWN);
        fill(4096, OWN);
        table.residents().beforeRemoval(1000);
        Leaf.getAndSet(leaf(0), 0, Pte.NONE);
        assertEquals(100, table.residents().peak(), "in the whole");
    }
}
