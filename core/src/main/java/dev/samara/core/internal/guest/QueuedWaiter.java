// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Protection;

/** A waiter of {@link FutexBuckets}. */
public final class QueuedWaiter extends FutexWaiter {
    private final FutexBuckets table;
    private final FutexEntry entry;

    /** Whether this waiter was ever in the table. Used by the thread that calls {@link #queue}. */
    private boolean isUsed;

    QueuedWaiter(FutexBuckets table, int bits, Runnable resume) {
        this.table = table;
        entry = new FutexEntry(bits, resume);
    }

    @Override
    public long queue(GuestMemory memory, long address, boolean isShared, int expected) {
        if (isUsed) {
            throw new IllegalStateException("a futex waiter is for one wait");
        }
        if (entry.bits == 0) {
            return Errno.EINVAL.result();
        }
        CpuMemory cpu = table.checked(memory);
        for (; ; ) {
            // After a fault, the key is determined again, because another page may now be mapped at the address.
            FutexKey found = FutexWords.key(cpu, address, isShared, Protection.READ);
            if (found == null) {
                return FutexWords.errno(cpu);
            }
            long number = table.queueIf(entry, cpu, found, address, expected);
            if (number != FutexWords.ABSENT) {
                isUsed = (int) number == expected;
                return isUsed ? 0 : Errno.EAGAIN.result();
            }
            if (!FutexWords.makePresent(cpu, cpu.loaded(), address, Protection.READ)) {
                return FutexWords.errno(cpu);
            }
        }
    }

    @Override
    public boolean isQueued() {
        return entry.isQueued();
    }

    @Override
    public boolean isWoken() {
        return entry.isWoken();
    }

    @Override
    public boolean unqueue() {
        return entry.leave();
    }

    @Override
    public String toString() {
        return "futex waiter" + (isQueued() ? ", queued" : isWoken() ? ", woken" : "");
    }
}
