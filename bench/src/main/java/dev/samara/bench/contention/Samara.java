// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.VmaRef;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The library itself, without an additional lock. */
final class Samara implements Contender {
    private final AddressSpace space;

    Samara(AddressSpace space, @Nullable MmuNotifier retire) {
        this.space = space;
        if (retire != null) {
            space.addNotifier(retire);
        }
    }

    @Override
    public @Nullable Vma find(long address) {
        return space.find(address);
    }

    @Override
    public boolean acquireAndRelease(long address) {
        VmaRef reference = space.acquire(address);
        if (reference == null) {
            return false;
        }
        reference.close();
        return true;
    }

    @Override
    public List<Vma> scan() {
        return space.snapshot().vmas();
    }

    @Override
    public Object snapshot() {
        return space.snapshot();
    }

    @Override
    public long mmap(long address, long length, int protection, int flags, @Nullable Backing backing) {
        return space.mmap(address, length, protection, flags, backing, 0);
    }

    @Override
    public long munmap(long address, long length) {
        return space.munmap(address, length);
    }

    @Override
    public long mprotect(long address, long length, int protection) {
        return space.mprotect(address, length, protection);
    }

    @Override
    public long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        return space.mremap(address, oldLength, newLength, flags, newAddress);
    }

    @Override
    public long madvise(long address, long length, int advice) {
        return space.madvise(address, length, advice);
    }

    @Override
    public long brk(long address) {
        return space.brk(address);
    }

    @Override
    public long mincore(long address, long length, byte[] vector) {
        return space.mincore(address, length, vector);
    }

    @Override
    public AddressSpace fork() {
        return space.fork();
    }

    @Override
    public int fault(Cpu cpu, long address, int access) {
        return cpu.memory().handleFault(address, access);
    }

    @Override
    public Backing open(Runnable close) {
        return ClosingFile.closedBySpace(close);
    }
}
