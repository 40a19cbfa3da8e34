// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

/** How a file is used, under the monitor of {@link InodeTable}. */
final class HostUse {
    /** The opens of the file that have not ended. */
    int opens;

    /** The opens for writing among them ({@code i_writecount} above 0). */
    int writers;

    /** How often writing is denied ({@code i_writecount} below 0); 0 while there are writers. */
    int denials;

    /** The number of opens so far: whether one has come and gone during a last close. */
    long opened;

    /** Whether it was reported that the file could not be saved. Set back by an open. */
    boolean isReported;

    /** The place in the list of all files. */
    int place;

    /** A thread saves the file, to end it if no open comes. */
    boolean isEnding;
}
