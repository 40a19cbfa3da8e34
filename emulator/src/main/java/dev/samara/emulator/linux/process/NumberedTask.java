// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import org.jspecify.annotations.Nullable;

/**
 * The task that a number identifies, as {@code find_task_by_vpid} of the kernel finds it: a running thread, or the
 * first thread of a process, which remains after its end until the process is reaped.
 *
 * @param process the process
 * @param thread the thread; null for a first thread that has ended
 */
public record NumberedTask(GuestProcess process, @Nullable GuestThread thread) {
    /** Returns the credentials, which an ended thread keeps. */
    public Credentials credentials() {
        return thread == null ? process.credentials() : thread.credentials();
    }
}
