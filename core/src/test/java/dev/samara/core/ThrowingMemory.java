// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.guest.FlatMemory;
import java.nio.ByteOrder;

/** The accesses of a CPU in one step, of which one that fails throws. */
public final class ThrowingMemory extends FlatMemory {
    /** The fault of an access. It has no stack trace, as that of an interpreter would have none. */
    public static final class Signal extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final int fault;

        Signal(int fault) {
            super(null, null, false, false);
            this.fault = fault;
        }

        /** Returns a constant of Fault. */
        public int fault() {
            return fault;
        }
    }

    /** Of a CPU of the calling thread that has no such object, little-endian. */
    public ThrowingMemory(Cpu cpu) {
        super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    protected void fault(int fault, long address, int access, int size) {
        throw new Signal(fault);
    }
}
