// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/** Switches a CPU from its current context to another one. */
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
