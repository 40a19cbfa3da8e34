// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.tlb.RetriedEnd;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The uses of a System V segment ({@code shm_nattch}), and its removal after the last one ({@code SHM_DEST}, {@code
 * shm_destroy}). A use is a VMA, from before it is published until its pages are retired; a {@code shmat} under way; or
 * a fork that will map the segment, since the parent may unmap its own VMA before the child's is there. Thread-safe;
 * never waits.
 *
 * <p>Uses and marks are one word. So the removal is decided in one step, and no use begins after it.
 */
final class SegmentUse {
    /** Whether the segment goes with its last use. */
    private static final long MARKED = 1L << 32;

    /** Whether the segment is gone, which is final. */
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
     * @written threads that begin or end a use of a segment, or mark it (compare-and-set); a VMA begins one by an
     *     addition (get-and-add)
     * @read any thread (volatile)
     * @pairs with itself. A VMA, an attachment and a fork begin a use before they depend on it, while another use is
     *     there or the segment is not marked. The removal is the compare-and-set that ends the last use of a marked
     *     segment, or marks a segment without one. So either a use finds the segment removed, or the removal finds the
     *     use
     * @invariant the number of uses, whether the segment goes with the last one, and whether it is gone, which is
     *     final. {@code AttachmentsTest.beside}
     */
    @SuppressWarnings("UnusedVariable") // through WORD
    private long word;

    private final Rcu rcu;
    private final RetriedEnd removal;
    private final Runnable whenRemoved;

    /**
     * Makes the uses of a segment that has none.
     *
     * @param rcu of its machine
     * @param removal frees its pages, by a thread of the machine
     * @param whenRemoved told when the segment is gone, by the thread that ends the last use
     */
    SegmentUse(Rcu rcu, RetriedEnd removal, Runnable whenRemoved) {
        this.rcu = rcu;
        this.removal = removal;
        this.whenRemoved = whenRemoved;
    }

    private long word() {
        return (long) WORD.getVolatile(this);
    }

    /** Begins a use; returns false if the segment is gone. */
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

    /** Begins a use by a VMA. A segment that is gone may be mapped by an attachment from before; it stays gone. */
    void beginAnyway() {
        WORD.getAndAdd(this, 1L);
    }

    /** Ends a use. After the last one of a marked segment, a thread of the machine frees its pages. */
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

    /** Marks the segment, which is gone at once if there is no use. */
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

    /** Returns the word with the mark of a removed segment, if it is one. */
    private static long next(long word) {
        return word == MARKED ? MARKED | REMOVED : word;
    }

    private void freeIfRemoved(long next) {
        if (next == (MARKED | REMOVED)) {
            whenRemoved.run();
            try {
                rcu.call(removal);
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                // The pages are freed when the cache is found to be unreachable.
            }
        }
    }

    /** Returns whether the segment is marked for removal and has exactly so many uses, so that their end removes it. */
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
