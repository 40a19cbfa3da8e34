// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Idle page table contexts, at most one per slot. Threads that borrow contexts concurrently mostly use different slots,
 * so they do not write to the same words. Thread-safe; no method allocates.
 */
final class ContextSlots {
    /** A power of two. */
    private static final int SLOTS = 8;

    /**
     * A slot, with padding for two cache lines, because processors fetch lines in pairs. Its word is an {@link
     * AtomicReference}, because the first use of a handle may allocate, and a context must be returned even if no
     * memory is left.
     */
    @SuppressWarnings("UnusedVariable") // padding
    private static final class ContextSlot {
        /**
         * Written: a thread that borrows a context, or that finds no other idle context (get-and-set of null); a thread
         *     that gives a context back (compare-and-set of null).
         * Read: a thread that borrows a context or gives one back (volatile).
         * Invariant: a page table context that is neither in a reader section nor in another slot; or null. A thread's
         *     number modulo the number of slots selects its slot, so threads that borrow concurrently mostly write
         *     different lines.
         */
        private final AtomicReference<@Nullable PageTableContext> context = new AtomicReference<>();

        /**
         * The number of calls of {@link #isDue}. A benign race, because the number only decides when idle contexts are
         * discarded.
         *
         * <p>Written: a thread that gives a context back, in its own slot (plain).
         * Read: as written.
         * Invariant: none: racy, benign because it only decides when idle contexts are discarded.
         */
        private int calls;

        private long p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, p10, p11, p12, p13, p14, p15;

        @Nullable
        PageTableContext take() {
            return context.get() == null ? null : context.getAndSet(null);
        }

        boolean put(PageTableContext given) {
            // Pairs with getAndSet: the next borrower sees what this thread wrote to the context.
            return context.get() == null && context.compareAndSet(null, given);
        }

        boolean isEmpty() {
            return context.get() == null;
        }
    }

    private final ContextSlot[] slots = new ContextSlot[SLOTS];

    ContextSlots() {
        for (int i = 0; i < SLOTS; i++) {
            slots[i] = new ContextSlot();
        }
    }

    /** Returns the calling thread's slot. */
    private ContextSlot own() {
        return slots[(int) Thread.currentThread().getId() & SLOTS - 1];
    }

    /** Takes the context of the calling thread's slot, or returns null. */
    @Nullable
    PageTableContext take() {
        return own().take();
    }

    /** Takes a context of any slot, or returns null if all slots were empty. */
    @Nullable
    PageTableContext takeAny() {
        for (int i = 0; i < SLOTS; i++) {
            PageTableContext found = slots[i].take();
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** Puts a context into the calling thread's slot; returns false if the slot is occupied. */
    boolean put(PageTableContext context) {
        return own().put(context);
    }

    /** Returns true about once in {@code period} calls. */
    boolean isDue(int period) {
        ContextSlot slot = own();
        if (++slot.calls < period) {
            return false;
        }
        slot.calls = 0;
        return true;
    }

    int count() {
        int count = 0;
        for (int i = 0; i < SLOTS; i++) {
            count += slots[i].isEmpty() ? 0 : 1;
        }
        return count;
    }
}
