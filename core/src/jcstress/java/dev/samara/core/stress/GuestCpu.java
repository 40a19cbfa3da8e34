// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.Cpu;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Fault;
import java.nio.ByteOrder;

/** A CPU for a thread that runs actors. */
final class GuestCpu extends FlatMemory {
    private static final ThreadLocal<GuestCpu> OF_THREAD = new ThreadLocal<>();

    final Cpu cpu;

    private GuestCpu(Cpu cpu) {
        super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
        this.cpu = cpu;
    }

    /** Returns the current thread's CPU. Outside GUEST, its accesses miss the TLB. */
    static GuestCpu ofThread() {
        GuestCpu made = OF_THREAD.get();
        return made != null ? made : make();
    }

    /** Returns the current thread's CPU, which stays in GUEST from its first use on, so no thread may wait for it. */
    static GuestCpu inGuest() {
        GuestCpu made = OF_THREAD.get();
        if (made == null) {
            made = make();
            made.cpu.enterGuest();
        }
        return made;
    }

    private static GuestCpu make() {
        Cpu cpu = GuestCells.MACHINE.claimCpu();
        cpu.switchTo(GuestCells.SPACE);
        GuestCpu made = new GuestCpu(cpu);
        OF_THREAD.set(made);
        return made;
    }

    @Override
    protected void fault(int fault, long address, int access, int size) {
        throw new IllegalStateException(Fault.toString(fault) + " at 0x" + Long.toHexString(address));
    }
}
