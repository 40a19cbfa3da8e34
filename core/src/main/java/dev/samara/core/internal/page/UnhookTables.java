// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

/**
 * Removes empty tables from a page table ({@code free_pgtables}). A table is unhooked only if it is found empty under
 * its lock, and it is marked dead in the same critical section.
 */
public final class UnhookTables {
    private UnhookTables() {}

    /**
     * Unhooks the leaf of an address if it is empty and has no pending flush, and then the tables above it that became
     * empty.
     *
     * @param table the page table of a space
     * @param address an address below the limit
     */
    public static void unhookIfEmpty(PageTable table, long address) {
        unhookBelow(table, table.root(), table.levels() - 1, address);
    }

    /** Allocates nothing, so it can fail only by a stack overflow. Returns whether it unhooked the child. */
    private static boolean unhookBelow(PageTable of, Object[] table, int level, long address) {
        int index = of.childIndex(address, level);
        Object child = UpperTable.childAcquire(table, index);
        if (child instanceof long[] leaf) {
            return unhookIfEmpty(of, table, index, leaf);
        }
        return child instanceof Object[] below
                && unhookBelow(of, below, level - 1, address)
                && unhookIfEmpty(of, table, index, below);
    }

    /** Unhooks a leaf; returns false if the leaf stays or was unhooked before. */
    private static boolean unhookIfEmpty(PageTable of, Object[] parent, int index, long[] leaf) {
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf) || Leaf.hasPendingFlush(leaf) || !Leaf.isEmpty(leaf)) {
                return false;
            }
            Leaf.kill(leaf);
            of.unhook(parent, index, leaf);
            return true;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Unhooks a table above the leaves; returns false if the table stays or was unhooked before. */
    private static boolean unhookIfEmpty(PageTable of, Object[] parent, int index, Object[] table) {
        long[] state = (long[]) table[table.length - 1];
        Leaf.lock(state);
        try {
            if (Leaf.isDead(state) || !isEmpty(table)) {
                return false;
            }
            Leaf.kill(state);
            of.unhook(parent, index, table);
            return true;
        } finally {
            Leaf.unlock(state);
        }
    }

    /**
     * Unhooks every leaf that is empty and has no pending flush, and every empty table above the leaves. Empty leaves
     * include leaves that a fault created after the mapping was removed. A leaf with a pending flush is left to the
     * operation that will flush it, because the result of {@link Leaf#flushed} makes that operation unhook the leaf.
     */
    public static void unhookEmpty(PageTable table) {
        long limit = table.limit();
        for (long at = table.nextLeaf(0, limit); at != limit; at = table.nextLeaf(at, limit)) {
            unhookIfEmpty(table, at);
            at = table.leafEnd(at);
        }
        unhookEmptyBelow(table, table.root());
    }

    /** Also unhooks tables whose last leaf was unhooked by another thread that did not unhook the tables above. */
    private static void unhookEmptyBelow(PageTable of, Object[] parent) {
        for (int i = 0; i < parent.length - 1; i++) {
            // Pairs with the volatile store of PageTable.link.
            if (UpperTable.childAcquire(parent, i) instanceof Object[] table) {
                unhookEmptyBelow(of, table);
                unhookIfEmpty(of, parent, i, table);
            }
        }
    }

    private static boolean isEmpty(Object[] table) {
        for (int i = 0; i < table.length - 1; i++) {
            if (table[i] != null) {
                return false;
            }
        }
        return true;
    }
}
