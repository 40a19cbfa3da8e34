// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

/** The state of a script's opens and mappings on which the choice of the next step depends. */
interface Scene {
    /** Returns the size of the file that is open in a slot; -1 if no file is open. */
    long sizeAt(int slot);

    boolean isWritable(int slot);

    boolean isMapped(int space, int region);

    /**
     * Returns how many bytes of a file are mapped from the start of a region on; 0 if nothing is mapped at its start.
     */
    long mappedBytes(int space, int region);
}
