// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.MdweFlags;
import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.elf.LoadedProgram;
import dev.samara.examples.riscv.limit.GuestLimits;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.file.GuestFile;
import dev.samara.examples.riscv.linux.file.ResolvedPath;
import dev.samara.examples.riscv.linux.memory.CallMemory;
import dev.samara.examples.riscv.linux.memory.ProcessMemory;
import dev.samara.examples.riscv.linux.process.GuestProcess;
import dev.samara.examples.riscv.linux.process.GuestSystem;
import dev.samara.examples.riscv.linux.process.GuestThread;
import dev.samara.examples.riscv.linux.process.ProgramNames;
import dev.samara.examples.riscv.linux.process.ProgramStart;
import dev.samara.examples.riscv.linux.process.ResourceLimits;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code execve}. */
final class ExecCalls {
    /** The bytes of arguments and environment that any limit of the stack permits ({@code bprm_stack_limits}). */
    private static final long LEAST_BYTES = 128 << 10;

    private static final int EMPTY_PATH = 0x1000;

    private final GuestThread thread;
    private final CallMemory memory;

    ExecCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /** Returns an error, or what the first register of the new program is. */
    long execute(long folder, long pathAddress, long argumentsAddress, long environmentAddress, long flags) {
        LoadedStart[] loaded = new LoadedStart[1];
        long error;
        // One thread at a time has the strings of a program in the heap, where they are ten times as large.
        synchronized (thread.process().system().programStart()) {
            error = prepare(folder, pathAddress, argumentsAddress, environmentAddress, flags, loaded);
        }
        return error != 0 ? error : become(loaded[0]);
    }

    private long prepare(
            long folder,
            long pathAddress,
            long argumentsAddress,
            long environmentAddress,
            long flags,
            LoadedStart[] loaded) {
        PathCalls paths = new PathCalls(thread);
        String name = paths.name(pathAddress);
        boolean isOfDescriptor = (flags & EMPTY_PATH) != 0 && name.isEmpty();
        // The file is opened before the strings are counted.
        long error;
        synchronized (thread.process().system().namedPipes()) {
            error = check(place(paths, isOfDescriptor, folder, name));
        }
        if (error != 0) {
            return error;
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
        if (thread.process().system().mappings().isFull()) {
            return LinuxErrno.ENOMEM;
        }
        boolean isRelative = !name.startsWith("/") && (int) folder != PathCalls.CURRENT_FOLDER;
        // As alloc_bprm names it.
        String called = isRelative ? "/dev/fd/" + (int) folder + (isOfDescriptor ? "" : "/" + name) : name;
        // No thread of the guest changes names before the files are open.
        synchronized (thread.process().system().namedPipes()) {
            ResolvedPath place = place(paths, isOfDescriptor, folder, name);
            Path host = place.host();
            error = check(place);
            if (error != 0 || host == null) {
                return error;
            }
            try {
                loaded[0] = load(new ProgramStart(place.guest(), host, called, arguments, environment), isOfDescriptor);
            } catch (ProgramStart.LoadException e) {
                return e.error();
            }
        }
        return 0;
    }

    /** The caller has the monitor of the names, and keeps it while it uses the result. */
    private ResolvedPath place(PathCalls paths, boolean isOfDescriptor, long folder, String name) {
        return isOfDescriptor ? ofDescriptor(folder) : paths.place(folder, name, true);
    }

    /** Returns the most bytes of arguments and environment: a quarter of the limit of the stack. */
    private long mostBytes() {
        long stack = thread.process().limits().soft(ResourceLimits.STACK);
        long most = GuestLimits.ARGUMENT_BYTES;
        return Math.max(LEAST_BYTES, stack < 0 ? most : Math.min(most, stack / 4));
    }

    /** Returns why the file of a path cannot be executed; 0 if nothing is known against it. */
    private long check(ResolvedPath place) {
        if (place.error() != 0) {
            return place.error();
        }
        Path host = place.host();
        if (host == null || !Files.exists(host)) {
            return LinuxErrno.ENOENT;
        }
        boolean isPipe = thread.process().system().namedPipes().find(host) != null;
        return isPipe || !Files.isRegularFile(host) || !Files.isExecutable(host) ? LinuxErrno.EACCES : 0;
    }

    private ResolvedPath ofDescriptor(long descriptor) {
        GuestFile file = thread.file(descriptor);
        if (file == null) {
            return ResolvedPath.failed(LinuxErrno.EBADF);
        }
        ResolvedPath place = new PathCalls(thread).placeOf(file);
        Path host = place.host();
        return host != null && Files.isSymbolicLink(host) ? ResolvedPath.failed(LinuxErrno.ELOOP) : place;
    }

    /** A program in a space of its own, and what the process is called with it. */
    private record LoadedStart(LoadedProgram program, ProgramNames names) {}

    private LoadedStart load(ProgramStart start, boolean isOfDescriptor) throws ProgramStart.LoadException {
        GuestSystem system = thread.process().system();
        ProgramStart actual =
                start.withInterpreter(system.root(), thread.process().folder().path());
        LoadedProgram program = actual.load(
                system.machine(),
                system.root(),
                system.namedPipes(),
                thread.process().limits().ofSpace(),
                thread.credentials().owner());
        LoadedStart loaded = null;
        try {
            inheritDenial(program.space());
            // A descriptor names no command: that is called as its file.
            String called = isOfDescriptor ? actual.guest() : actual.called();
            loaded = new LoadedStart(program, actual.names(called));
            return loaded;
        } finally {
            if (loaded == null) {
                program.space().close();
            }
        }
    }

    /** Has a new space refuse writable and executable memory as this one does, unless that is not inherited. */
    private void inheritDenial(AddressSpace space) {
        int bits = thread.process().memory().space().mdwe();
        if ((bits & MdweFlags.NO_INHERIT) == 0) {
            space.setMdwe(bits);
        }
    }

    private long become(LoadedStart loaded) {
        GuestProcess process = thread.process();
        LoadedProgram program = loaded.program;
        if (!process.endOthers(thread)) {
            program.space().close();
            return 0;
        }
        thread.leaveMemory();
        ProcessMemory old = process.memory();
        thread.cpu().switchTo(program.space());
        thread.blocks().clear();
        process.become(ProcessMemory.of(program, process.system().mappings()), loaded.names);
        old.close();
        process.system().tree().executed(process);
        process.files().exec();
        thread.begin(program);
        return thread.hart().x[Hart.A0];
    }

    /** Reads strings of at most so many bytes; returns how many are left, a negative number for too many. */
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
