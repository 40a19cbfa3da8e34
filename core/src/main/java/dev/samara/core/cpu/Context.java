// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import dev.samara.core.vma.MmuNotifier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a space is to translation caches ({@code mm_context_t}): a number that no other space ever has, and a generation,
 * which is advanced after each change of the page table that some CPU may not see.
 *
 * <p>Who has changed entries advances the generation, reads then who may have translations of them, logs that, and has
 * {@link Cpus#shoot} wait for those. A CPU that begins to use its translations reads the generation, and flushes what it has
 * missed.
 */
public final class Context {
    private static final AtomicLong LAST = new AtomicLong();

    private final long id = LAST.incrementAndGet();

    /** 1 is the generation in which it was made. */
    private final AtomicLong generation = new AtomicLong(1);

    private final FlushLog log = new FlushLog();
    private final AtomicInteger users = new AtomicInteger();

    /** Makes the context of a new space. */
    public Context() {}

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
     * Begins another generation. Caller has changed entries by then, and reads who may have translations of them after this.
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

    /** Counts a CPU that loads it. */
    public void use() {
        users.getAndIncrement();
    }

    /** Counts a CPU that loads another. */
    public void unuse() {
        users.getAndDecrement();
    }

    /**
     * How many CPUs have it loaded.
     *
     * @return the number at some instant of this call
     */
    public int users() {
        return users.get();
    }
}
