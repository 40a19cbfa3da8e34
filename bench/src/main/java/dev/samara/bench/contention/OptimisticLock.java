// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.VmaRef;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.vma.Vma;
import java.util.List;
import java.util.concurrent.locks.StampedLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A stamped lock. Lookups write nothing, and validate afterwards that no thread changed the layout. Operations hold the
 * lock for writing throughout.
 *
 * <p>Strong if writes are rare: a lookup costs only two loads more than without a lock. Weak if writes are frequent:
 * each write restarts all lookups in progress, whatever their addresses. Lookups wait until a write ends, including the
 * close of its file. The lock also requires a structure that can be read while it changes: Samara's tree can, the JDK's
 * sorted map cannot.
 */
final class OptimisticLock extends Rival {
    private final StampedLock lock = new StampedLock();

    OptimisticLock(AddressSpace space, @Nullable MmuNotifier retire) {
        super(space, retire);
    }

    @Override
    public @Nullable Vma find(long address) {
        long stamp = lock.tryOptimisticRead();
        if (stamp != 0) {
            Vma vma = findInside(address);
            if (lock.validate(stamp)) {
                return vma;
            }
        }
        stamp = lock.readLock();
        try {
            return findInside(address);
        } finally {
            lock.unlockRead(stamp);
        }
    }

    /** If a write happened concurrently, the reference is released, and acquired again under the lock. */
    @Override
    public boolean acquireAndRelease(long address) {
        long stamp = lock.tryOptimisticRead();
        VmaRef reference = stamp == 0 ? null : acquireInside(address);
        if (stamp == 0 || !lock.validate(stamp)) {
            if (reference != null) {
                reference.close();
            }
            stamp = lock.readLock();
            try {
                reference = acquireInside(address);
            } finally {
                lock.unlockRead(stamp);
            }
        }
        if (reference == null) {
            return false;
        }
        reference.close();
        return true;
    }

    @Override
    public long mincore(long address, long length, byte[] vector) {
        long stamp = lock.tryOptimisticRead();
        if (stamp != 0) {
            long result = mincoreInside(address, length, vector);
            if (lock.validate(stamp)) {
                return result;
            }
        }
        stamp = lock.readLock();
        try {
            return mincoreInside(address, length, vector);
        } finally {
            lock.unlockRead(stamp);
        }
    }

    /** A fault cannot be optimistic, because its writes cannot be undone. */
    @Override
    public int fault(Cpu cpu, long address, int access) {
        long stamp = lock.readLock();
        try {
            return cpu.memory().handleFault(address, access);
        } finally {
            lock.unlockRead(stamp);
        }
    }

    @Override
    public List<Vma> scan() {
        long stamp = lock.tryOptimisticRead();
        if (stamp != 0) {
            List<Vma> vmas = scanInside();
            if (lock.validate(stamp)) {
                return vmas;
            }
        }
        stamp = lock.readLock();
        try {
            return scanInside();
        } finally {
            lock.unlockRead(stamp);
        }
    }

    @Override
    long operate(long address, LongSupplier call) {
        long stamp = lock.writeLock();
        try {
            long result = change(address, call);
            finish(takeRest());
            return result;
        } finally {
            lock.unlockWrite(stamp);
        }
    }
}
