// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.process;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.examples.riscv.elf.ElfException;
import dev.samara.examples.riscv.elf.ElfFile;
import dev.samara.examples.riscv.elf.LoadedProgram;
import dev.samara.examples.riscv.elf.ProgramLoader;
import dev.samara.examples.riscv.elf.ProgramOwner;
import dev.samara.examples.riscv.linux.abi.GuestText;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.file.DeviceFile;
import dev.samara.examples.riscv.linux.file.GuestRoot;
import dev.samara.examples.riscv.linux.file.NamedPipes;
import dev.samara.examples.riscv.linux.file.OpenedName;
import dev.samara.examples.riscv.linux.file.ResolvedPath;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A program to be loaded.
 *
 * @param guest the path of its file for the guest, without links
 * @param host the path of its file
 * @param called the path by which the guest executes it, which is also that of a script ({@code AT_EXECFN})
 * @param arguments its arguments, from its name on
 * @param environment its environment
 */
public record ProgramStart(String guest, Path host, String called, List<String> arguments, List<String> environment) {
    private static final int MOST_DEPTH = 4;
    private static final int MOST_LINE = 256;
    private static final int RANDOM = 16;

    /** A program that cannot be loaded: with an errno for the guest, and a line for a person. */
    public static final class LoadException extends Exception {
        private static final long serialVersionUID = 1;

        private final long error;

        LoadException(long error, String complaint) {
            super(complaint);
            this.error = error;
        }

        /** Returns the errno, negated. */
        public long error() {
            return error;
        }
    }

    private String shown() {
        return GuestText.shown(guest);
    }

    /**
     * Returns what a process is called with this program.
     *
     * @param command a path whose last name is that of the command
     */
    public ProgramNames names(String command) {
        return new ProgramNames(guest, command);
    }

    /**
     * Returns the program that a script names in its first line, with the script as its argument; or this.
     *
     * @param root resolves the path of the program
     * @param folder where that begins if it is relative
     */
    public ProgramStart withInterpreter(GuestRoot root, String folder) throws LoadException {
        ProgramStart start = this;
        String script = called;
        for (int depth = 0; depth <= MOST_DEPTH; depth++) {
            String line = start.firstLine();
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

    private String firstLine() throws LoadException {
        try (InputStream in = Files.newInputStream(host)) {
            String text = new String(in.readNBytes(MOST_LINE), StandardCharsets.ISO_8859_1);
            int end = text.indexOf('\n');
            return end < 0 ? text : text.substring(0, end);
        } catch (IOException e) {
            throw new LoadException(LinuxErrno.of(e), shown() + ": cannot be read: " + e.getMessage());
        }
    }

    /** Has mappings of a file follow its name. The caller has the monitor of the names, or is the only thread. */
    private static void follow(HostFile file, String path, GuestRoot root, NamedPipes names) throws LoadException {
        ResolvedPath place = root.resolve("/", path, true);
        Path found = place.host();
        try {
            if (found != null) {
                new OpenedName(place, found, root, names).showFor(file);
            }
        } catch (IOException gone) {
            throw new LoadException(LinuxErrno.of(gone), GuestText.shown(path) + ": " + gone.getMessage());
        }
    }

    /**
     * Loads the program and its interpreter into a new space. The caller has the monitor of the names, or is the only
     * thread.
     */
    public LoadedProgram load(
            Machine machine, GuestRoot root, NamedPipes names, Map<Resource, Long> limits, ProgramOwner owner)
            throws LoadException {
        ProgramLoader loader = new ProgramLoader(machine, limits, owner);
        byte[] random = new byte[RANDOM];
        DeviceFile.fillRandomly(random);
        try (HostFile file = machine.openFile(host, ProgramLoader.GEOMETRY)) {
            follow(file, guest, root, names);
            ElfFile elf = new ElfFile(host.toString(), file, ProgramLoader.GEOMETRY);
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
            try (HostFile second = machine.openFile(place, ProgramLoader.GEOMETRY)) {
                follow(second, path, root, names);
                ElfFile interpreter = new ElfFile(place.toString(), second, ProgramLoader.GEOMETRY);
                return loader.load(elf, interpreter, called, arguments, environment, random);
            }
        } catch (MmException e) {
            throw new LoadException(LinuxErrno.of(e), host + ": cannot be opened: " + e.errno());
        } catch (ElfException e) {
            throw new LoadException(LinuxErrno.ENOEXEC, String.valueOf(e.getMessage()));
        }
    }
}
