// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.backing.HostFile;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The file of a program, which cannot be opened for writing while a process runs the program ({@code mm->exe_file}).
 * Forked memories share this object. Thread-safe.
 */
final class ProgramFile {
    private final HostFile.WriteDenial denial;

    /**
     * Written: a fork, and the last user of a memory when it closes the memory (get-and-add).
     * Read: as written.
     * Invariant: the number of memories that run the program; writes to its file are denied while this is not 0.
     */
    private final AtomicInteger memories = new AtomicInteger(1);

    /** Takes ownership of the denial, for one memory. */
    ProgramFile(HostFile.WriteDenial denial) {
        this.denial = denial;
    }

    /** Adds a memory. The caller must own one already. */
    ProgramFile get() {
        memories.incrementAndGet();
        return this;
    }

    /** Removes a memory. When the last one is removed, writes are no longer denied. */
    void put() {
        if (memories.decrementAndGet() == 0) {
            denial.close();
        }
    }
}
