// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

/** Executes the system calls of a thread. */
public interface ThreadCalls {
    /** Executes the call that the registers describe. The thread is outside GUEST. */
    void execute();
}
