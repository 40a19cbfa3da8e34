// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import dev.samara.emulator.linux.memory.CallMemory;

/** The part of a guest thread that futexes use: it waits, and has the ID that a futex word may contain. */
public interface FutexThread extends WaitingThread {
    int tid();

    /** The memory as a call of this thread accesses it. */
    CallMemory memory();
}
