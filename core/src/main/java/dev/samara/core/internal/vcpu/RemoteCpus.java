// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import java.util.function.Supplier;

/**
 * The CPUs of one machine that copy between a space and a buffer on a thread without a CPU. An idle CPU is not in any
 * space, so it is not a user of any space and keeps no page tables. Thread-safe. A lock is acquired only when a CPU is
 * created or ended.
 */
public final class RemoteCpus {
    /** A CPU of this pool. Used by the thread to which it is lent. */
    public static final class RemoteCpu extends IdleCpus.LentCpu {
        private final Vcpu cpu;

        private RemoteCpu(Vcpu cpu) {
            super(cpu.owner());
            this.cpu = cpu;
        }

        /** Switches to a space. Returns false if the space has no users any more. */
        public boolean goTo(Layout layout) {
            return cpu.switchTo(layout, false);
        }

        /** Returns the memory of the CPU's space. */
        public CpuMemory memory() {
            return cpu.memory();
        }
    }

    private static final int PLACES = 8;

    private final Supplier<Vcpu> maker;
    private final IdleCpus<RemoteCpu> idle = new IdleCpus<>(PLACES);

    /**
     * Creates an empty pool.
     *
     * @param maker creates CPUs that are not in a space
     */
    public RemoteCpus(Supplier<Vcpu> maker) {
        this.maker = maker;
    }

    /** Lends a CPU that is not in a space to the calling thread, which gives it back. */
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

    /** Takes a CPU back after it leaves its space. */
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
                // The CPU is lost, and the machine takes it offline.
                idle.remove(lent);
            }
        }
    }

    /** Ends all idle CPUs, for the close of the machine. */
    public void end() {
        for (int i = 0; i < idle.places(); i++) {
            RemoteCpu cpu = idle.takeAt(i, null);
            if (cpu != null) {
                idle.remove(cpu);
                OwnerChange.end(cpu.cpu, false);
            }
        }
    }
}
