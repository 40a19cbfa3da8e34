// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

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

    private final long limitBytes;

    /** In bytes, since spaces of one machine may differ in page size. */
    private final AtomicLong committed = new AtomicLong();

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
        long after = committed.addAndGet(bytes);
        if (limitBytes == UNLIMITED || bytes == 0 || after <= limitBytes) {
            return true;
        }
        committed.addAndGet(-bytes);
        return false;
    }

    /** Uncharges memory, or with a negative amount charges it regardless of the limit. */
    public void uncharge(long bytes) {
        committed.addAndGet(-bytes);
    }

    /** Returns the committed memory in bytes. */
    public long bytes() {
        return committed.get();
    }
}
