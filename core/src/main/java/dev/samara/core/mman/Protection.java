// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code PROT_*} bits of {@code mmap} and {@code mprotect}, as in {@code sys/mman.h} on Linux x86-64. */
public final class Protection {
    /** {@code PROT_NONE}: no access. */
    public static final int NONE = 0;

    /** {@code PROT_READ}: pages can be read. */
    public static final int READ = 0x1;

    /** {@code PROT_WRITE}: pages can be written. */
    public static final int WRITE = 0x2;

    /** {@code PROT_EXEC}: pages can be executed. */
    public static final int EXEC = 0x4;

    /** {@code PROT_SEM}: accepted without effect, as on x86. */
    public static final int SEM = 0x8;

    /** {@code PROT_GROWSDOWN} of {@code mprotect}: extend the change down to the start of a mapping that grows down. */
    public static final int PROT_GROWSDOWN = 0x01000000;

    /** {@code PROT_GROWSUP} of {@code mprotect}: extend the change up to the end of a mapping that grows up. */
    public static final int PROT_GROWSUP = 0x02000000;

    private Protection() {}
}
