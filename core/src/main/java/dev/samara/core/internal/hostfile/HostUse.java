// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

/** How a file is used. Guarded by the monitor of {@link InodeTable}. */
final class HostUse {
    /** The number of opens of the file that have not ended. */
    int opens;

    /** The number of these opens that are for writing ({@code i_writecount} above 0). */
    int writers;

    /** The number of denials of writing ({@code i_writecount} below 0); 0 while there are writers. */
    int denials;

    /** The number of opens so far. Shows whether the file was opened and closed again during a last close. */
    long opened;

    /** Whether it was reported that the file could not be saved. Reset by an open. */
    boolean isReported;

    /** The index in the list of all files. */
    int place;

    /** Whether a thread is saving the file, to end it unless it is opened again. */
    boolean isEnding;
}
