// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.MdweFlags;
import dev.samara.core.mman.MmException;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.elf.LoadedProgram;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.OwnerRights;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProgramNames;
import dev.samara.emulator.linux.process.ProgramStart;
import dev.samara.emulator.linux.process.ResourceLimits;
import dev.samara.emulator.linux.process.StartedProgram;
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

    private static final int EMPTY_PATH = 0x1000;
    private static final int NO_FOLLOW = 0x100;

    /** {@code AT_EXECVE_CHECK}: only checks whether the file may be executed. */
    private static final int ONLY_CHECK = 0x10000;

    private final GuestThread thread;
    private final CallMemory memory;

    ExecCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /** Executes a program. Returns an error, or the value of the first register of the new program. */
    long execute(long folder, long pathAddress, long argumentsAddress, long environmentAddress, long flags) {
        @Nullable LoadedStart[] loaded = new LoadedStart[1];
        long error;
        // Only one thread at a time may read the argument and environment strings of a program, because they take ten
        // times as much memory in the heap.
        synchronized (thread.process().system().programStart()) {
            error = prepare(folder, pathAddress, argumentsAddress, environmentAddress, flags, loaded);
        }
        LoadedStart start = loaded[0];
        return error != 0 || start == null ? error : become(start);
    }

    private long prepare(
            long folder,
            long pathAddress,
            long argumentsAddress,
            long environmentAddress,
            long flags,
            @Nullable LoadedStart[] loaded) {
        PathCalls paths = new PathCalls(thread);
        String name = paths.name(pathAddress);
        if (name.endsWith("\0")) {
            return LinuxErrno.ENAMETOOLONG;
        }
        if (name.isEmpty() && (flags & EMPTY_PATH) == 0) {
            return LinuxErrno.ENOENT;
        }
        if (((int) flags & ~(EMPTY_PATH | NO_FOLLOW | ONLY_CHECK)) != 0) {
            return LinuxErrno.EINVAL;
        }
        boolean isOfDescriptor = name.isEmpty();
        boolean follows = (flags & NO_FOLLOW) == 0;
        // The file is opened before the strings are counted.
        long error;
        synchronized (thread.process().system().names()) {
            ResolvedPath place = place(paths, isOfDescriptor, folder, name, follows);
            error = check(paths, place, follows);
            error = error != 0 ? error : busy(place.host());
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
        if ((flags & ONLY_CHECK) != 0) {
            return 0;
        }
        boolean isRelative = !name.startsWith("/") && (int) folder != PathCalls.CURRENT_FOLDER;
        // The name that alloc_bprm uses.
        String called = isRelative ? "/dev/fd/" + (int) folder + (isOfDescriptor ? "" : "/" + name) : name;
        // Held so that no thread of the guest changes names before the files are open.
        synchronized (thread.process().system().names()) {
            ResolvedPath place = place(paths, isOfDescriptor, folder, name, follows);
            Path host = place.host();
            error = check(paths, place, follows);
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

    /** The caller holds the monitor of {@link GuestNames}, and keeps it while it uses the result. */
    private ResolvedPath place(PathCalls paths, boolean isOfDescriptor, long folder, String name, boolean follows) {
        if (isOfDescriptor) {
            return (int) folder == PathCalls.CURRENT_FOLDER
                    ? paths.placeBy(EMPTY_PATH, folder, name, true)
                    : ofDescriptor(folder);
        }
        ResolvedPath found = paths.place(folder, name, follows);
        Path host = found.host();
        return host != null && Files.isSymbolicLink(host) ? ResolvedPath.failed(LinuxErrno.ELOOP) : found;
    }

    /** Returns the maximum size of arguments and environment in bytes: normally a quarter of the stack limit. */
    private long mostBytes() {
        long stack = thread.process().limits().soft(ResourceLimits.STACK);
        long most = GuestLimits.ARGUMENT_BYTES;
        return Math.max(LEAST_BYTES, stack < 0 ? most : Math.min(most, stack / 4));
    }

    /** Returns the error if the file of a path cannot be executed; 0 otherwise. */
    private long check(PathCalls paths, ResolvedPath place, boolean follows) {
        if (place.removed() != null) {
            return LinuxErrno.EACCES;
        }
        if (place.error() != 0) {
            return place.error();
        }
        FileStatus special = paths.ofEmulator(place, follows);
        if (special != null) {
            return errorOfEmulated(paths, place, special);
        }
        Path host = place.host();
        if (host == null || !Files.exists(host)) {
            return LinuxErrno.ENOENT;
        }
        boolean isOther = !Files.isRegularFile(host) || !Files.isExecutable(host);
        if (isOther || thread.process().system().rights().check(host, OwnerRights.EXECUTE) != 0) {
            return LinuxErrno.EACCES;
        }
        return 0;
    }

    /**
     * Returns the error of executing a file of the emulator, i.e. a file that is not on the host. The error is ENOENT
     * for a descriptor of a file without a name.
     */
    private static long errorOfEmulated(PathCalls paths, ResolvedPath place, FileStatus found) {
        if (found.isLink() || (place.isFolderNamed() && !found.isFolder())) {
            return found.isLink() ? LinuxErrno.ELOOP : LinuxErrno.ENOTDIR;
        }
        GuestFile open = paths.descriptor(place);
        return open != null && open.isMappable() ? LinuxErrno.ENOENT : LinuxErrno.EACCES;
    }

    /** Returns ETXTBSY if a file is open for writing, another error if it cannot be opened, and 0 otherwise. */
    private long busy(@Nullable Path host) {
        Machine machine = thread.process().system().machine();
        if (host == null) {
            return LinuxErrno.ENOENT;
        }
        try (HostFile file = machine.openFile(host, ProgramLoader.GEOMETRY)) {
            ProgramStart.denyWrites(machine, file).close();
            return 0;
        } catch (MmException e) {
            return LinuxErrno.of(e);
        }
    }

    private ResolvedPath ofDescriptor(long descriptor) {
        GuestFile file = thread.file(descriptor);
        if (file == null) {
            return ResolvedPath.failed(LinuxErrno.EBADF);
        }
        if (file.openedName() == null && !file.isMappable()) {
            // E.g. a pipe.
            return ResolvedPath.failed(LinuxErrno.EACCES);
        }
        ResolvedPath place = new PathCalls(thread).placeOf(file);
        Path host = place.host();
        return host != null && Files.isSymbolicLink(host) ? ResolvedPath.failed(LinuxErrno.ELOOP) : place;
    }

    /** A program that was loaded into a new space, and the new names of the process. */
    private record LoadedStart(StartedProgram started, ProgramNames names) {}

    private LoadedStart load(ProgramStart start, boolean isOfDescriptor) throws ProgramStart.LoadException {
        GuestSystem system = thread.process().system();
        ProgramStart actual = start.withInterpreter(
                system.machine(), system.root(), thread.process().folder().path());
        StartedProgram started = actual.load(
                system.machine(),
                system.root(),
                system.names(),
                thread.process().limits().ofSpace(),
                thread.credentials().owner());
        LoadedStart loaded = null;
        try {
            inheritDenial(started.program().space());
            // The program was given by a descriptor without a path, so the path of its file is used.
            String called = isOfDescriptor ? actual.guest() : actual.called();
            loaded = new LoadedStart(started, actual.names(called));
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
        int bits = thread.process().memory().space().mdwe();
        if ((bits & MdweFlags.NO_INHERIT) == 0) {
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
        thread.cpu().switchTo(program.space());
        thread.blocks().clear();
        process.become(loaded.started.memory(process.system().mappings()), loaded.names);
        old.close();
        process.system().tree().executed(process);
        process.files().exec();
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
