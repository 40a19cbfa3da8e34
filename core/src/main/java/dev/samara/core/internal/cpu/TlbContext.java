// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A space as TLBs know it ({@code mm_context_t}): a number that no other space ever has, and a generation, which is
 * advanced after each change of the page table that a CPU may not see.
 *
 * <p>A thread that has changed entries advances the generation, reads the cpumask of the entries, logs the range, and
 * has {@link Cpus#shoot} wait for those CPUs. A CPU that begins to use its translations reads the generation, and
 * flushes the ranges that it has missed.
 *
 * <p>A context that no CPU uses can be ended, which is final. No CPU goes to an ended context, so translations that
 * CPUs still have of it are never used again, and need no flush.
 */
public final class TlbContext {
    /**
     * The number of the permanent empty space, in which nothing is mapped, and which never ends. A CPU that has no
     * other space has this one.
     */
    public static final long EMPTY = 0;

    /** The user count of a context that has been ended. */
    private static final int ENDED = Integer.MIN_VALUE;

    private static final AtomicLong LAST = new AtomicLong(EMPTY);

    private final long id = LAST.incrementAndGet();

    /** The current generation; the first is 1. */
    private final AtomicLong generation = new AtomicLong(1);

    private final FlushLog log = new FlushLog();
    private final AtomicInteger users = new AtomicInteger();

    private final SpaceCounters counters;

    /** Makes the context of a new space. */
    public TlbContext() {
        this(new SpaceCounters());
    }

    private TlbContext(SpaceCounters counters) {
        this.counters = counters;
    }

    /** Returns the next context of the space, after the end of this one. */
    public TlbContext next() {
        return new TlbContext(counters);
    }

    SpaceCounters counters() {
        return counters;
    }

    /** Returns its number, which is positive and never reused. */
    public long id() {
        return id;
    }

    /** Returns the current generation, which only grows. */
    public long generation() {
        // Volatile: after the volatile store by which a CPU enters GUEST. Pairs with advance.
        return generation.get();
    }

    /**
     * Begins another generation, and returns it. The caller has changed entries before, and reads their cpumask after
     * this call.
     */
    public long advance() {
        // Volatile: after the changes of the entries, and before the cpumasks and the words of CPUs are read.
        return generation.incrementAndGet();
    }

    /**
     * Logs the range that a generation has changed.
     *
     * @param of a generation that the caller has begun
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param cpus the cpumask of the range, read after the generation was begun
     * @param reason the reason of the flush
     */
    public void log(long of, long start, long end, long cpus, MmuNotifier.Reason reason) {
        log.write(of, start, end, cpus, reason);
    }

    /** Returns the log of the ranges that the last generations have changed. */
    public FlushLog log() {
        return log;
    }

    /**
     * Counts a CPU that is about to load this context, unless the context has been ended ({@code mmget_not_zero}, but
     * it also succeeds with a count of 0).
     *
     * @return false if the context has been ended, and must not be used
     */
    public boolean use() {
        // Atomic: before the CPU's word names this context. Pairs with end.
        return users.getAndUpdate(count -> count == ENDED ? ENDED : count + 1) != ENDED;
    }

    /** Stops counting a CPU, whose word does not name it as a user any more. */
    public void unuse() {
        users.getAndDecrement();
    }

    /** Returns the number of CPUs that use it at some instant of this call; CPUs that are LAZY in it do not. */
    public int users() {
        return Math.max(0, users.get());
    }

    /**
     * Ends it if no CPU uses it. No CPU can load it after that.
     *
     * @return whether it has been ended, now or before
     */
    public boolean end() {
        // Atomic: a CPU is counted from before its word names this context as used until after that. Pairs with use and
        // unuse.
        return users.compareAndSet(0, ENDED) || isEnded();
    }

    /** Returns whether it has been ended, which is final. */
    public boolean isEnded() {
        return users.get() == ENDED;
    }
}
