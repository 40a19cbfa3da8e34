// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.cpu.LentCpu;

/**
 * The CPUs of one machine for calls of {@link RemoteAccess}, with the smallest TLB: a copy translates each page once.
 * An idle one is in no space, so no space has it as a user, and it keeps no tables. Thread-safe. A lock is taken only
 * when a CPU is made or ended.
 */
final class RemoteCpus {
    /** A CPU of this pool. For the thread to which it is lent. */
    static final class RemoteCpu extends LentCpu {
        final Cpu cpu;

        private RemoteCpu(Cpu cpu) {
            super(cpu.owner);
            this.cpu = cpu;
        }
    }

    private static final int PLACES = 8;

    private final Machine machine;
    private final IdleCpus<RemoteCpu> idle = new IdleCpus<>(RemoteCpu.class, PLACES);

    RemoteCpus(Machine machine) {
        this.machine = machine;
    }

    /** Lends a CPU in no space to the calling thread, which gives it back. */
    RemoteCpu lend() {
        RemoteCpu known = idle.takeIn(this);
        if (known == null) {
            RemoteCpu made = new RemoteCpu(machine.newCpuOfCalls());
            made.isNowIn(this);
            idle.add(made);
            return made;
        }
        boolean isLent = false;
        try {
            known.cpu.lend(known);
            isLent = true;
        } finally {
            if (!isLent) {
                idle.putBack(known);
            }
        }
        return known;
    }

    /** Takes a CPU back, which leaves its space first. */
    void giveBack(RemoteCpu lent) {
        boolean isBack = false;
        try {
            if (lent.hasPlace()) {
                lent.cpu.goToLent(null, false);
                lent.cpu.takeBack(lent);
                idle.putBack(lent);
            } else {
                lent.cpu.close();
            }
            isBack = true;
        } finally {
            if (!isBack) {
                // It is lost, and the machine takes it offline.
                idle.remove(lent);
            }
        }
    }

    /** Ends all that are idle, for the close of the machine. */
    void end() {
        for (int i = 0; i < idle.places(); i++) {
            RemoteCpu cpu = idle.takeAt(i);
            if (cpu != null) {
                idle.remove(cpu);
                cpu.cpu.end(false);
            }
        }
    }
}
