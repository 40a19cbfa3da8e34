// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.page.Leaf;
import dev.samara.core.page.Memory;
import dev.samara.core.page.PageTable;
import dev.samara.core.page.SmallMemory;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.MmuNotifier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Pending flushes of leaves that cannot be settled at once. */
final class OwedTest {
    private static final long LEAF = 512 * Table.PAGE;

    private final Memory memory = SmallMemory.of(16);
    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final Owed owed = new Owed(memory.cpus(), null);

    private long[] owe(long address, long told) {
        long[] leaf = table.leafForInstall(address);
        Leaf.lock(leaf);
        owed.add(table, leaf, told, told + Table.PAGE, MmuNotifier.Reason.UNMAPPED);
        Leaf.unlock(leaf);
        return leaf;
    }

    @Test
    @DisplayName("a leaf that could not be settled is still there for the next call")
    void notSettled() {
        // No leaf: it has no lock, so settling it throws before anything is done.
        long[] broken = new long[1];
        owed.add(table, broken, 0, Table.PAGE, MmuNotifier.Reason.UNMAPPED);
        long[] leaf = owe(LEAF, LEAF);
        for (int attempt = 0; attempt < 2; attempt++) {
            assertThrows(ArrayIndexOutOfBoundsException.class, owed::settle);
            assertEquals(1, owed.size());
        }
        assertFalse(Leaf.isOwed(leaf));
        assertEquals(0, table.tables(), "the other one was settled, and has gone");
    }

    @Test
    @DisplayName("a leaf that was settled and could not be unhooked is owed no more, and goes at the end of the space")
    void notUnhooked() {
        long[] other = owe(0, 0);
        // An address beyond the limit has no place in the topmost table.
        long[] leaf = owe(LEAF, 1L << 60);
        assertThrows(ArrayIndexOutOfBoundsException.class, owed::settle);
        assertEquals(1, owed.size());
        assertFalse(Leaf.isOwed(leaf));
        assertTrue(Leaf.isOwed(other));
        owed.settle();
        assertEquals(0, owed.size());
        assertFalse(Leaf.isOwed(other));
        assertEquals(3, table.tables(), "the leaf that was settled alone, and two tables above it");
        table.unhookEmpty();
        assertEquals(0, table.tables());
    }
}
