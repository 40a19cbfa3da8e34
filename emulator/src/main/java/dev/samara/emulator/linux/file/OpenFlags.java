// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/** The flags of {@code openat}, as asm-generic numbers them. */
public final class OpenFlags {
    public static final int RDONLY = 0;
    public static final int WRONLY = 1;
    public static final int RDWR = 2;
    public static final int ACCESS = 3;
    public static final int CREAT = 0100;
    public static final int EXCL = 0200;
    public static final int NOCTTY = 0400;
    public static final int TRUNC = 01000;
    public static final int APPEND = 02000;
    public static final int NONBLOCK = 04000;
    public static final int LARGEFILE = 0100000;
    public static final int DIRECTORY = 0200000;
    public static final int NOFOLLOW = 0400000;
    public static final int CLOEXEC = 02000000;

    public static final int PATH = 010000000;

    /** Together with {@link #DIRECTORY}, creates a file without a name. */
    public static final int TMPFILE = 020000000;

    /** The flags that {@code F_GETFL} returns: all except those that affect only the open itself. */
    public static final int KEPT = ~(CREAT | EXCL | NOCTTY | TRUNC | CLOEXEC);

    /** All flags that Linux knows ({@code VALID_OPEN_FLAGS}). */
    private static final int KNOWN = 037777703;

    private OpenFlags() {}

    /**
     * Returns the known flags, and {@link #LARGEFILE} in any case ({@code build_open_flags}).
     */
    public static int known(int flags) {
        return (flags & KNOWN) | LARGEFILE;
    }

    /**
     * Whether an open with these flags changes the file or permits changes. {@code O_TRUNC} changes it even with {@code
     * O_RDONLY}.
     */
    public static boolean changesFile(int flags) {
        return (flags & (ACCESS | TRUNC)) != 0;
    }
}
