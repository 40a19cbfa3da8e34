// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.wait.WaitingThread;

/** A thread of the guest, as the file sees it that it reads or writes. */
public interface FileThread extends WaitingThread {
    /** Sends SIGPIPE to this thread, which has written where nobody reads. */
    void sendPipeSignal();
}
