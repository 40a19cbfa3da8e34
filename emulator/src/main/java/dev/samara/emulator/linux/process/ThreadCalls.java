// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

/** The system calls of a thread, as the thread makes them. */
public interface ThreadCalls {
    /** Makes the call that the registers describe. The thread is outside GUEST. */
    void execute();
}
