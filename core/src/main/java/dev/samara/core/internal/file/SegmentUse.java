// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.RetriedTask;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The uses of a System V segment ({@code shm_nattch}), and its removal after the last use ({@code SHM_DEST}, {@code
 * shm_destroy}). A use is a VMA, from before it is published until its pages are retired; a {@code shmat} under way; or
 * a fork that will map the segment, because the parent may unmap its own VMA before the child's VMA exists.
 * Thread-safe; never waits.
 *
 * <p>The number of uses and the marks are in one word. So the removal is decided in one step, and no use starts after
 * it.
 */
final class SegmentUse {
    /** Whether the segment is removed with its last use. */
    private static final long MARKED = 1L << 32;

    /** Whether the segment was removed; never reset. */
    private static final long REMOVED = 1L << 33;

    private static final long USES = MARKED - 1;

    private static final VarHandle WORD;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(SegmentUse.class, "word", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * Written: threads that begin or end a use of a segment, or mark it (compare-and-set); a VMA begins a use by an
     *     addition (get-and-add).
     * Read: any thread (volatile).
     * Pairs: with itself. A VMA, an attachment and a fork begin a use before they depend on it, while there is another
     *     use or the segment is not marked. The removal is the compare-and-set that ends the last use of a marked
     *     segment, or marks a segment without uses. So either a use finds the segment removed, or the removal finds the
     *     use.
     * Invariant: the number of uses, whether the segment is removed with the last use, and whether it was removed,
     *     which is never reset. {@code AttachmentsTest.beside}.
     */
    @SuppressWarnings("UnusedVariable") // through WORD
    private long word;

    private final Rcu rcu;
    private final RetriedTask removal;
    private final Runnable whenRemoved;

    /**
     * Creates the use count of a segment without uses.
     *
     * @param rcu the {@code Rcu} of the segment's machine
     * @param removal frees the segment's pages, on a thread of the machine
     * @param whenRemoved called once the segment is removed, on the thread that ends the last use or marks the segment
     */
    SegmentUse(Rcu rcu, RetriedTask removal, Runnable whenRemoved) {
        this.rcu = rcu;
        this.removal = removal;
        this.whenRemoved = whenRemoved;
    }

    private long word() {
        return (long) WORD.getVolatile(this);
    }

    /** Starts a use. Returns false if the segment was removed. */
    boolean begin() {
        for (; ; ) {
            long now = word();
            if ((now & REMOVED) != 0) {
                return false;
            }
            if (WORD.compareAndSet(this, now, now + 1)) {
                return true;
            }
        }
    }

    /**
     * Starts a use by a VMA. An attachment that began before the removal may still map a removed segment; the segment
     * stays removed.
     */
    void beginAnyway() {
        WORD.getAndAdd(this, 1L);
    }

    /** Ends a use. After the last use of a marked segment, a thread of the machine frees the segment's pages. */
    void end() {
        for (; ; ) {
            long now = word();
            long next = next(now - 1);
            if (WORD.compareAndSet(this, now, next)) {
                freeIfRemoved(next);
                return;
            }
        }
    }

    /** Marks the segment for removal. If it has no use, it is removed immediately. */
    void mark() {
        for (; ; ) {
            long now = word();
            long next = next(now | MARKED);
            if (now == next) {
                return;
            }
            if (WORD.compareAndSet(this, now, next)) {
                freeIfRemoved(next);
                return;
            }
        }
    }

    /** Returns the word; if it is that of a marked segment without uses, adds {@link #REMOVED}. */
    private static long next(long word) {
        return word == MARKED ? MARKED | REMOVED : word;
    }

    private void freeIfRemoved(long next) {
        if (next == (MARKED | REMOVED)) {
            whenRemoved.run();
            try {
                rcu.call(removal);
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                // The removal could not be scheduled. The pages are freed later, when the cache is found to be
                // unreachable.
            }
        }
    }

    /**
     * Returns whether the segment is marked for removal and has exactly {@code uses} uses, so that their end removes
     * it.
     */
    boolean isLast(int uses) {
        return word() == (MARKED | uses);
    }

    int count() {
        return (int) (word() & USES);
    }

    boolean isMarked() {
        return (word() & MARKED) != 0;
    }

    boolean isRemoved() {
        return (word() & REMOVED) != 0;
    }
}
