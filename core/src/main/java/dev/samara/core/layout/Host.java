// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import java.util.concurrent.atomic.AtomicLong;

/**
 * What all address spaces of one machine share: the settings of the system, and the memory committed so far.
 *
 * <p>The committed count is charged before a change is published and settled after, so it never runs behind what the
 * layouts hold; it may be read at any time.
 */
public final class Host {
    /** No commit limit. */
    public static final long UNLIMITED = -1;

    private final int maxMapCount;
    private final long stackGuardPages;
    private final long commitLimitBytes;

    /** In bytes, since spaces of one machine may differ in page size. */
    private final AtomicLong committed = new AtomicLong();

    /** Numbers the anonymous shared objects. */
    private final AtomicLong inodes = new AtomicLong();

    /**
     * Makes a machine's common part.
     *
     * @param maxMapCount {@code vm.max_map_count}
     * @param stackGuardPages {@code stack_guard_gap}, in pages
     * @param commitLimitBytes the commit limit in bytes, or {@link #UNLIMITED}
     */
    public Host(int maxMapCount, long stackGuardPages, long commitLimitBytes) {
        this.maxMapCount = maxMapCount;
        this.stackGuardPages = stackGuardPages;
        this.commitLimitBytes = commitLimitBytes;
    }

    /** The inode of the next anonymous shared object. */
    long nextInode() {
        return inodes.incrementAndGet();
    }

    int maxMapCount() {
        return maxMapCount;
    }

    long stackGuardPages() {
        return stackGuardPages;
    }

    /** Whether memory is never promised twice ({@code overcommit_memory=2}), so that NORESERVE is not honoured. */
    boolean strictCommit() {
        return commitLimitBytes != UNLIMITED;
    }

    /**
     * Charges memory if the limit allows it.
     *
     * @param bytes how much, not negative
     * @return whether it was charged
     */
    boolean charge(long bytes) {
        long after = committed.addAndGet(bytes);
        if (commitLimitBytes == UNLIMITED || bytes == 0 || after <= commitLimitBytes) {
            return true;
        }
        committed.addAndGet(-bytes);
        return false;
    }

    /** Gives memory back, or with a negative amount takes what is owed whatever the limit. */
    void uncharge(long bytes) {
        committed.addAndGet(-bytes);
    }

    /**
     * The memory committed now.
     *
     * @return bytes
     */
    public long committed() {
        return committed.get();
    }
}
