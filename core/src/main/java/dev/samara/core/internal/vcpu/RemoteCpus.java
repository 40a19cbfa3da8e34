// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.cpu.LentCpu;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import java.util.function.Supplier;

/**
 * The CPUs of one machine for copies between a space and a buffer on a thread that has no CPU. An idle one is in no
 * space, so no space has it as a user, and it keeps no tables. Thread-safe. A lock is taken only when a CPU is made or
 * ended.
 */
public final class RemoteCpus {
    /** A CPU of this pool. For the thread to which it is lent. */
    public static final class RemoteCpu extends LentCpu {
        private final Vcpu cpu;

        private RemoteCpu(Vcpu cpu) {
            super(cpu.owner());
            this.cpu = cpu;
        }

        /** Goes to a space. Returns false if the space has no user any more. */
        public boolean goTo(Layout layout) {
            return cpu.switchTo(layout, false);
        }

        /** Returns the memory of the space to which it has gone. */
        public CpuMemory memory() {
            return cpu.memory();
        }
    }

    private static final int PLACES = 8;

    private final Supplier<Vcpu> maker;
    private final IdleCpus<RemoteCpu> idle = new IdleCpus<>(RemoteCpu.class, PLACES);

    /**
     * Makes an empty pool.
     *
     * @param maker makes CPUs in no space
     */
    public RemoteCpus(Supplier<Vcpu> maker) {
        this.maker = maker;
    }

    /** Lends a CPU in no space to the calling thread, which gives it back. */
    public RemoteCpu lend() {
        RemoteCpu known = idle.takeIn(this);
        if (known == null) {
            RemoteCpu made = new RemoteCpu(maker.get());
            made.isNowIn(this);
            idle.add(made);
            return made;
        }
        boolean isLent = false;
        try {
            OwnerChange.lend(known.cpu, known);
            isLent = true;
        } finally {
            if (!isLent) {
                idle.putBack(known);
            }
        }
        return known;
    }

    /** Takes a CPU back, which leaves its space first. */
    public void giveBack(RemoteCpu lent) {
        boolean isBack = false;
        try {
            if (lent.hasPlace()) {
                lent.cpu.switchTo(null, false);
                OwnerChange.takeBack(lent.cpu, lent);
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
    public void end() {
        for (int i = 0; i < idle.places(); i++) {
            RemoteCpu cpu = idle.takeAt(i);
            if (cpu != null) {
                idle.remove(cpu);
                OwnerChange.end(cpu.cpu, false);
            }
        }
    }
}
