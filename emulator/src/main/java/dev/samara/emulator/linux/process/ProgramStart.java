// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.emulator.elf.ElfFile;
import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.elf.ProgramLoader.LoadedProgram;
import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.memory.ProcessMemory.MappingTotal;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A program to load.
 *
 * @param guest the path of its file for the guest, without links
 * @param host the path of its file on the host
 * @param called the path by which the guest executes it ({@code AT_EXECFN}); for a script, the path of the script
 * @param arguments its arguments, of which the first is its name
 * @param environment its environment
 */
public record ProgramStart(String guest, Path host, String called, List<String> arguments, List<String> environment) {
    private static final int MOST_DEPTH = 4;
    private static final int MOST_LINE = 256;
    private static final int RANDOM = 16;

    /**
     * Thrown if a program cannot be loaded. Contains an errno for the guest, and a message for the user of the
     * emulator.
     */
    public static final class LoadException extends Exception {
        private static final long serialVersionUID = 1;

        /** The negated errno. */
        public final long error;

        LoadException(long error, String complaint) {
            super(complaint);
            this.error = error;
        }
    }

    private String shown() {
        return GuestText.shown(guest);
    }

    /**
     * Returns the names of a process with this program.
     *
     * @param command a path whose last name is the name of the command
     */
    public ProgramNames names(String command) {
        return new ProgramNames(guest, command);
    }

    /**
     * If this is a script, returns the program of its first line, with the script as an argument; otherwise returns
     * this.
     *
     * @param machine opens the files
     * @param root resolves the path of the program
     * @param folder the directory at which a relative path of the program starts
     */
    public ProgramStart withInterpreter(Machine machine, GuestRoot root, String folder) throws LoadException {
        ProgramStart start = this;
        String script = called;
        for (int depth = 0; depth <= MOST_DEPTH; depth++) {
            String line = start.firstLine(machine);
            if (!line.startsWith("#!")) {
                return start;
            }
            String[] words = line.substring(2).trim().split("[ \t]+", 2);
            ResolvedPath place = root.resolve(folder, words[0], true);
            Path found = place.host();
            long error = place.error();
            if (error == 0) {
                error = words[0].isEmpty() || found == null || !Files.exists(found)
                        ? LinuxErrno.ENOENT
                        : !Files.isRegularFile(found) || !Files.isExecutable(found) ? LinuxErrno.EACCES : 0;
            }
            if (error != 0 || found == null) {
                throw new LoadException(
                        error, shown() + ": its interpreter cannot be executed: " + GuestText.shown(words[0]));
            }
            List<String> arguments = new ArrayList<>(List.of(words));
            arguments.add(script);
            arguments.addAll(start.arguments.subList(1, start.arguments.size()));
            start = new ProgramStart(place.guest(), found, called, arguments, environment);
            script = words[0];
        }
        throw new LoadException(LinuxErrno.ELOOP, shown() + ": its interpreters are scripts");
    }

    private String firstLine(Machine machine) throws LoadException {
        byte[] first = new byte[MOST_LINE];
        long length;
        try (HostFile file = machine.openFile(host, ProgramLoader.GEOMETRY)) {
            HostFile.WriteDenial denial = denyWrites(machine, file);
            try {
                length = file.pread(ByteBuffer.wrap(first), 0);
            } finally {
                denial.close();
            }
        } catch (MmException e) {
            throw new LoadException(LinuxErrno.of(e), shown() + ": cannot be opened: " + e.errno());
        }
        if (length < 0) {
            throw new LoadException(length, shown() + ": cannot be read: " + Errno.of(length));
        }
        String text = new String(first, 0, (int) length, StandardCharsets.ISO_8859_1);
        int end = text.indexOf('\n');
        return end < 0 ? text : text.substring(0, end);
    }

    /**
     * Denies writes to a file that is about to be executed ({@code do_open_execat}).
     *
     * @throws MmException ETXTBSY if it is open for writing
     */
    public static HostFile.WriteDenial denyWrites(Machine machine, HostFile file) {
        try {
            return file.denyWrites();
        } catch (MmException busy) {
            if (busy.errno() != Errno.ETXTBSY) {
                throw busy;
            }
        }
        // A thread of the machine may be about to close a file that is open for writing, because its last mapping was
        // removed.
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        return file.denyWrites();
    }

    /**
     * Makes mappings of a file show its current name. The caller holds the monitor of {@code names}, or is the only
     * thread.
     */
    private static void follow(HostFile file, String path, GuestRoot root, GuestNames names) throws LoadException {
        ResolvedPath place = root.resolve("/", path, true);
        Path found = place.host();
        try {
            if (found != null) {
                new OpenedName(place.guest(), found, root, names).showFor(file);
            }
        } catch (IOException gone) {
            throw new LoadException(LinuxErrno.of(gone), GuestText.shown(path) + ": " + gone.getMessage());
        }
    }

    /**
     * Loads the program and its interpreter into a new space. The caller holds the monitor of {@code names}, or is the
     * only thread.
     */
    public StartedProgram load(Machine machine, GuestRoot root, GuestNames names, Map<Resource, Long> limits, int user)
            throws LoadException {
        try (HostFile file = machine.openFile(host, ProgramLoader.GEOMETRY)) {
            HostFile.WriteDenial denial = denyWrites(machine, file);
            StartedProgram started = null;
            try {
                follow(file, guest, root, names);
                ElfFile elf = new ElfFile(host.toString(), file, ProgramLoader.GEOMETRY);
                ProgramLoader loader = new ProgramLoader(machine, limits, user);
                started = new StartedProgram(load(loader, elf, machine, root, names), denial);
                return started;
            } finally {
                if (started == null) {
                    denial.close();
                }
            }
        } catch (MmException e) {
            throw new LoadException(LinuxErrno.of(e), host + ": cannot be opened: " + e.errno());
        } catch (ElfException e) {
            throw new LoadException(LinuxErrno.ENOEXEC, String.valueOf(e.getMessage()));
        }
    }

    private LoadedProgram load(ProgramLoader loader, ElfFile elf, Machine machine, GuestRoot root, GuestNames names)
            throws LoadException, ElfException {
        byte[] random = new byte[RANDOM];
        DeviceFile.fillRandomly(random);
        String path = elf.interpreter();
        if (path == null) {
            return loader.load(elf, null, called, arguments, environment, random);
        }
        Path place = root.resolve("/", path, true).host();
        if (place == null || !Files.isRegularFile(place)) {
            throw new LoadException(
                    LinuxErrno.ENOENT,
                    host + ": its interpreter " + GuestText.shown(path) + " is not there: is --sysroot right?");
        }
        // Writes to the interpreter are denied only until it is loaded (load_elf_binary).
        try (HostFile second = machine.openFile(place, ProgramLoader.GEOMETRY)) {
            HostFile.WriteDenial denial = denyWrites(machine, second);
            try {
                follow(second, path, root, names);
                ElfFile interpreter = new ElfFile(place.toString(), second, ProgramLoader.GEOMETRY);
                return loader.load(elf, interpreter, called, arguments, environment, random);
            } finally {
                denial.close();
            }
        }
    }

    /**
     * A program that was loaded into a new space. Its file cannot be opened for writing.
     *
     * @param program the program
     * @param file the denial of writes
     */
    public record StartedProgram(LoadedProgram program, HostFile.WriteDenial file) {
        /**
         * Returns the memory of a process that runs the program. The memory takes ownership of the space and of the
         * denial.
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

    /**
     * The names of a process. Its arguments are in its memory.
     *
     * @param path the path of its file in the guest's file system
     * @param called a path whose last name is the name of the command; for a script, the path of the script, not of its
     *     interpreter
     */
    public record ProgramNames(String path, String called) {
        /** The maximum size of a command's name in bytes, including its terminating null ({@code TASK_COMM_LEN}). */
        public static final int BYTES = 16;

        private static final int MOST = BYTES - 1;

        /** Returns the name of the command, as in {@code /proc/self/comm}. */
        public String command() {
            String name = called.substring(called.lastIndexOf('/') + 1);
            return name.length() > MOST ? name.substring(0, MOST) : name;
        }
    }
}
