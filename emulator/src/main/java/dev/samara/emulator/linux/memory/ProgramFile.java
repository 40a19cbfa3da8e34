// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.backing.HostFile;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The file of a program, which cannot be opened for writing while a process runs it ({@code mm->exe_file}). A fork
 * shares it. Thread-safe.
 */
final class ProgramFile {
    private final HostFile.WriteDenial denial;

    /**
     * @written a fork, and the last user of a memory when it closes that (get-and-add)
     * @read as written
     * @invariant the memories that run the program; writes to its file are denied while it is not 0
     */
    private final AtomicInteger memories = new AtomicInteger(1);

    /** Takes the denial over for one memory. */
    ProgramFile(HostFile.WriteDenial denial) {
        this.denial = denial;
    }

    /** Adds a memory; the caller has one. */
    ProgramFile get() {
        memories.incrementAndGet();
        return this;
    }

    /** Ends the use by a memory. */
    void put() {
        if (memories.decrementAndGet() == 0) {
            denial.close();
        }
    }
}
