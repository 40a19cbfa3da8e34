// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import dev.samara.core.guest.FutexTable;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;

/**
 * The robust list of a thread ({@code set_robust_list}): its locks, listed in its own memory, which are released when
 * it ends.
 */
public final class RobustList {
    /** The size of {@code struct robust_list_head}. */
    public static final int HEAD_BYTES = 24;

    private static final int MOST = 2048;
    private static final int OWNER = 0x3fff_ffff;
    private static final int OWNER_DIED = 0x4000_0000;
    private static final int HAS_WAITERS = 0x8000_0000;

    /**
     * The address of the list, which any thread may read.
     *
     * <p>Written: its thread (volatile).
     * Read: any thread (volatile).
     * Invariant: the address that its thread set last.
     */
    private volatile long head;

    public RobustList() {}

    /** Returns the address of the list; 0 if there is none. */
    public long head() {
        return head;
    }

    public void set(long address) {
        head = address;
    }

    /**
     * Marks the locks that a thread holds when it ends or executes another program, and wakes a waiter of each ({@code
     * exit_robust_list}). Stops at the first address that cannot be accessed, as Linux does.
     */
    public void release(FutexThread thread, FutexTable futexes) {
        long start = head;
        head = 0;
        if (start == 0) {
            return;
        }
        try {
            release(thread, futexes, start);
        } catch (BadAddress noEntry) {
            // The remaining locks stay locked.
        }
    }

    private static void release(FutexThread thread, FutexTable futexes, long start) {
        CallMemory memory = thread.memory();
        long entry = memory.getLong(start);
        long offset = memory.getLong(start + 8);
        long pending = memory.getLong(start + 16);
        for (int left = MOST; address(entry) != start && left > 0; left--) {
            long next = 0;
            boolean hasNext = true;
            try {
                next = memory.getLong(address(entry));
            } catch (BadAddress noNext) {
                // The lock of this entry may be at another, accessible address.
                hasNext = false;
            }
            if (address(entry) != address(pending)) {
                release(thread, futexes, address(entry) + offset, isInheriting(entry), false);
            }
            if (!hasNext) {
                return;
            }
            entry = next;
        }
        if (address(pending) != 0) {
            release(thread, futexes, address(pending) + offset, isInheriting(pending), true);
        }
    }

    private static long address(long entry) {
        return entry & -2;
    }

    /** Whether an entry is marked as a lock with priority inheritance, of which no waiter is woken here. */
    private static boolean isInheriting(long entry) {
        return (entry & 1) != 0;
    }

    /** Releases one lock ({@code handle_futex_death}). */
    private static void release(
            FutexThread thread, FutexTable futexes, long address, boolean isInheriting, boolean isPending) {
        CallMemory memory = thread.memory();
        if ((address & 3) != 0) {
            throw memory.bad;
        }
        int old = memory.getInt(address);
        if (isPending && !isInheriting && (old & OWNER) == 0) {
            // The thread unlocked the word, but has not woken a waiter yet.
            memory.call(guest -> futexes.wake(guest, address, true, 1, FutexTable.ANY));
            return;
        }
        while ((old & OWNER) == thread.tid()) {
            int found = memory.compareAndExchange(address, old, (old & HAS_WAITERS) | OWNER_DIED);
            if (found == old) {
                if (!isInheriting && (old & HAS_WAITERS) != 0) {
                    memory.call(guest -> futexes.wake(guest, address, true, 1, FutexTable.ANY));
                }
                return;
            }
            old = found;
        }
    }

    /** The part of a guest thread that futexes use: it waits, and has the ID that a futex word may contain. */
    public interface FutexThread extends WaitingThread {
        int tid();

        /** The memory as a call of this thread accesses it. */
        CallMemory memory();
    }
}
