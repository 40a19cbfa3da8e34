// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The result of an attempt to access an address, as far as the layout determines it. */
public enum Resolution {
    /** A VMA is there and allows the access. */
    FOUND,
    /** SIGSEGV, {@code SEGV_MAPERR}: no mapping is there, and no stack can grow so far. */
    MAPERR,
    /** SIGSEGV, {@code SEGV_ACCERR}: the mapping does not allow the access. */
    ACCERR,
    /** The thread was interrupted while it waited at a gate. Its interrupt flag is set; it may try again. */
    RETRY
}
