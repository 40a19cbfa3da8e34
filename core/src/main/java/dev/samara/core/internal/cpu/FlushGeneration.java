// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The generation of a space's page table ({@code tlb_gen}), from which a CPU learns that it must flush. A thread that
 * changed entries advances it. Before a CPU uses a translation, it compares the generation with the generation up to
 * which it flushed.
 */
public final class FlushGeneration {
    /** The bit that marks the generation of a context that was given back. */
    private static final long GIVEN_BACK = Long.MIN_VALUE;

    /**
     * The current generation; the first is 1. Negative after the context was given back.
     *
     * <p>Written: a thread that has changed entries of which another CPU may have translations (get-and-add); a thread
     *     in {@code membarrier} (get-and-add); the thread that releases the last reference to the page table
     *     (get-and-add).
     * Read: CPUs, after entering GUEST, after clearing {@code pending}, and on their way to a context that they do not
     *     know (volatile); CPUs of checked machines, in LAZY (volatile); a thread that flushes, before it advances the
     *     generation (volatile).
     * Pairs: with {@code word} and {@code pending} of {@code CpuWords}, and with the cpumasks in {@code Leaf}.
     * Invariant: only grows, and is advanced after the change of entries if there is one. After the context was given
     *     back, it is negative forever.
     */
    private final AtomicLong generation = new AtomicLong(1);

    FlushGeneration() {}

    /** Returns the current generation, which only grows. */
    public long current() {
        // Volatile: after the volatile store with which a CPU enters GUEST. Pairs with advance.
        return generation.get();
    }

    /**
     * Returns whether a CPU in the space must flush before it uses a translation.
     *
     * @param flushed the generation up to which the CPU flushed, or a value that is not a generation
     */
    public boolean mustFlush(long flushed) {
        return current() != flushed;
    }

    /**
     * Advances the generation, and returns the new one. The caller has changed entries, and reads their cpumask after
     * this call. If the context was given back, no CPU is in it, and the generation is negative.
     */
    public long advance() {
        // Volatile: after the changes of the entries, and before the cpumasks and the words of CPUs are read.
        return generation.incrementAndGet();
    }

    /**
     * Marks the generation of a context that is given back. Returns the previous generation, which may already have the
     * mark.
     */
    long giveBack() {
        // No lambda is used, because its first call allocates and needs a deep stack.
        return generation.getAndAdd(GIVEN_BACK);
    }

    boolean isGivenBack() {
        return current() < 0;
    }
}
