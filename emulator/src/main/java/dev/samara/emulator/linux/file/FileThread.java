// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.wait.WaitingThread;

/** A thread of the guest that reads or writes a file. */
public interface FileThread extends WaitingThread {
    /** Sends SIGPIPE to this thread because it wrote to a pipe without a reader. */
    void sendPipeSignal();

    /** Whether this thread must end, so that a call must return soon. */
    boolean mustEnd();
}
