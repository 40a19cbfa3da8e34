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
