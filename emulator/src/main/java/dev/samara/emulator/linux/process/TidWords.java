// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.guest.FutexTable;
import dev.samara.emulator.linux.memory.BadAddress;

/**
 * The words of guest memory for the ID of a thread: the ID is stored in one when the thread starts, and another is
 * cleared when it ends.
 */
public final class TidWords {
    private long stored;
    private long cleared;

    TidWords() {}

    /**
     * Sets the address at which the thread's ID is stored in its own memory before it runs ({@code
     * CLONE_CHILD_SETTID}).
     */
    public void storeAtStart(long address) {
        stored = address;
    }

    /**
     * Sets the address of the word that is cleared when the thread ends, after which one futex waiter is woken; 0 for
     * none.
     */
    public void clearAtEnd(long address) {
        cleared = address;
    }

    void store(GuestThread thread) {
        if (stored != 0) {
            try {
                thread.memory().putInt(stored, thread.tid());
            } catch (BadAddress ignored) {
                // As on Linux, the child runs nevertheless.
            }
        }
    }

    /** Clears the word if other threads share the memory ({@code mm_release}). */
    void clear(GuestThread thread) {
        long address = cleared;
        cleared = 0;
        boolean isShared =
                thread.process().threads() > 1 || thread.process().memory().isShared();
        if (address != 0 && isShared) {
            try {
                thread.memory().putInt(address, 0);
                FutexTable futexes = thread.process().system().futexes();
                thread.memory().call(guest -> futexes.wake(guest, address, true, 1, FutexTable.ANY));
            } catch (BadAddress gone) {
                // The guest unmapped the word, so no thread waits for it.
            }
        }
    }
}
