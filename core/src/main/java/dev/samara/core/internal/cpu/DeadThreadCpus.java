// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/**
 * Takes the CPUs of dead threads offline. Such a CPU answers no request and leaves no space by itself. The wait of a
 * shootdown for such a CPU ends here. Calls that need the number of a CPU, or a space without users, look for dead
 * threads first.
 */
final class DeadThreadCpus {
    private final Cpus cpus;

    DeadThreadCpus(Cpus cpus) {
        this.cpus = cpus;
    }

    /** Takes all CPUs of dead threads among the given ones offline. They no longer count as users of a space. */
    void release(@Nullable CpuState[] online) {
        for (CpuState cpu : online) {
            if (cpu != null) {
                releaseIfDead(cpu);
            }
        }
    }

    /** Takes a CPU offline if its thread is dead. Returns whether the thread is dead: the CPU needs no answer then. */
    boolean releaseIfDead(CpuState cpu) {
        if (!cpu.isDead()) {
            return false;
        }
        cpus.release(cpu);
        return true;
    }
}
