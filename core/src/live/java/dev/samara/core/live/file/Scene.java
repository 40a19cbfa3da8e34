// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

/** The opens and mappings of a script, as far as the choice of the next step depends on them. */
interface Scene {
    /** Returns the size of the file that is open in a slot; -1 if none is. */
    long sizeAt(int slot);

    boolean isWritable(int slot);

    boolean isMapped(int space, int region);

    /** Returns how many bytes of its file a region begins with; 0 if nothing is mapped at its start. */
    long mappedBytes(int space, int region);
}
