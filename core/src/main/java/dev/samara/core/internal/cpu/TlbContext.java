// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The identity of a space for TLBs ({@code mm_context_t}): a number that no other space ever has, and a {@linkplain
 * FlushGeneration generation}. The generation is advanced after each change of the page table that a CPU may not have
 * seen. {@code CpuTlb} lists the spaces whose translations a CPU keeps over a switch.
 *
 * <p>A thread that changed entries of which other CPUs may have translations advances the generation, reads the cpumask
 * of the entries, logs the range, and calls {@link Shootdowns#shoot} to wait for those CPUs. Before a CPU uses its
 * translations, it reads the generation, and flushes the ranges that it missed.
 *
 * <p>A CPU that is in the space is one of its {@linkplain SpaceUsers users}. After the last user is gone, the context
 * has ended forever: no CPU enters it, so translations that CPUs still have of it are never used again, and need no
 * flush.
 */
public final class TlbContext {
    /**
     * The number of the permanent empty space, in which nothing is mapped, and which never ends. A CPU that has no
     * other space has this one.
     */
    public static final long EMPTY = 0;

    /**
     * Written: a thread that creates a space (get-and-add); a seam of tests, which only raises it (get-and-update).
     * Read: a thread that creates a space (get-and-add).
     * Invariant: a number is given to one context only.
     */
    private static final AtomicLong LAST = new AtomicLong(EMPTY);

    private final long id = LAST.incrementAndGet();

    private final FlushGeneration generation = new FlushGeneration();
    private final FlushLog log = new FlushLog();
    private final SpaceUsers users;
    private final PageTableCount pageTable;
    private final SpaceCounters counters = new SpaceCounters();

    /** The topmost table; null for a context without a page table. */
    private @Nullable LoadedRoot root;

    /**
     * The number of the space; 0 until the space is registered, which happens before another thread knows the space.
     */
    private long space;

    /** Creates the context of a space that needs no teardown. */
    public TlbContext() {
        this(new SpaceUsers(), new PageTableCount());
    }

    /**
     * Creates the context of a new space.
     *
     * @param users the users of the space
     * @param pageTable the references to this context, and to the page table of the space
     */
    public TlbContext(SpaceUsers users, PageTableCount pageTable) {
        this.users = users;
        this.pageTable = pageTable;
    }

    /**
     * Sets the number of the next context, unless larger numbers are already used. For tests of numbers that differ
     * only in their upper half.
     */
    static void next(long id) {
        LAST.updateAndGet(last -> Math.max(last, id - 1));
    }

    SpaceCounters counters() {
        return counters;
    }

    /** Returns the number of the context, which is positive and never reused. */
    public long id() {
        return id;
    }

    /** Returns the number of the space on its machine; 0 if it has none. */
    public long space() {
        return space;
    }

    /** Sets the number of the space. Called before other threads can reach this context. */
    public void numberSpace(long number) {
        space = number;
    }

    /** Returns the generation of the page table, from which CPUs learn that they must flush. */
    public FlushGeneration generation() {
        return generation;
    }

    /**
     * Checks a generation that a CPU read from this context: if the context was given back, the generation contains a
     * mark. (A kernel would have reused the memory of the context by then.)
     *
     * @throws IllegalStateException if this context was given back
     */
    public void checkNotGivenBack(long read) {
        if (read < 0) {
            throw new IllegalStateException("context " + id + " is used after it was given back");
        }
    }

    /**
     * Gives this context back. There is no reference to it any more.
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
     * Logs the range that a generation changed. Logs nothing for a context that was given back, because no CPU would
     * read it.
     *
     * @param of a generation to which the caller advanced
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param cpus the cpumask of the range, read after the generation was advanced
     * @param reason the reason of the flush
     */
    public void log(long of, long start, long end, long cpus, MmuNotifier.Reason reason) {
        if (of > 0) {
            log.write(of, start, end, cpus, reason);
        }
    }

    /** Returns the log of the ranges that the latest generations changed. */
    public FlushLog log() {
        return log;
    }

    /**
     * Counts a CPU that is about to enter this context as a user of the space, unless this context has ended ({@code
     * mmget_not_zero}).
     *
     * @return false if the context has ended and must not be used
     */
    public boolean use() {
        return users.tryUse();
    }

    /** Returns the users of the space. */
    public SpaceUsers users() {
        return users;
    }

    /** Sets the topmost table. Called before other threads can reach this context. */
    public void load(LoadedRoot of) {
        root = of;
    }

    /** Returns the topmost table; null for a context without a page table. */
    public @Nullable LoadedRoot root() {
        return root;
    }

    /** Returns the references to this context and to the page table of the space. */
    public PageTableCount pageTable() {
        return pageTable;
    }

    /** Returns the number of CPUs that use this context at some instant of this call. A CPU in LAZY does not use it. */
    public int cpus() {
        return users.cpus();
    }

    /** Returns whether the space has no users. This is final, because no CPU can enter the space then. */
    public boolean isEnded() {
        return users.users() == 0;
    }
}
