// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.access;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import java.util.Random;

/**
 * The CPUs of one thread that are in one space.
 *
 * <p>A CPU is in GUEST only during an access, so operations of the space may be called at any time between two
 * accesses.
 */
public final class CpuSet implements AutoCloseable {
    private final Cpu[] cpus;
    private final Random random;

    CpuSet(CpuPlan plan, AddressSpace space) {
        random = new Random(plan.seed());
        cpus = new Cpu[plan.count()];
        for (int i = 0; i < cpus.length; i++) {
            cpus[i] = space.machine().claimCpu();
            cpus[i].switchTo(space);
        }
    }

    /**
     * Chooses the CPU of the next access.
     *
     * @return a random CPU
     */
    public Cpu any() {
        return cpus[random.nextInt(cpus.length)];
    }

    @Override
    public void close() {
        for (Cpu cpu : cpus) {
            cpu.close();
        }
    }
}
