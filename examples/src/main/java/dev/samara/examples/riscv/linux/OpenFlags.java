// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

/** The flags of {@code openat}, as asm-generic numbers them. */
final class OpenFlags {
    static final int RDONLY = 0;
    static final int WRONLY = 1;
    static final int RDWR = 2;
    static final int ACCESS = 3;
    static final int CREAT = 0100;
    static final int EXCL = 0200;
    static final int TRUNC = 01000;
    static final int APPEND = 02000;
    static final int NONBLOCK = 04000;
    static final int DIRECTORY = 0200000;
    static final int NOFOLLOW = 0400000;
    static final int CLOEXEC = 02000000;
    static final int PATH = 010000000;

    /** The flags that an open file keeps. */
    static final int KEPT = ACCESS | APPEND | NONBLOCK | PATH;

    private OpenFlags() {}
}
