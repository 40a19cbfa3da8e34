// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code POSIX_FADV_*} values of {@code posix_fadvise}; {@link Advice} contains the values for mappings. */
public final class FileAdvice {
    /** No advice for this open; the default. */
    public static final int POSIX_FADV_NORMAL = 0;

    /** Reads through this open read only the pages that they need. */
    public static final int POSIX_FADV_RANDOM = 1;

    /** Reads through this open read ahead more pages. */
    public static final int POSIX_FADV_SEQUENTIAL = 2;

    /** Starts to read the pages of the range into memory. */
    public static final int POSIX_FADV_WILLNEED = 3;

    /** Frees the clean pages of the range. */
    public static final int POSIX_FADV_DONTNEED = 4;

    /** No effect. */
    public static final int POSIX_FADV_NOREUSE = 5;

    private FileAdvice() {}
}
