// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A space as TLBs know it ({@code mm_context_t}): a number that no other space ever has, and a {@linkplain
 * FlushGeneration generation}. The generation is advanced after each change of the page table that a CPU may not see.
 * Which spaces' translations a CPU keeps over a switch is in {@code FlushedGenerations}.
 *
 * <p>A thread that has changed entries of which other CPUs may have translations advances the generation, reads the
 * cpumask of the entries, logs the range, and has {@link Shootdowns#shoot} wait for those CPUs. A CPU that begins to
 * use its translations reads the generation, and flushes the ranges that it has missed.
 *
 * <p>A CPU that is in the space is one of its {@linkplain SpaceUsers users}. After the last user has gone, the context
 * has ended, for ever: no CPU goes to it, so translations that CPUs still have of it are never used again, and need no
 * flush.
 */
public final class TlbContext {
    /**
     * The number of the permanent empty space, in which nothing is mapped, and which never ends. A CPU that has no
     * other space has this one.
     */
    public static final long EMPTY = 0;

    /**
     * @written a thread that makes a space (get-and-add); a seam of tests, which only raises it (get-and-update)
     * @read a thread that makes a space (get-and-add)
     * @invariant a number is given to one context only
     */
    private static final AtomicLong LAST = new AtomicLong(EMPTY);

    private final long id = LAST.incrementAndGet();

    private final FlushGeneration generation = new FlushGeneration();
    private final FlushLog log = new FlushLog();
    private final SpaceUsers users;
    private final PageTableCount pageTable;
    private final SpaceCounters counters = new SpaceCounters();

    /** Null for a context without a page table. */
    private @Nullable LoadedRoot root;

    /** 0 until the space is registered, which is before another thread knows it. */
    private long space;

    /** Makes the context of a space that needs no teardown. */
    public TlbContext() {
        this(new SpaceUsers(), new PageTableCount());
    }

    /**
     * Makes the context of a new space.
     *
     * @param users the users of the space
     * @param pageTable the references to this context, and to the page table of the space
     */
    public TlbContext(SpaceUsers users, PageTableCount pageTable) {
        this.users = users;
        this.pageTable = pageTable;
    }

    /**
     * Sets the number of the next context, unless numbers are beyond it. For tests of numbers that differ in their
     * upper half alone.
     */
    static void next(long id) {
        LAST.updateAndGet(last -> Math.max(last, id - 1));
    }

    SpaceCounters counters() {
        return counters;
    }

    /** Returns its number, which is positive and never reused. */
    public long id() {
        return id;
    }

    /** Returns the number of the space on its machine; 0 if it has none. */
    public long space() {
        return space;
    }

    /** Sets the number of the space, before other threads reach this. */
    public void numberSpace(long number) {
        space = number;
    }

    /** Returns the generation of the page table, from which CPUs learn that they must flush. */
    public FlushGeneration generation() {
        return generation;
    }

    /**
     * Checks a generation that a CPU has read of this context. A kernel would use the memory of the context again by
     * then; here it has the mark.
     *
     * @throws IllegalStateException if this context was given back
     */
    public void checkNotGivenBack(long read) {
        if (read < 0) {
            throw new IllegalStateException("context " + id + " is used after it was given back");
        }
    }

    /**
     * Gives this context back, to which there is no reference any more.
     *
     * @throws IllegalStateException if it was given back already
     */
    public void free() {
        checkNotGivenBack(generation.giveBack());
    }

    /** Returns whether this context was given back, which is final. */
    public boolean isGivenBack() {
        return generation.isGivenBack();
    }

    /**
     * Logs the range that a generation has changed. A context that was given back has no log, which nobody would read.
     *
     * @param of a generation that the caller has begun
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param cpus the cpumask of the range, read after the generation was begun
     * @param reason the reason of the flush
     */
    public void log(long of, long start, long end, long cpus, MmuNotifier.Reason reason) {
        if (of > 0) {
            log.write(of, start, end, cpus, reason);
        }
    }

    /** Returns the log of the ranges that the last generations have changed. */
    public FlushLog log() {
        return log;
    }

    /**
     * Counts a CPU that is about to go to this context as a user of the space, unless this context has ended ({@code
     * mmget_not_zero}).
     *
     * @return false if it has ended, and must not be used
     */
    public boolean use() {
        return users.tryUse();
    }

    /** Returns the users of the space. */
    public SpaceUsers users() {
        return users;
    }

    /** Sets the topmost table, before other threads reach this. */
    public void load(LoadedRoot of) {
        root = of;
    }

    /** Returns the topmost table; null for a context without a page table. */
    public @Nullable LoadedRoot root() {
        return root;
    }

    /** Returns the references to this context, and to the page table of the space. */
    public PageTableCount pageTable() {
        return pageTable;
    }

    /** Returns the number of CPUs that use it at some instant of this call; a CPU in LAZY does not. */
    public int cpus() {
        return users.cpus();
    }

    /** Returns whether the space has no user, which is final: no CPU can go to it. */
    public boolean isEnded() {
        return users.users() == 0;
    }
}
