// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The memory that all address spaces of one machine have committed, and its limit ({@code vm_committed_as} and {@code
 * __vm_enough_memory} in {@code mm/util.c}). Thread-safe.
 *
 * <p>Memory is charged before a change is published and settled afterwards: the count is never lower than the memory of
 * the layouts. It may be read at any time.
 */
public final class CommittedMemory {
    /** No limit. */
    public static final long UNLIMITED = -1;

    /** The number of words without a limit; a power of two. */
    private static final int WORDS = 8;

    /** The longs of two cache lines, since processors fetch lines in pairs. */
    private static final int STRIDE = 16;

    private static final VarHandle UNLIMITED_WORD = MethodHandles.arrayElementVarHandle(long[].class);

    private final long limitBytes;

    /** In bytes, since spaces of one machine may differ in page size; used with a limit. */
    private final AtomicLong committed = new AtomicLong();

    /**
     * In bytes, used without a limit: threads that charge side by side mostly have different words. (A {@link
     * java.util.concurrent.atomic.LongAdder} may need memory for another word, but no memory is not a reason not to
     * uncharge.)
     */
    private final long[] unlimited = new long[(WORDS + 1) * STRIDE];

    /** Creates a count of 0. The limit is in bytes, or {@link #UNLIMITED}. */
    public CommittedMemory(long limitBytes) {
        this.limitBytes = limitBytes;
    }

    /** Returns whether memory is never overcommitted ({@code overcommit_memory=2}), so that NORESERVE is ignored. */
    public boolean isStrict() {
        return limitBytes != UNLIMITED;
    }

    /**
     * Charges memory if the limit allows it.
     *
     * @param bytes the amount, not negative
     * @return whether it was charged
     */
    public boolean charge(long bytes) {
        if (limitBytes == UNLIMITED) {
            add(bytes);
            return true;
        }
        long known = committed.get();
        // Compared first: an addition that is taken back would have other threads find too little memory.
        while (bytes == 0 || known + bytes <= limitBytes) {
            if (bytes == 0 || committed.compareAndSet(known, known + bytes)) {
                return true;
            }
            known = committed.get();
        }
        return false;
    }

    /** Uncharges memory, or with a negative amount charges it regardless of the limit. */
    public void uncharge(long bytes) {
        if (limitBytes == UNLIMITED) {
            add(-bytes);
        } else {
            committed.addAndGet(-bytes);
        }
    }

    private void add(long bytes) {
        if (bytes != 0) {
            int word = (int) Thread.currentThread().getId() & WORDS - 1;
            UNLIMITED_WORD.getAndAdd(unlimited, (word + 1) * STRIDE, bytes);
        }
    }

    private long sum() {
        long sum = 0;
        for (int i = STRIDE; i < unlimited.length; i += STRIDE) {
            sum += (long) UNLIMITED_WORD.getVolatile(unlimited, i);
        }
        return sum;
    }

    /**
     * Returns the committed memory in bytes. Without a limit, changes that other threads make meanwhile may be missing.
     */
    public long bytes() {
        return limitBytes == UNLIMITED ? sum() : committed.get();
    }
}
