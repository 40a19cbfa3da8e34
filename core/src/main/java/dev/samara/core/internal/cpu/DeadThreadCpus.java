// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Takes CPUs offline that are {@linkplain CpuOwner gone}: their thread has ended, or their object has become
 * unreachable. Such a CPU does not acknowledge requests, and does not leave its space by itself. A shootdown that waits
 * for one ends its wait here. Calls that need a free CPU number, or a space without users, search for such CPUs first.
 */
final class DeadThreadCpus {
    private final Consumer<CpuState> end;

    /**
     * Creates a search for such CPUs.
     *
     * @param end takes a CPU offline
     */
    DeadThreadCpus(Consumer<CpuState> end) {
        this.end = end;
    }

    /** Takes offline those of the given CPUs that are gone. They then no longer count as users of a space. */
    void release(@Nullable CpuState[] online) {
        for (CpuState cpu : online) {
            if (cpu != null) {
                releaseIfDead(cpu);
            }
        }
    }

    /** Takes a CPU offline if it is gone. Returns whether it is gone, in which case no acknowledgement is needed. */
    boolean releaseIfDead(CpuState cpu) {
        if (!cpu.isGone()) {
            return false;
        }
        end.accept(cpu);
        return true;
    }

    /**
     * Takes a CPU offline as {@link #releaseIfDead} does, for a thread that waits for its acknowledgement. If there is
     * no memory for the remaining steps, the CPU still stops using translations; the next check executes these steps.
     */
    boolean stopIfDead(CpuState cpu) {
        try {
            return releaseIfDead(cpu);
        } catch (OutOfMemoryError exhausted) {
            return cpu.isOffline();
        }
    }
}
