// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteOrder;
import java.util.concurrent.locks.LockSupport;

/** The accesses of one CPU. A failed access is a trap: it throws what the runtime of the memory throws. */
final class LinearAccess extends FlatMemory {
    /** The pause before an access is tried again while the machine reclaims memory. */
    private static final long RETRY_NANOS = 20_000;

    /**
     * What failed accesses throw. The memories of two runtimes can be in one machine, and use its CPUs in turn; only
     * the thread that has the CPU uses this field.
     */
    private MemoryExceptions exceptions;

    private LinearAccess(GuestMemory memory, MemoryExceptions exceptions) {
        super(memory, ByteOrder.LITTLE_ENDIAN);
        this.exceptions = exceptions;
    }

    /** Returns the accesses of a CPU, for a memory of a runtime. The object is created once per CPU. */
    static LinearAccess of(GuestMemory memory, MemoryExceptions exceptions) {
        FlatMemory flat = memory.flat();
        if (flat == null) {
            return new LinearAccess(memory, exceptions);
        }
        if (flat instanceof LinearAccess access) {
            // A store of a reference takes longer than this comparison with some collectors.
            if (access.exceptions != exceptions) {
                access.exceptions = exceptions;
            }
            return access;
        }
        throw new IllegalStateException("threads enter spaces of this machine with a " + flat.getClass()
                + "; WebAssembly needs a machine of its own");
    }

    LinearAccess polled() {
        poll();
        return this;
    }

    /* A copy that ends early with RETRY is continued after the bytes that were copied. */

    void copyBytesIn(long address, byte[] source, int at, int size) {
        int done = memory().copyIn(address, source, at, size);
        while (done < size) {
            tryAgain(size - done);
            done += memory().copyIn(address + done, source, at + done, size - done);
        }
    }

    void copyBytesOut(long address, byte[] target) {
        int done = memory().copyOut(address, target, 0, target.length);
        while (done < target.length) {
            tryAgain(target.length - done);
            done += memory().copyOut(address + done, target, done, target.length - done);
        }
    }

    void fillBytes(long address, long size, byte value) {
        long done = memory().fill(address, size, value);
        while (done < size) {
            tryAgain(size - done);
            done += memory().fill(address + done, size - done, value);
        }
    }

    void copyBytes(long source, long target, long size) {
        boolean isDown = target > source && target < source + size;
        long done = memory().copy(source, target, size);
        while (done < size) {
            tryAgain(size - done);
            long skipped = isDown ? 0 : done;
            done += memory().copy(source + skipped, target + skipped, size - done);
        }
    }

    private void tryAgain(long size) {
        fault(memory().fault(), memory().faultAddress(), Mman.NONE, (int) size);
    }

    @Override
    protected void fault(int fault, long address, int access, int size) {
        if (fault != Fault.RETRY || Thread.currentThread().isInterrupted()) {
            throw trap(exceptions, fault, address, size);
        }
        // The machine is reclaiming the memory of another space. In the meantime, this CPU polls, so that no thread
        // waits for it.
        poll();
        LockSupport.parkNanos(this, RETRY_NANOS);
    }

    static RuntimeException trap(MemoryExceptions exceptions, int fault, long address, long size) {
        String where = " at address " + address + ", size " + size;
        return switch (fault) {
            case Fault.RETRY -> exceptions.interrupted();
            case Fault.ADRALN -> exceptions.trap("unaligned atomic" + where);
            case Fault.OUT_OF_MEMORY -> exceptions.outOfBounds("out of memory" + where);
            default -> exceptions.outOfBounds("out of bounds memory access: " + Fault.toString(fault) + where);
        };
    }
}
