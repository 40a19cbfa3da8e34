// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Mman;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.elf.ProgramLoader.LoadedProgram;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestProcess.ResourceLimits;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProgramStart;
import dev.samara.emulator.linux.process.ProgramStart.ProgramNames;
import dev.samara.emulator.linux.process.ProgramStart.StartedProgram;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code execve}. */
final class ExecCalls {
    /**
     * The size of arguments and environment, in bytes, that is permitted regardless of the stack limit ({@code
     * bprm_stack_limits}).
     */
    private static final long LEAST_BYTES = 128 << 10;

    private final GuestThread thread;
    private final CallMemory memory;
    private final PathCalls paths;

    ExecCalls(GuestThread thread, PathCalls paths) {
        this.thread = thread;
        memory = thread.memory();
        this.paths = paths;
    }

    /** {@code execve}. */
    long execute(long pathAddress, long argumentsAddress, long environmentAddress) {
        @Nullable LoadedStart[] loaded = new LoadedStart[1];
        long error;
        // Only one thread at a time may read the argument and environment strings of a program, because they take ten
        // times as much memory in the heap.
        synchronized (thread.process().system.programStart) {
            error = prepare(pathAddress, argumentsAddress, environmentAddress, loaded);
        }
        LoadedStart start = loaded[0];
        return error != 0 || start == null ? error : become(start);
    }

    private long prepare(
            long pathAddress, long argumentsAddress, long environmentAddress, @Nullable LoadedStart[] loaded) {
        String name = paths.name(pathAddress);
        // The file is looked up before the strings are counted.
        synchronized (paths.names()) {
            long error = check(paths.place(PathCalls.CURRENT_FOLDER, name, true));
            if (error != 0) {
                return error;
            }
        }
        List<String> arguments = new ArrayList<>();
        List<String> environment = new ArrayList<>();
        long left = getStrings(argumentsAddress, arguments, mostBytes());
        if (left < 0 || getStrings(environmentAddress, environment, left) < 0) {
            return LinuxErrno.E2BIG;
        }
        if (arguments.isEmpty()) {
            arguments.add("");
        }
        if (thread.process().system.mappings.isFull()) {
            return LinuxErrno.ENOMEM;
        }
        // Held so that no thread of the guest changes names before the files are open.
        synchronized (paths.names()) {
            ResolvedPath place = paths.place(PathCalls.CURRENT_FOLDER, name, true);
            Path host = place.host();
            long error = check(place);
            if (error != 0 || host == null) {
                return error;
            }
            try {
                loaded[0] = load(new ProgramStart(place.guest(), host, name, arguments, environment));
            } catch (ProgramStart.LoadException e) {
                return e.error;
            }
        }
        return 0;
    }

    private long check(ResolvedPath place) {
        if (paths.ofEmulator(place, true) != null) {
            return LinuxErrno.EACCES;
        }
        return PathCalls.onHost(place, host -> {
            if (!Files.exists(host)) {
                return LinuxErrno.ENOENT;
            }
            return Files.isRegularFile(host) && Files.isExecutable(host) ? 0 : LinuxErrno.EACCES;
        });
    }

    /** Returns the maximum size of arguments and environment in bytes: normally a quarter of the stack limit. */
    private long mostBytes() {
        long stack = thread.process().limits.soft(ResourceLimits.STACK);
        long most = GuestLimits.ARGUMENT_BYTES;
        return Math.max(LEAST_BYTES, stack < 0 ? most : Math.min(most, stack / 4));
    }

    /** A program that was loaded into a new space, and the new names of the process. */
    private record LoadedStart(StartedProgram started, ProgramNames names) {}

    private LoadedStart load(ProgramStart start) throws ProgramStart.LoadException {
        GuestSystem system = thread.process().system;
        ProgramStart actual = start.withInterpreter(
                system.machine, system.root, thread.process().folder.path());
        StartedProgram started = actual.load(
                system.machine,
                system.root,
                system.names,
                thread.process().limits.ofSpace(),
                system.user);
        LoadedStart loaded = null;
        try {
            inheritDenial(started.program().space());
            loaded = new LoadedStart(started, actual.names(actual.called()));
            return loaded;
        } finally {
            if (loaded == null) {
                started.close();
            }
        }
    }

    /**
     * Makes a new space reject memory that is writable and executable, if this space does so and its setting is
     * inherited.
     */
    private void inheritDenial(AddressSpace space) {
        int bits = thread.process().memory().space.mdwe();
        if ((bits & Mman.NO_INHERIT) == 0) {
            space.setMdwe(bits);
        }
    }

    private long become(LoadedStart loaded) {
        GuestProcess process = thread.process();
        LoadedProgram program = loaded.started.program();
        if (!process.endOthers(thread)) {
            loaded.started.close();
            return 0;
        }
        thread.leaveMemory();
        ProcessMemory old = process.memory();
        thread.cpu.switchTo(program.space());
        thread.blocks.clear();
        process.become(loaded.started.memory(process.system.mappings), loaded.names);
        old.close();
        process.files.exec();
        thread.begin(program);
        return thread.hart().x[Hart.A0];
    }

    /**
     * Reads strings of at most {@code most} bytes in total. Returns how many bytes are left, or a negative number if
     * the strings are too long.
     */
    private long getStrings(long vector, List<String> strings, long most) {
        long left = most;
        long at = vector;
        while (vector != 0 && left >= 0) {
            long address = memory.getLong(at);
            if (address == 0) {
                break;
            }
            String text = memory.string(address, GuestLimits.ARGUMENT_STRING);
            if (text.endsWith("\0")) {
                return -1;
            }
            strings.add(text);
            left -= text.length() + 1 + Long.BYTES;
            at += Long.BYTES;
        }
        return left;
    }
}
