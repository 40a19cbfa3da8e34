// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An address space with one way of synchronization, as the measured threads call it. Methods return the same results as
 * those of {@code AddressSpace}.
 */
interface Contender {
    @Nullable
    Vma find(long address);

    /** Acquires a reference at an address and releases it immediately. Returns false if nothing is mapped there. */
    boolean acquireAndRelease(long address);

    /** Returns all VMAs at one instant. */
    List<Vma> scan();

    /** Returns the layout at one instant. A contender that does not support snapshots returns all VMAs. */
    default Object snapshot() {
        return scan();
    }

    long mmap(long address, long length, int protection, int flags, @Nullable Backing backing);

    long munmap(long address, long length);

    long mprotect(long address, long length, int protection);

    long mremap(long address, long oldLength, long newLength, int flags, long newAddress);

    long madvise(long address, long length, int advice);

    long brk(long address);

    /** Returns which pages are in memory. */
    long mincore(long address, long length, byte[] vector);

    /** Forks a child, which only the caller uses. */
    AddressSpace fork();

    /** Faults in a page, through a CPU in this space. */
    int fault(Cpu cpu, long address, int access);

    /** Opens a file that may be mapped only once, in this space. */
    Backing open(Runnable close);
}
