// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A table above the leaves. Its array contains the tables below it, and null where there is none. The last element is
 * the state, which {@link Leaf#newState} creates.
 */
final class UpperTable {
    /**
     * Written: holder of the table's lock (linking: volatile, before the VMA is read; unhooking: compare-and-set).
     * Read: walkers (acquire); under the lock (plain, acquire).
     * Pairs: a fault links, then reads the VMA's word; an operation sets DETACHED, then walks.
     * Invariant: an entry of an upper table.
     */
    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Object[].class);

    private UpperTable() {}

    /** Creates an empty table. */
    static Object[] make(int size) {
        Object[] table = new Object[size + 1];
        table[size] = Leaf.newState(size);
        return table;
    }

    static @Nullable Object childAcquire(Object[] table, int index) {
        return CHILD.getAcquire(table, index);
    }

    static void setChildVolatile(Object[] table, int index, Object child) {
        CHILD.setVolatile(table, index, child);
    }

    static boolean replaceChild(Object[] table, int index, Object expected, @Nullable Object next) {
        return CHILD.compareAndSet(table, index, expected, next);
    }
}
