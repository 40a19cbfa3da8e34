// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.MmuNotifier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a space is to translation caches ({@code mm_context_t}): a number that no other space ever has, and a
 * generation, which is advanced after each change of the page table that some CPU may not see.
 *
 * <p>Who has changed entries advances the generation, reads then who may have translations of them, logs that, and has
 * {@link Cpus#shoot} wait for those. A CPU that begins to use its translations reads the generation, and flushes what
 * it has missed.
 *
 * <p>A context that no CPU uses can be ended, once and for all. What CPUs still have of it is never used again, since
 * nobody loads it any more: its translations need no flush.
 */
public final class TlbContext {
    /**
     * The number of the permanent empty space: no other has it, nothing is mapped there, and it never ends. A CPU that
     * has no other space loaded has this one.
     */
    public static final long EMPTY = 0;

    /** How many use a context that has been ended. */
    private static final int ENDED = Integer.MIN_VALUE;

    private static final AtomicLong LAST = new AtomicLong(EMPTY);

    private final long id = LAST.incrementAndGet();

    /** 1 is the generation in which it was made. */
    private final AtomicLong generation = new AtomicLong(1);

    private final FlushLog log = new FlushLog();
    private final AtomicInteger users = new AtomicInteger();

    /** Makes the context of a new space. */
    public TlbContext() {}

    /**
     * Its number.
     *
     * @return positive, and used only once
     */
    public long id() {
        return id;
    }

    /**
     * The generation.
     *
     * @return a number that only grows
     */
    public long generation() {
        // Volatile: behind the volatile store by which a CPU enters GUEST. Pairs with advance.
        return generation.get();
    }

    /**
     * Begins another generation. Caller has changed entries by then, and reads who may have translations of them after
     * this.
     *
     * @return its number
     */
    public long advance() {
        // Volatile, behind the changes of the entries, and before the masks and the words of CPUs are read.
        return generation.incrementAndGet();
    }

    /**
     * Says what a generation has changed.
     *
     * @param of a generation that the caller has begun
     * @param start the first address
     * @param end behind the last
     * @param cpus a mask of those that may have translations, read after the generation was begun
     * @param reason what has become of them
     */
    public void log(long of, long start, long end, long cpus, MmuNotifier.Reason reason) {
        log.write(of, start, end, cpus, reason);
    }

    /**
     * What the last generations have changed.
     *
     * @return always the same
     */
    public FlushLog log() {
        return log;
    }

    /**
     * Counts a CPU that is about to load it, as long as it has not been ended ({@code mmget_not_zero}, where none is
     * counted yet too).
     *
     * @return false if it has, and must not be loaded
     */
    public boolean use() {
        // Atomic, before the word of the CPU says so. Pairs with end.
        return users.getAndUpdate(count -> count == ENDED ? ENDED : count + 1) != ENDED;
    }

    /** Counts a CPU no more, whose word does not say any more that it uses this. */
    public void unuse() {
        users.getAndDecrement();
    }

    /**
     * How many CPUs use it. LAZY ones do not.
     *
     * @return the number at some instant of this call
     */
    public int users() {
        return Math.max(0, users.get());
    }

    /**
     * Ends it if nobody uses it: nobody ever does then.
     *
     * @return whether it has been ended, now or before
     */
    public boolean end() {
        // Atomic: a CPU is counted before its word says that it uses this, and until after that. Pairs with use
        // and unuse.
        return users.compareAndSet(0, ENDED) || isEnded();
    }

    /**
     * Whether it was ended.
     *
     * @return true for ever once it is true
     */
    public boolean isEnded() {
        return users.get() == ENDED;
    }
}
