// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.guest.FutexTable;
import dev.samara.emulator.linux.memory.BadAddress;

/** The words in which the guest has the number of a thread: one is stored at its start, one is cleared at its end. */
public final class TidWords {
    private long stored;
    private long cleared;

    TidWords() {}

    /** Has the number of the thread stored in its own memory before it runs ({@code CLONE_CHILD_SETTID}). */
    public void storeAtStart(long address) {
        stored = address;
    }

    /** Has a word cleared at the end of the thread, and one that waits for it woken; 0 for none. */
    public void clearAtEnd(long address) {
        cleared = address;
    }

    void store(GuestThread thread) {
        if (stored != 0) {
            try {
                thread.memory().putInt(stored, thread.tid());
            } catch (BadAddress ignored) {
                // As in Linux, the child runs without it.
            }
        }
    }

    /** Clears the word if others have the memory, too ({@code mm_release}). */
    void clear(GuestThread thread) {
        long address = cleared;
        cleared = 0;
        boolean isShared =
                thread.process().threads() > 1 || thread.processMemory().isShared();
        if (address != 0 && isShared) {
            try {
                thread.memory().putInt(address, 0);
                FutexTable futexes = thread.process().system().futexes();
                thread.memory().call(guest -> futexes.wake(guest, address, true, 1, FutexTable.ANY));
            } catch (BadAddress gone) {
                // The guest has unmapped the word: nobody waits for it.
            }
        }
    }
}
