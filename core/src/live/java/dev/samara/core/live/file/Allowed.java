// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import org.jspecify.annotations.Nullable;

/**
 * The documented differences between the results of the library and of the kernel. Other documented differences are in
 * {@link Twin} (contents after changes by another program), {@link LibrarySide} (opens that are closed but still
 * mapped) and {@link #isLeftOut} (holes in large files).
 */
enum Allowed {
    /** {@code Machine.openFile}: EISDIR for a directory; ENODEV for a FIFO, a device, and a file of /proc. */
    REGULAR_FILES_ONLY,

    /** {@code HostFile}, other programs: the size may be stale until a call checks it. */
    OLD_SIZE,

    /** {@code HostFile.punch}: bytes beyond the end are ignored; the host's maximum file size is unknown. */
    LARGEST_SIZE;

    private static final long EEXIST = -17;
    private static final long EISDIR = -21;
    private static final long ENODEV = -19;
    private static final long EFBIG = -27;
    private static final long ENOMEM = -12;
    private static final long EACCES = -13;
    private static final long EINVAL = -22;

    /** The maximum length of a hole, whose pages are read to find those that are not zeros. */
    private static final long MOST_PUNCHED = 4 << 20;

    /** The maximum size of a file on ext4. */
    private static final long LARGEST = (1L << 44) - 4096;

    /**
     * Returns whether a step is left out: either the hole is so large that the library, which takes time proportional
     * to the hole, would be too slow for a test; or the hole ends beyond the maximum size, where the kernel refuses it
     * and the library does not.
     */
    static boolean isLeftOut(Step step, long size) {
        if (step.verb() != Verb.PUNCH || step.get(Kind.OFFSET) < 0 || step.get(Kind.LENGTH) <= 0) {
            return false;
        }
        long end = step.get(Kind.OFFSET) + step.get(Kind.LENGTH);
        return end > LARGEST || Math.min(step.get(Kind.LENGTH), size - step.get(Kind.OFFSET)) > MOST_PUNCHED;
    }

    /** Returns the exception for a step's results; null if none exists. */
    static @Nullable Allowed of(Step step, Outcome kernel, Outcome library, boolean isOldSize) {
        if (step.verb() == Verb.OPEN) {
            int name = step.number(Kind.NAME);
            boolean isOdd = name == Names.DIRECTORY || name == Names.FIFO || name > Names.LOOP + 3;
            boolean isRefused = library.result() == EISDIR || library.result() == ENODEV;
            return isOdd && isRefused && kernel.result() != EEXIST ? REGULAR_FILES_ONLY : null;
        }
        if (isOldSize) {
            return OLD_SIZE;
        }
        boolean isLeftOut = step.verb() == Verb.MADVISE && kernel.result() == EFBIG;
        // The library's walk continues after that page, possibly to a hole in the layout, or to memory from which
        // nothing can be removed.
        boolean isFurther = library.result() == 0
                || library.result() == ENOMEM
                || library.result() == EACCES
                || library.result() == EINVAL;
        return isLeftOut && isFurther ? LARGEST_SIZE : null;
    }
}
