// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The references to the page table of a space, i.e. to its topmost table and its TLB context ({@code mm_count}). All
 * users together hold one reference. The last release is final.
 */
public final class PageTableCount {
    /**
     * Written: threads that acquire a reference to the page table (compare-and-set, get-and-add) or release one
     *     (get-and-add).
     * Read: any thread (volatile).
     * Pairs: what a thread did with its reference happens before the free by the thread that finds 0.
     * Invariant: 1 for all users together, and 1 for each further reference, including references of CPUs in LAZY. 0 is
     *     final.
     */
    private final AtomicInteger count = new AtomicInteger(1);

    private final Runnable last;

    /** Creates the count for a page table that is left to the garbage collector. */
    PageTableCount() {
        this(() -> {});
    }

    /**
     * Creates the count for a new page table, with one reference, which belongs to the users.
     *
     * @param last is called after the last release, on the thread of that release; must not wait
     */
    public PageTableCount(Runnable last) {
        this.last = last;
    }

    /**
     * Acquires a reference, if the count is not 0 ({@code mmgrab}).
     *
     * @return whether the caller now holds a reference
     */
    public boolean tryHold() {
        int known = count.get();
        while (known != 0 && !count.compareAndSet(known, known + 1)) {
            known = count.get();
        }
        return known != 0;
    }

    /** Acquires a reference. The caller knows that the count is not 0. */
    void hold() {
        count.getAndIncrement();
    }

    /** Releases a reference ({@code mmdrop}). Does not wait. */
    public void release() {
        // Atomic: after all that the holder did with the page table, and before it is given back.
        if (count.decrementAndGet() == 0) {
            last.run();
        }
    }

    /** Returns the number of references at some instant of this call. */
    public int count() {
        return count.get();
    }
}
