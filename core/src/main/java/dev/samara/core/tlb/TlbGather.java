// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.tlb;

import dev.samara.core.page.Frames;
import dev.samara.core.page.Memory;
import dev.samara.core.page.Pte;
import dev.samara.core.page.Worker;
import java.util.Arrays;

/**
 * What was unhooked and is to be freed once nobody can translate to it ({@code struct mmu_gather}).
 *
 * <p>One object serves one operation and its thread. The order is unhook, {@link #invalidate}, {@link #free}; what is added
 * after an invalidation needs another one. Closing frees what was invalidated and invalidates what was not, on every way
 * out.
 */
public final class TlbGather implements AutoCloseable {
    /** So many frames are collected before a first part is invalidated and freed. */
    static final int MOST = 1 << 12;

    private final Memory memory;
    private final Worker worker;

    private int[] frames = new int[16];
    private int size;

    /** Something was unhooked, or narrowed, since the last invalidation. */
    private boolean isOwed;

    /**
     * Begins an operation.
     *
     * @param memory the machine's
     */
    public TlbGather(Memory memory) {
        this.memory = memory;
        this.worker = memory.borrow();
    }

    /**
     * The memory it gives back to.
     *
     * @return the machine's
     */
    public Memory memory() {
        return memory;
    }

    /**
     * Who works.
     *
     * @return a worker for the time of this operation
     */
    public Worker worker() {
        return worker;
    }

    /** Notes that translations may be in use that must not be. */
    public void owe() {
        isOwed = true;
    }

    /**
     * Takes over the page of an entry that the caller has replaced, by get-and-set or compare-and-set.
     *
     * @param pte what it was: present or in transit
     */
    public void take(long pte) {
        isOwed = true;
        if (Pte.isOwn(pte)) {
            add(Pte.frame(pte));
        } else if (Pte.isCached(pte) && Pte.has(pte, Pte.DIRTY)) {
            memory.frames().setDirty(Pte.frame(pte));
        }
    }

    /** Makes room for more frames, before anything is unhooked that would have to be noted. */
    void makeRoom(int more) {
        if (size + more > frames.length) {
            frames = Arrays.copyOf(frames, Math.max(2 * size, size + more));
        }
    }

    private void add(int frame) {
        makeRoom(1);
        frames[size++] = frame;
    }

    /**
     * Whether so much is collected that a part should be freed. Caller may still hold a lock: then it does that later.
     *
     * @return true if so
     */
    public boolean isFull() {
        return size >= MOST;
    }

    /** Waits until no CPU can translate to what was unhooked. Caller is in no reader section and holds no lock of a leaf. */
    public void invalidate() {
        if (isOwed) {
            isOwed = false;
            memory.rcu().synchronize();
        }
    }

    /**
     * Gives the frames back.
     *
     * @throws IllegalStateException if something was unhooked since the last invalidation; nothing is freed then
     */
    public void free() {
        if (isOwed) {
            throw new IllegalStateException("frames are to be freed before they were invalidated");
        }
        Frames of = memory.frames();
        while (size > 0) {
            of.drop(frames[--size], worker.magazine());
        }
    }

    /** Gives back frames that were added after the last invalidation, and that nobody can have translated to since then. */
    void freeInvalidated() {
        isOwed = false;
        free();
    }

    @Override
    public void close() {
        try {
            invalidate();
            free();
        } finally {
            memory.giveBack(worker);
        }
    }
}
