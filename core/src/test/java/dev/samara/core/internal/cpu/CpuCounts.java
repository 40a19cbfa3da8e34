// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/** Gives tests of other packages access to the CPUs that {@link SpaceUsers} counts. */
public final class CpuCounts {
    private CpuCounts() {}

    /** Stops counting a CPU that stays in the space. Returns whether it was the last user. */
    public static boolean unuse(SpaceUsers of) {
        return of.unuse();
    }
}
