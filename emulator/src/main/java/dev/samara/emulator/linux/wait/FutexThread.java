// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.ProcessMemory;

/** A thread of the guest as futexes see it: it waits, and has the number that a futex word may contain. */
public interface FutexThread extends WaitingThread {
    int tid();

    /** The memory as a call of this thread accesses it. */
    CallMemory memory();

    /** What this thread has to do with locks that know their owners. */
    PiFutexes.PiThread inheritance();

    /** The memory of the process. */
    ProcessMemory processMemory();
}
