// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.wait;

import dev.samara.examples.riscv.linux.memory.CallMemory;

/** The locks that a thread has, listed in its own memory ({@code set_robust_list}): its end releases them. */
public final class RobustList {
    /** The size of {@code struct robust_list_head}. */
    public static final int HEAD_BYTES = 24;

    private static final int MOST = 2048;
    private static final int OWNER = 0x3fff_ffff;
    private static final int OWNER_DIED = 0x4000_0000;
    private static final int HAS_WAITERS = 0x8000_0000;

    private long head;

    public RobustList() {}

    /** The address of the list; 0 for none. */
    public long head() {
        return head;
    }

    public void set(long address) {
        head = address;
    }

    /** Marks the locks that a thread has at its end, and wakes a waiter of each ({@code exit_robust_list}). */
    public void release(FutexThread thread, FutexTable futexes) {
        long start = head;
        if (start == 0) {
            return;
        }
        head = 0;
        CallMemory memory = thread.memory();
        long offset = memory.getLong(start + 8);
        long pending = memory.getLong(start + 16) & -2;
        long entry = memory.getLong(start) & -2;
        for (int i = 0; entry != start && i < MOST; i++) {
            long next = memory.getLong(entry) & -2;
            if (entry != pending) {
                release(thread, futexes, entry + offset);
            }
            entry = next;
        }
        if (pending != 0) {
            release(thread, futexes, pending + offset);
        }
    }

    private static void release(FutexThread thread, FutexTable futexes, long address) {
        CallMemory memory = thread.memory();
        int old = memory.getInt(address);
        while ((old & OWNER) == thread.tid()) {
            int found = memory.compareAndExchange(address, old, (old & HAS_WAITERS) | OWNER_DIED);
            if (found == old) {
                if ((old & HAS_WAITERS) != 0) {
                    futexes.wake(thread, address, 1);
                }
                return;
            }
            old = found;
        }
    }
}
