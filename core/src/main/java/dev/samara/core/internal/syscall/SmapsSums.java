// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

/**
 * The amounts of {@code smaps} in bytes, of one VMA or of several ({@code struct mem_size_stats}). Used by one thread.
 */
public final class SmapsSums {
    /** The proportional shares are summed in fractions of a byte, so that rounding does not make the sum too small. */
    private static final int PSS_SHIFT = 12;

    public long rss;
    public long sharedClean;
    public long sharedDirty;
    public long privateClean;
    public long privateDirty;
    public long referenced;
    public long anonymous;

    private long pss;
    private long pssDirty;
    private long pssAnonymous;
    private long pssShmem;
    private long pssLocked;

    /**
     * Adds a page.
     *
     * @param size the size of the page in bytes
     * @param mappings the number of entries that map the page
     */
    void add(
            long size,
            int mappings,
            boolean isAnonymous,
            boolean isShmem,
            boolean isDirty,
            boolean isReferenced,
            boolean isLocked) {
        long share = (size << PSS_SHIFT) / Math.max(1, mappings);
        boolean isPrivate = mappings < 2;
        rss += size;
        referenced += isReferenced ? size : 0;
        anonymous += isAnonymous ? size : 0;
        pss += share;
        pssAnonymous += isAnonymous ? share : 0;
        pssShmem += isShmem ? share : 0;
        pssDirty += isDirty ? share : 0;
        pssLocked += isLocked ? share : 0;
        privateDirty += isPrivate && isDirty ? size : 0;
        privateClean += isPrivate && !isDirty ? size : 0;
        sharedDirty += !isPrivate && isDirty ? size : 0;
        sharedClean += !isPrivate && !isDirty ? size : 0;
    }

    public long pss() {
        return pss >> PSS_SHIFT;
    }

    public long pssDirty() {
        return pssDirty >> PSS_SHIFT;
    }

    public long pssAnonymous() {
        return pssAnonymous >> PSS_SHIFT;
    }

    public long pssShmem() {
        return pssShmem >> PSS_SHIFT;
    }

    /** Returns the share of file pages, not including shared anonymous memory. */
    public long pssFile() {
        return (pss - pssAnonymous - pssShmem) >> PSS_SHIFT;
    }

    public long pssLocked() {
        return pssLocked >> PSS_SHIFT;
    }
}
