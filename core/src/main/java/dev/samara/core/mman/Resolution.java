// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** What became of an attempt to access an address, as far as the layout decides it. */
public enum Resolution {
    /** A VMA is there and allows it. */
    FOUND,
    /** SIGSEGV, {@code SEGV_MAPERR}: nothing is mapped there, and no stack can grow so far. */
    MAPERR,
    /** SIGSEGV, {@code SEGV_ACCERR}: what is mapped there does not allow it. */
    ACCERR,
    /** The thread was interrupted while it waited at a gate. Its interrupt flag is set; it may try again. */
    RETRY
}
