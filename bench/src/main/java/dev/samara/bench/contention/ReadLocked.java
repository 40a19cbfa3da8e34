// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.VmaRef;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.vma.Vma;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/** A rival whose readers hold a shared lock, so each lookup writes the lock's only word twice. */
abstract class ReadLocked extends Rival {
    final Lock read;
    final Lock write;

    ReadLocked(AddressSpace space, @Nullable MmuNotifier retire) {
        super(space, retire);
        ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        read = lock.readLock();
        write = lock.writeLock();
    }

    @Override
    public final @Nullable Vma find(long address) {
        read.lock();
        try {
            return findInside(address);
        } finally {
            read.unlock();
        }
    }

    /** Holds the lock until the page is present, even while a backing waits for its disk. */
    @Override
    public final int fault(Cpu cpu, long address, int access) {
        read.lock();
        try {
            return cpu.memory().handleFault(address, access);
        } finally {
            read.unlock();
        }
    }

    @Override
    public final long mincore(long address, long length, byte[] vector) {
        read.lock();
        try {
            return mincoreInside(address, length, vector);
        } finally {
            read.unlock();
        }
    }

    /** Holds the lock only while it acquires the reference, not until the reference is released. */
    @Override
    public final boolean acquireAndRelease(long address) {
        VmaRef reference;
        read.lock();
        try {
            reference = acquireInside(address);
        } finally {
            read.unlock();
        }
        if (reference == null) {
            return false;
        }
        reference.close();
        return true;
    }

    @Override
    public final List<Vma> scan() {
        read.lock();
        try {
            return scanInside();
        } finally {
            read.unlock();
        }
    }
}
