// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The record of a space that outlives it: its number and name, its charged and mapped pages, the record of its end, and
 * one object of the embedder. It refers to nothing else of the space, so keeping it does not keep page tables alive.
 * The page table holds one of its references.
 *
 * <p>No method waits or takes a lock. Thread-safe.
 */
public final class Identity {
    /**
     * The charge and the mapped pages of a divided layout: the values at the division, plus what each part has added
     * since. Each part writes its own words.
     */
    static final class ChargedPages {
        /** The number of words per part: two cache lines, because processors fetch lines in pairs. */
        private static final int STRIDE = 16;

        /**
         * Written: holder of the lock of the part (opaque).
         * Read: any thread (opaque).
         * Invariant: the pages that the part charged and mapped since the division, as of its last publication or
         *     completion.
         */
        private static final VarHandle SINCE = MethodHandles.arrayElementVarHandle(long[].class);

        private final long chargedBefore;
        private final long mappedBefore;
        private final long[] since;

        ChargedPages(LayoutCounters before, int parts) {
            chargedBefore = before.accounted;
            mappedBefore = before.total;
            since = new long[(parts + 1) * STRIDE];
        }

        /** Sets how many pages a part charged and mapped since the division. Caller holds the lock of the part. */
        void set(int part, long charged, long mapped) {
            // Opaque, because these are statistics, as in Identity.
            SINCE.setOpaque(since, (part + 1) * STRIDE, charged);
            SINCE.setOpaque(since, (part + 1) * STRIDE + 1, mapped);
        }

        long sum() {
            return chargedBefore + sumFrom(STRIDE);
        }

        /** Returns the mapped pages. */
        long mapped() {
            return mappedBefore + sumFrom(STRIDE + 1);
        }

        private long sumFrom(int first) {
            long sum = 0;
            for (int i = first; i < since.length; i += STRIDE) {
                sum += (long) SINCE.getOpaque(since, i);
            }
            return sum;
        }
    }

    private final long pageSize;
    /** The name that the embedder gave the space; null if there is none. */
    public final @Nullable String name;
    /** Whether the embedder may leave references to the space's users to the garbage collector. */
    public final boolean isCollected;

    /**
     * Written: threads that take a reference to the identity (compare-and-set) or release one (get-and-add).
     * Read: any thread (volatile).
     * Invariant: 1 for the page table, and 1 for each further reference. 0 is final.
     */
    private final AtomicInteger references = new AtomicInteger(1);

    /** 0 until the space is registered. No other thread knows the space before that. */
    private long number;

    /**
     * Written: holder of the layout lock (opaque).
     * Read: any thread (volatile).
     * Invariant: the pages that the space had charged after its last publication or completion.
     */
    private final AtomicLong chargedPages = new AtomicLong();

    /**
     * Written: holder of the layout lock (opaque).
     * Read: any thread (opaque).
     * Invariant: the mapped pages of a layout that is not divided ({@code total_vm}).
     */
    private final AtomicLong mappedPages = new AtomicLong();

    /**
     * Written: a publication and a completion that unmap pages, before the counters fall, in a layout that is not
     *     divided; and a division (compare-and-set, upwards).
     * Read: any thread (opaque).
     * Invariant: a number of mapped pages that a thread read before the number fell ({@code hiwater_vm}).
     */
    private final AtomicLong peak = new AtomicLong();

    /**
     * The counts of the parts, which replace {@link #chargedPages} and {@link #mappedPages} while the layout is
     * divided.
     *
     * <p>Written: a division and a join, holding the layout lock (volatile).
     * Read: any thread (volatile).
     * Pairs: a join stores {@code chargedPages} and {@code mappedPages}, and then null here. A reader that finds null
     *     here finds the sums there.
     * Invariant: the counts while the layout is divided; null otherwise.
     */
    private volatile @Nullable ChargedPages parts;

    /**
     * Whether a thread of the space waited on a futex word.
     *
     * <p>Words: {@code hasWaited}, {@code isWithoutUsers}.
     * Written: {@code hasWaited} by a thread of the space that enters the futex table; {@code isWithoutUsers} by the
     *     thread that tears the space down (volatile).
     * Read: {@code hasWaited} by the teardown; {@code isWithoutUsers} by a move of waiters, which holds the locks of
     *     two buckets (volatile).
     * Pairs: the last user leaves after its store of {@code hasWaited}, and the teardown starts after that. The
     *     teardown stores {@code isWithoutUsers} before it locks the first bucket, so a move that locks a bucket after
     *     the teardown locked it reads true.
     * Invariant: each becomes true at most once, and is never reset.
     */
    private volatile boolean hasWaited;

    private volatile boolean isWithoutUsers;

    /**
     * Words: {@code exit}, {@code attachment}.
     * Written: {@code exit} by the thread that tears the space down, before the teardown; {@code attachment} by any
     *     thread with a reference, and by the thread that releases the last reference (volatile).
     * Read: any thread with a reference (volatile).
     * Invariant: {@code exit} is null until the teardown starts, and is never replaced.
     */
    private volatile @Nullable Record exit;

    private volatile @Nullable Object attachment;

    Identity(@Nullable String name, long pageSize, boolean isCollected) {
        this.name = name;
        this.pageSize = pageSize;
        this.isCollected = isCollected;
    }

    /** Returns the number of the space on its machine; 0 before it is registered. */
    public long number() {
        return number;
    }

    void number(long registered) {
        number = registered;
    }

    /** Returns how many bytes the space has charged against the machine's commit limit. */
    public long charged() {
        ChargedPages divided = parts;
        return (divided != null ? divided.sum() : chargedPages.get()) * pageSize;
    }

    /** Returns the number of mapped pages. Concurrent changes in parts of the layout may or may not be included. */
    public long mapped() {
        ChargedPages divided = parts;
        return divided != null ? divided.mapped() : mappedPages.getOpaque();
    }

    /** Returns the highest number of mapped pages so far. */
    public long mappedPeak() {
        return Math.max(peak.getOpaque(), mapped());
    }

    /**
     * Sets the counts of the parts of a layout, which count separately from now on; null after a join. The caller holds
     * the layout lock.
     */
    void countIn(@Nullable ChargedPages divided) {
        parts = divided;
    }

    /** Sets the charged and mapped pages of a whole layout. The caller holds the layout lock. */
    void count(LayoutCounters counters) {
        // Opaque, because these are statistics, and only the holder of the lock computes their next values.
        chargedPages.setOpaque(counters.accounted);
        mappedPages.setOpaque(counters.total);
    }

    /**
     * Records the number of mapped pages as a possible peak before it falls. Does nothing while the layout is divided,
     * because threads that work in their own parts would otherwise read each other's counts at each unmapping.
     */
    void beforeFall() {
        if (parts == null) {
            notePeak();
        }
    }

    private void notePeak() {
        long now = mapped();
        long highest = peak.getOpaque();
        // A completion may do the same concurrently with an operation.
        while (now > highest && !peak.compareAndSet(highest, now)) {
            highest = peak.getOpaque();
        }
    }

    /** Records that a thread of the space waits on a futex word. */
    public void noteWait() {
        if (!hasWaited) {
            hasWaited = true;
        }
    }

    /** Returns whether a thread of the space ever waited on a futex word. */
    public boolean hasWaited() {
        return hasWaited;
    }

    /** Records that the space has no users left, so no thread will wait on its futex words. */
    public void noteWithoutUsers() {
        isWithoutUsers = true;
    }

    /** Returns whether {@link #noteWithoutUsers} was called. */
    public boolean isWithoutUsers() {
        return isWithoutUsers;
    }

    /** Returns the record of the end of the space; null before it is torn down. */
    public @Nullable Record exit() {
        return exit;
    }

    /** Sets the record, before the space is torn down. */
    public void exit(Record record) {
        exit = record;
    }

    /** Returns the object of the embedder; null if there is none. */
    public @Nullable Object attachment() {
        return attachment;
    }

    /** Replaces the embedder's object, unless no reference is left. */
    public void attach(@Nullable Object object) {
        attachment = object;
        // Pairs with drop, which decrements the count and then clears the object.
        if (references.get() == 0) {
            attachment = null;
        }
    }

    /**
     * Takes a reference, unless none is left.
     *
     * @return whether the caller now holds a reference
     */
    public boolean tryGrab() {
        int known = references.get();
        while (known != 0 && !references.compareAndSet(known, known + 1)) {
            known = references.get();
        }
        return known != 0;
    }

    /** Releases a reference. After the last release, no object of the embedder is reachable from here. */
    public void drop() {
        // Pairs with attach, which stores and then reads the count.
        if (references.decrementAndGet() == 0) {
            attachment = null;
        }
    }

    /** Returns the number of references at some instant of this call, including the page table's reference. */
    public int references() {
        return references.get();
    }
}
