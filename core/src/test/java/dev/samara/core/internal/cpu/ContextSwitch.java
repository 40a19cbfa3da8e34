// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/** How a CPU comes from what it has loaded to something else. */
final class ContextSwitch {
    private ContextSwitch() {}

    static void load(CpuState cpu, @Nullable TlbContext next) {
        cpu.depart();
        if (next != null && !next.use()) {
            throw new IllegalStateException("it has been ended");
        }
        cpu.arrive(next);
    }
}
