// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import org.jspecify.annotations.Nullable;

/**
 * The task with an ID, as the kernel's {@code find_task_by_vpid} returns it: a running thread, or the first thread of a
 * process, which remains after its end until the process is reaped.
 *
 * @param process the process
 * @param thread the thread; null if it is a first thread that has ended
 */
public record NumberedTask(GuestProcess process, @Nullable GuestThread thread) {
    /** Returns the credentials of the task. A thread that has ended keeps them. */
    public Credentials credentials() {
        return thread == null ? process.credentials() : thread.credentials();
    }
}
