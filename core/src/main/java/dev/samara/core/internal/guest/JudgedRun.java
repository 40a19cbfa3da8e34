// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

/** A run as seen by a checked machine, which checks the run's pages and ends the run. Used by the owner of the CPU. */
interface JudgedRun {
    /** Stores what is checked at the end of the run: the physical address, and the frames' reuse stamps. */
    void stamp(long at, long[] reuseStamps);

    /** Returns the physical address of the first byte. */
    long physical();

    /** Returns the reuse stamps of the frames when the run was found. */
    long[] stamps();

    /** Returns the address of the first byte. */
    long address();

    /** Returns the number of bytes; 0 if there is no run. */
    int length();

    /** Returns the right to the pages: READ of {@code Protection}, or {@link TranslatedMemory#UPDATE}. */
    int access();

    /** Returns whether the CPU is in GUEST and has dropped no translations since the run was found. */
    boolean isValid();

    /** Forgets the run, and makes its buffer reject every access. Only for a buffer that no other run uses. */
    void revoke();
}
