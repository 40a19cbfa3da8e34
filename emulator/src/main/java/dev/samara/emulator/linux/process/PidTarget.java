// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.emulator.linux.file.PidDescriptor;
import dev.samara.emulator.linux.wait.WaitList;

/**
 * The process or thread of a pidfd.
 *
 * @param process the process
 * @param id the ID of the process, or of one of its threads
 * @param isThread whether the pidfd refers only to the thread with that ID
 */
public record PidTarget(GuestProcess process, int id, boolean isThread) implements PidDescriptor.PidState {
    private ProcessTree tree() {
        return process.system().tree();
    }

    @Override
    public boolean isEnded() {
        return isThread ? process.find(id) == null : tree().isZombie(process);
    }

    @Override
    public boolean isForgotten() {
        // After its end, the first thread of a process is a zombie. Other threads are not.
        return id == process.pid() ? tree().find(id) == null : process.find(id) == null;
    }

    @Override
    public WaitList ends() {
        return process.ends();
    }
}
