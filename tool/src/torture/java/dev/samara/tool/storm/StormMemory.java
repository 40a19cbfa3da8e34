// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import java.nio.ByteOrder;

/** The accesses of a CPU in one step. A failed access throws its fault. */
final class StormMemory extends FlatMemory {
    /** Thrown by a failed access. */
    static final class FailedAccess extends RuntimeException {
        private static final long serialVersionUID = 1;

        private int fault;

        private FailedAccess() {
            super(null, null, false, false);
        }

        int fault() {
            return fault;
        }
    }

    private final FailedAccess signal = new FailedAccess();

    StormMemory(GuestMemory memory) {
        super(memory, ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    protected void fault(int fault, long address, int access, int size) {
        signal.fault = fault;
        throw signal;
    }
}
