// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Takes CPUs offline whose thread has ended, or whose object was lost: those that are {@linkplain CpuOwner gone}. Such
 * a CPU answers no request and leaves no space by itself. A shootdown that waits for one ends its wait here. Calls that
 * need the number of a CPU, or a space without users, look for such CPUs first.
 */
final class DeadThreadCpus {
    private final Consumer<CpuState> end;

    /**
     * Makes a search for such CPUs.
     *
     * @param end takes a CPU offline
     */
    DeadThreadCpus(Consumer<CpuState> end) {
        this.end = end;
    }

    /** Takes all CPUs among the given ones offline that are gone. They no longer count as users of a space. */
    void release(@Nullable CpuState[] online) {
        for (CpuState cpu : online) {
            if (cpu != null) {
                releaseIfDead(cpu);
            }
        }
    }

    /** Takes a CPU offline if it is gone. Returns whether it is gone: the CPU needs no answer then. */
    boolean releaseIfDead(CpuState cpu) {
        if (!cpu.isGone()) {
            return false;
        }
        end.accept(cpu);
        return true;
    }

    /**
     * Takes a CPU offline as {@link #releaseIfDead} does, for a thread that waits for its answer. Without memory for
     * the rest of its end, the CPU still stops using translations; the next look makes the rest.
     */
    boolean stopIfDead(CpuState cpu) {
        try {
            return releaseIfDead(cpu);
        } catch (OutOfMemoryError exhausted) {
            return cpu.isOffline();
        }
    }
}
