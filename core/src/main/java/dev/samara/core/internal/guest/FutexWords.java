// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import org.jspecify.annotations.Nullable;

/**
 * Reads and changes futex words through one CPU ({@code kernel/futex/core.c}). Methods that may be called with a
 * bucket's lock held neither fault nor wait; they report a page that is not present as {@link #ABSENT}.
 */
final class FutexWords {
    /** The size of a word in bytes. */
    static final int SIZE = FutexKeys.SIZE;

    /** Returned if the page of a word is not present; all numbers of words are at least 0. */
    static final long ABSENT = -1;

    private FutexWords() {}

    /** The pause between two accesses while the machine takes pages of a space. */
    private static final long PAUSE_NANOS = 20_000;

    /**
     * Returns the key of a word, or null. Waits while the machine takes pages of a space to get memory for the word's
     * page, unless the thread is interrupted.
     */
    static @Nullable FutexKey key(CpuMemory cpu, long address, boolean isShared, int access) {
        FutexKey key;
        do {
            key = cpu.futexKey(address, isShared, access);
        } while (key == null && isToRetry(cpu));
        return key;
    }

    /**
     * Returns whether the last access failed because the machine was taking pages of a space, and must be retried.
     * Pauses before that.
     */
    private static boolean isToRetry(CpuMemory cpu) {
        if (cpu.fault() != Fault.RETRY
                || cpu.errnoOfRetry() != Errno.EAGAIN
                || Thread.currentThread().isInterrupted()) {
            return false;
        }
        Pause.parkNanos(cpu, PAUSE_NANOS);
        return true;
    }

    /** Returns the errno of a call whose last access failed. */
    static long errno(CpuMemory cpu) {
        Errno errno = switch (cpu.fault()) {
            case Fault.ADRALN -> Errno.EINVAL;
            case Fault.OUT_OF_MEMORY -> Errno.ENOMEM;
            case Fault.RETRY -> Errno.EINTR;
            default -> Errno.EFAULT;
        };
        return errno.result();
    }

    /**
     * Makes the page of a word present, without a lock of the table held. May fault, and wait like a fault.
     *
     * @return true if the page is present, or if the call must be retried; if false, {@link CpuMemory#fault} returns
     *     the reason
     */
    static boolean makePresent(CpuMemory cpu, TranslatedMemory memory, long address, int access) {
        cpu.begin();
        long physical;
        boolean entered = memory.enter();
        try {
            physical = access == Protection.WRITE
                    ? memory.findForUpdate(address)
                    : memory.findReadable(address, Protection.READ);
        } finally {
            memory.leave(entered);
        }
        if (physical >= 0) {
            return true;
        }
        cpu.fail((int) -physical, address, access, SIZE);
        return isToRetry(cpu);
    }

    /** Returns the number of a word, unsigned, or {@link #ABSENT}. Called in GUEST. */
    static long number(CpuMemory cpu, TranslatedMemory memory, long address) {
        long physical = memory.lookUpReadable(address);
        return physical < 0 ? ABSENT : cpu.ordered(memory.get(address, physical, SIZE, Protection.READ), SIZE);
    }

    /**
     * Changes a word atomically. Called in GUEST. Does not notify watchers; the caller does that after it has released
     * the lock.
     *
     * @return the old number, unsigned, or {@link #ABSENT}
     */
    static long change(CpuMemory cpu, TranslatedMemory memory, long address, WakeOp operation) {
        long physical = memory.lookUpForUpdate(address);
        if (physical < 0) {
            return ABSENT;
        }
        long seen = cpu.ordered(memory.get(address, physical, SIZE, Protection.READ), SIZE);
        for (; ; ) {
            long witness = cpu.update(
                    memory, AtomicUpdate.EXCHANGE_IF, address, physical, SIZE, seen, operation.changed((int) seen));
            if (witness == seen) {
                return seen;
            }
            seen = witness;
        }
    }

    /**
     * Notifies the watchers of a word that it was read and changed. Called without a lock held, in GUEST or outside.
     *
     * @param old the number that was read
     */
    static void tellChange(CpuMemory cpu, TranslatedMemory memory, long address, long old) {
        boolean entered = memory.enter();
        try {
            cpu.tellRead(memory, Protection.READ, address, SIZE, old);
            cpu.tell(memory, address, SIZE);
        } finally {
            memory.leave(entered);
        }
    }
}
