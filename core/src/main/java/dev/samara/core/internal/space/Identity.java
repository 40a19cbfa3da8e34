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
    private final AtomicInteger references = new AtomicInteger(1);

    /** 0 until the space is registered, which is before another thread knows it. */
    private long number;

    private final AtomicLong chargedPages = new AtomicLong();

    /** The charge in place of {@link #chargedPages} while the layout is divided. */
    private volatile @Nullable ChargedPages parts;

    /** Whether a thread of the space has waited at a futex word. */
    private volatile boolean hasWaited;

    private volatile boolean isWithoutUsers;
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
