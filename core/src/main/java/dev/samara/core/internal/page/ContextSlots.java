// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Idle page-table contexts, one in each slot. Threads that borrow contexts side by side mostly have different slots,
 * and write no word of each other. Thread-safe; nothing is allocated.
 */
final class ContextSlots {
    /** A power of two. */
    private static final int SLOTS = 8;

    /** The references of two cache lines or more, since processors fetch lines in pairs. */
    private static final int STRIDE = 32;

    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(PageTableContext[].class);

    private final @Nullable PageTableContext[] slots = new @Nullable PageTableContext[(SLOTS + 1) * STRIDE];

    /** The calls of {@link #isDue} by slot. A benign race: they only decide when something is discarded. */
    private final int[] calls = new int[(SLOTS + 1) * STRIDE];

    ContextSlots() {}

    /** Returns the index of the calling thread's slot. */
    private static int own() {
        return (((int) Thread.currentThread().getId() & SLOTS - 1) + 1) * STRIDE;
    }

    /** Takes the context of the calling thread's slot, or returns null. */
    @Nullable
    PageTableContext take() {
        return takeFrom(own());
    }

    /** Takes a context of any slot, or returns null if each was found empty. */
    @Nullable
    PageTableContext takeAny() {
        for (int i = STRIDE; i < slots.length; i += STRIDE) {
            PageTableContext found = takeFrom(i);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private @Nullable PageTableContext takeFrom(int slot) {
        return getAcquire(slot) == null ? null : getAndSet(slot, null);
    }

    /** Puts a context into the calling thread's slot; returns false if that has one. */
    boolean put(PageTableContext context) {
        int slot = own();
        // Pairs with getAndSet: the next borrower finds what this one has left in the context.
        return getAcquire(slot) == null && compareAndSet(slot, null, context);
    }

    /** Returns true once in a number of calls, about. */
    boolean isDue(int period) {
        int slot = own();
        if (++calls[slot] < period) {
            return false;
        }
        calls[slot] = 0;
        return true;
    }

    int count() {
        int count = 0;
        for (int i = STRIDE; i < slots.length; i += STRIDE) {
            count += getAcquire(i) == null ? 0 : 1;
        }
        return count;
    }

    private @Nullable PageTableContext getAcquire(int slot) {
        return (PageTableContext) SLOT.getAcquire(slots, slot);
    }

    private @Nullable PageTableContext getAndSet(int slot, @Nullable PageTableContext context) {
        return (PageTableContext) SLOT.getAndSet(slots, slot, context);
    }

    private boolean compareAndSet(int slot, @Nullable PageTableContext expected, PageTableContext context) {
        return SLOT.compareAndSet(slots, slot, expected, context);
    }
}
