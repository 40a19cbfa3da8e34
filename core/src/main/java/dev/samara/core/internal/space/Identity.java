// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The record of a space that outlives it: its number and name, its charges to the machine, the record of its end, and
 * one object of the embedder. It refers to nothing else of the space, so keeping it does not keep page tables alive.
 * The page table holds one of its references.
 *
 * <p>No method waits, and none takes a lock. Thread-safe.
 */
public final class Identity {
    private final long pageSize;
    private final @Nullable String name;
    private final boolean isCollected;

    /**
     * @written threads that take a reference to the identity (compare-and-set) or give one up (get-and-add)
     * @read any thread (volatile)
     * @invariant 1 for the page table, and 1 for each further reference. 0 is final
     */
    private final AtomicInteger references = new AtomicInteger(1);

    /** 0 until the space is registered, which is before another thread knows it. */
    private long number;

    /**
     * @written holder of the layout lock (opaque)
     * @read any thread (volatile)
     * @invariant the pages that the space has charged, as its last publication or completion has left them
     */
    private final AtomicLong chargedPages = new AtomicLong();

    /**
     * The charge in place of {@link #chargedPages} while the layout is divided.
     *
     * @written a division and a join, holding the layout lock (volatile)
     * @read any thread (volatile)
     * @pairs a join stores {@code chargedPages}, and then null here. A reader that finds this null finds the sum there
     * @invariant the charge while the layout is divided; null otherwise
     */
    private volatile @Nullable ChargedPages parts;

    /**
     * Whether a thread of the space has waited at a futex word.
     *
     * @words {@code hasWaited}, {@code isWithoutUsers}
     * @written {@code hasWaited} by a thread of the space that enters the futex table; {@code isWithoutUsers} by the
     *     thread that tears the space down (volatile)
     * @read {@code hasWaited} by the teardown; {@code isWithoutUsers} by a move of waiters, which has the locks of two
     *     buckets (volatile)
     * @pairs the last user leaves after its store of {@code hasWaited}, and the teardown begins after that. The
     *     teardown stores {@code isWithoutUsers} before it locks the first bucket: a move that locks a bucket after the
     *     teardown reads true
     * @invariant both become true once
     */
    private volatile boolean hasWaited;

    private volatile boolean isWithoutUsers;

    /**
     * @words {@code exit}, {@code attachment}
     * @written {@code exit} by the thread that tears the space down, before the teardown; {@code attachment} by any
     *     thread with a reference, and by the one that gives up the last one (volatile)
     * @read any thread with a reference (volatile)
     * @invariant {@code exit} is null until the teardown begins, and is never replaced
     */
    private volatile @Nullable Record exit;

    private volatile @Nullable Object attachment;

    Identity(@Nullable String name, long pageSize, boolean isCollected) {
        this.name = name;
        this.pageSize = pageSize;
        this.isCollected = isCollected;
    }

    /** Returns whether the embedder leaves references to the users of the space to the garbage collector. */
    public boolean isCollected() {
        return isCollected;
    }

    /** Returns the number of the space on its machine; 0 before it is registered. */
    public long number() {
        return number;
    }

    void number(long registered) {
        number = registered;
    }

    /** Returns the name that the embedder has given the space; null for none. */
    public @Nullable String name() {
        return name;
    }

    /** Returns the bytes that the space has charged against the commit limit of the machine. */
    public long charged() {
        ChargedPages divided = parts;
        return (divided != null ? divided.sum() : chargedPages.get()) * pageSize;
    }

    /** Has the parts of a layout charge apart; null after they were joined. The caller holds the layout lock. */
    void chargeParts(@Nullable ChargedPages divided) {
        parts = divided;
    }

    /** Sets the charge. The caller holds the layout lock. */
    void charged(long pages) {
        // Opaque: a statistic, of which only the holder of the lock makes the next value.
        chargedPages.setOpaque(pages);
    }

    /** Notes that a thread which uses the space waits at a futex word. */
    public void noteWait() {
        if (!hasWaited) {
            hasWaited = true;
        }
    }

    /** Returns whether a thread of the space has waited at a futex word. */
    public boolean hasWaited() {
        return hasWaited;
    }

    /** Notes that the space has no users any more: no thread will wait there. */
    public void noteWithoutUsers() {
        isWithoutUsers = true;
    }

    /** Returns whether it was noted that the space has no users any more. */
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

    /** Returns the object of the embedder; null for none. */
    public @Nullable Object attachment() {
        return attachment;
    }

    /** Replaces the object of the embedder, unless there is no reference. */
    public void attach(@Nullable Object object) {
        attachment = object;
        // Pairs with drop, which counts and then clears.
        if (references.get() == 0) {
            attachment = null;
        }
    }

    /**
     * Takes a reference, if there is one.
     *
     * @return whether the caller now has a reference
     */
    public boolean tryGrab() {
        int known = references.get();
        while (known != 0 && !references.compareAndSet(known, known + 1)) {
            known = references.get();
        }
        return known != 0;
    }

    /** Gives a reference up. After the last one, nothing of the embedder is reachable from here. */
    public void drop() {
        // Pairs with attach, which stores and then reads the count.
        if (references.decrementAndGet() == 0) {
            attachment = null;
        }
    }

    /** Returns the number of references at some instant of this call; that of the page table is one. */
    public int references() {
        return references.get();
    }
}
