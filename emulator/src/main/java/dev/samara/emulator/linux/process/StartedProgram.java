// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.backing.HostFile;
import dev.samara.emulator.elf.ProgramLoader.LoadedProgram;
import dev.samara.emulator.linux.memory.MappingTotal;
import dev.samara.emulator.linux.memory.ProcessMemory;

/**
 * A program that was loaded into a new space. Its file cannot be opened for writing.
 *
 * @param program the program
 * @param file the denial of writes
 */
public record StartedProgram(LoadedProgram program, HostFile.WriteDenial file) {
    /**
     * Returns the memory of a process that runs the program. The memory takes ownership of the space and of the denial.
     */
    public ProcessMemory memory(MappingTotal total) {
        return ProcessMemory.of(program, file, total);
    }

    /** Closes a program that no process runs. */
    public void close() {
        try {
            program.space().close();
        } finally {
            file.close();
        }
    }
}
