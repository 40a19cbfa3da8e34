// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.wait.WaitingThread;

/** A thread of the guest, as the file sees it that it reads or writes. */
public interface FileThread extends WaitingThread {
    /** Sends SIGPIPE to this thread, which has written where nobody reads. */
    void sendPipeSignal();

    /** Whether its writes leave a file the bits that make a program of it run as its owner ({@code CAP_FSETID}). */
    boolean keepsPrivileges();

    /**
     * Has the group of this thread stop if it is in the background, before a read of the terminal.
     *
     * @return 0 if the read may go on; an error, or RESTART if the group was sent SIGTTIN
     */
    long checkTerminalRead();
}
