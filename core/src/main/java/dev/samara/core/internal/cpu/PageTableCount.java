// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The references to the page table of a space ({@code mm_count}): to its topmost table and its TLB context. All users
 * together have one. The last release is final.
 */
public final class PageTableCount {
    /**
     * @written threads that take a reference to the page table (compare-and-set, get-and-add) or give one up
     *     (get-and-add)
     * @read any thread (volatile)
     * @pairs what a thread has done with its reference comes before the free by the thread that finds 0
     * @invariant 1 for all users together, and 1 for each further reference, those of CPUs in LAZY included. 0 is final
     */
    private final AtomicInteger count = new AtomicInteger(1);

    private final Runnable last;

    /** Makes the references of a page table that is left to the garbage collector. */
    PageTableCount() {
        this(() -> {});
    }

    /**
     * Makes the references of a new page table: one, which belongs to the users.
     *
     * @param last follows the last release, on its thread; must not wait
     */
    public PageTableCount(Runnable last) {
        this.last = last;
    }

    /**
     * Takes a reference, if there is one ({@code mmgrab}).
     *
     * @return whether the caller now has a reference
     */
    public boolean tryHold() {
        int known = count.get();
        while (known != 0 && !count.compareAndSet(known, known + 1)) {
            known = count.get();
        }
        return known != 0;
    }

    /** Takes a reference. The caller knows that the count is not 0. */
    void hold() {
        count.getAndIncrement();
    }

    /** Gives a reference up ({@code mmdrop}). Does not wait. */
    public void release() {
        // Atomic: after all that the holder has done with the page table, and before it is given back.
        if (count.decrementAndGet() == 0) {
            last.run();
        }
    }

    /** Returns the number of references at some instant of this call. */
    public int count() {
        return count.get();
    }
}
