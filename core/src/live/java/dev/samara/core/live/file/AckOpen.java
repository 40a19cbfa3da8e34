// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

/** An open of a file, used by its owner and its mappings, and the error that it must still return. */
final class AckOpen {
    /** The error that an open must still return; each open returns an error once ({@code errseq_t}). */
    enum Owed {
        NOTHING,
        /** The failure may have occurred in a write-back. If one open returns it, each open must. */
        PERHAPS,
        AN_ERROR
    }

    final AckFile file;
    final boolean isWritable;

    Owed owed;

    /** Whether the owner closed the open. */
    boolean isClosed;

    /** The number of mapped pages. */
    int mapped;

    AckOpen(AckFile file, boolean isWritable, Owed owed) {
        this.file = file;
        this.isWritable = isWritable;
        this.owed = owed;
    }

    boolean isUsed() {
        return !isClosed || mapped > 0;
    }
}
