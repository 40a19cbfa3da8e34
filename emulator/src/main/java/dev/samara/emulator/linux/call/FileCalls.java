// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import dev.samara.emulator.linux.file.Pipe;
import dev.samara.emulator.linux.file.SeekableFile.DiskFile;
import dev.samara.emulator.linux.file.SeekableFile.MemoryDescriptor;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProcFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** The calls that open files: {@code openat}, {@code pipe2} and {@code memfd_create}. */
final class FileCalls {
    private static final int MEMFD_CLOEXEC = 1;
    private static final int MEMFD_ALLOW_SEALING = 2;
    private static final int MEMFD_NOEXEC_SEAL = 8;
    private static final int MEMFD_EXEC = 16;

    /** The bytes of the name of a memory file, and a null character. */
    private static final int MOST_NAME = 250;

    private final GuestThread thread;
    private final CallMemory memory;
    private final PathCalls paths;

    FileCalls(GuestThread thread, PathCalls paths) {
        this.thread = thread;
        memory = thread.memory();
        this.paths = paths;
    }

    /** Thrown by an open that finds an error. */
    private static final class OpenException extends Exception {
        private static final long serialVersionUID = 1;

        private final long error;

        OpenException(long error) {
            super(null, null, false, false);
            this.error = error;
        }
    }

    private static void refuse(boolean isRefused, long error) throws OpenException {
        if (isRefused) {
            throw new OpenException(error);
        }
    }

    private static boolean has(int flags, int bits) {
        return (flags & bits) == bits;
    }

    private GuestSystem system() {
        return thread.process().system;
    }

    long open(long folder, long path, long openFlags, long mode) {
        int flags = OpenFlags.known((int) openFlags);
        if (has(flags, OpenFlags.CREAT | OpenFlags.DIRECTORY)) {
            return LinuxErrno.EINVAL;
        }
        if (has(flags, OpenFlags.TMPFILE)) {
            return LinuxErrno.EOPNOTSUPP;
        }
        String name = paths.name(path);
        // Reserved before the name is looked up, so that an open that gets no number neither creates nor truncates a
        // file.
        DescriptorTable files = thread.process().files;
        long number = files.reserve(thread.process().descriptorLimit());
        if (number < 0) {
            return number;
        }
        try {
            refuse(system().openFiles.isFull(), LinuxErrno.ENFILE);
            GuestFile file = find(folder, name, flags, mode);
            if (!file.countIn(system().openFiles)) {
                file.release();
                return LinuxErrno.ENFILE;
            }
            files.fill((int) number, file, has(flags, OpenFlags.CLOEXEC));
            return number;
        } catch (OpenException refused) {
            return refused.error;
        } finally {
            files.endReserve((int) number);
        }
    }

    private GuestFile find(long folder, String name, int flags, long mode) throws OpenException {
        boolean isNew = has(flags, OpenFlags.CREAT | OpenFlags.EXCL);
        boolean follows = (flags & OpenFlags.NOFOLLOW) == 0 && !isNew;
        // Held so that no thread of the guest changes names between the resolution and the open, or deletes a new file
        // before its permission bits are set.
        synchronized (paths.names()) {
            ResolvedPath place = paths.place(folder, name, follows);
            refuse(place.error() != 0, place.error());
            refuse(has(flags, OpenFlags.CREAT) && (name.endsWith("/") || !place.isNormal()), LinuxErrno.EISDIR);
            FileStatus link = follows || place.isFolderNamed() ? null : paths.ofEmulator(place, false);
            refuse(link != null && link.isLink(), isNew ? LinuxErrno.EEXIST : LinuxErrno.ELOOP);
            GuestFile open = ProcFiles.descriptor(thread.process(), place.guest());
            if (open != null) {
                return reopen(open, flags, mode);
            }
            GuestFile special = ProcFiles.openSpecial(thread, place.guest(), flags & OpenFlags.KEPT);
            return special != null
                    ? ofEmulator(special, place.isFolderNamed() ? flags | OpenFlags.DIRECTORY : flags)
                    : ofHost(place, flags, mode);
        }
    }

    /** Opens an open file again, by its link in {@code /proc}: by its path, or if it has none, as its kind can. */
    private GuestFile reopen(GuestFile open, int flags, long mode) throws OpenException {
        OpenedName name = open.openedName();
        if (name != null && name.host() != null) {
            return ofHost(system().root.resolve("/", name.path(), false), flags & ~OpenFlags.CREAT, mode);
        }
        if (name == null && open.hasPath()) {
            GuestFile special = ProcFiles.openSpecial(thread, open.path(), flags & OpenFlags.KEPT);
            refuse(special == null, LinuxErrno.ENOENT);
            return special == null ? open : ofEmulator(special, flags);
        }
        refuse(has(flags, OpenFlags.DIRECTORY) && !(open instanceof GuestFolder), LinuxErrno.ENOTDIR);
        GuestFile found = open.reopened(flags & OpenFlags.KEPT);
        if (found == null) {
            throw new OpenException(LinuxErrno.EACCES);
        }
        return found;
    }

    private static GuestFile ofEmulator(GuestFile opened, int flags) throws OpenException {
        boolean isFolder = opened instanceof GuestFolder;
        boolean writes = OpenFlags.changesFile(flags);
        try {
            refuse(has(flags, OpenFlags.CREAT | OpenFlags.EXCL), LinuxErrno.EEXIST);
            refuse(has(flags, OpenFlags.DIRECTORY) && !isFolder, LinuxErrno.ENOTDIR);
            refuse(writes && isFolder, LinuxErrno.EISDIR);
            refuse(writes && !opened.status().allows(FileStatus.MAY_WRITE), LinuxErrno.EACCES);
            return opened;
        } catch (OpenException refused) {
            opened.release();
            throw refused;
        }
    }

    private GuestFile ofHost(ResolvedPath place, int flags, long mode) throws OpenException {
        Path host = place.host();
        if (host == null) {
            throw new OpenException(LinuxErrno.ENOENT);
        }
        check(place, host, flags);
        try {
            return openHost(place, host, flags, mode);
        } catch (MmException e) {
            throw new OpenException(LinuxErrno.of(e));
        } catch (IOException e) {
            throw new OpenException(LinuxErrno.of(e));
        }
    }

    private static void check(ResolvedPath place, Path host, int flags) throws OpenException {
        if (!place.exists()) {
            refuse(!has(flags, OpenFlags.CREAT), LinuxErrno.ENOENT);
            return;
        }
        refuse(has(flags, OpenFlags.CREAT | OpenFlags.EXCL), LinuxErrno.EEXIST);
        refuse(Files.isSymbolicLink(host), LinuxErrno.ELOOP);
        if (Files.isDirectory(host)) {
            refuse(has(flags, OpenFlags.CREAT) || OpenFlags.changesFile(flags), LinuxErrno.EISDIR);
            refuse(!Files.isReadable(host), LinuxErrno.EACCES);
            return;
        }
        refuse(has(flags, OpenFlags.DIRECTORY), LinuxErrno.ENOTDIR);
        refuse(place.isFixed() && OpenFlags.changesFile(flags), LinuxErrno.EROFS);
        refuse(!Files.isRegularFile(host), LinuxErrno.ENXIO);
    }

    private GuestFile openHost(ResolvedPath place, Path host, int flags, long mode) throws IOException {
        GuestSystem system = system();
        GuestNames names = system.names;
        int kept = flags & OpenFlags.KEPT;
        boolean exists = place.exists();
        if (Files.isDirectory(host)) {
            OpenedName name = new OpenedName(place.guest(), host, system.root, names);
            return GuestFolder.ofHost(place.guest(), kept, system.folderNames, name, names);
        }
        if (has(flags, OpenFlags.TRUNC) && exists) {
            // By an open of its own, because an open for reading truncates, too.
            try (HostFile cut = system.machine.openFile(host, ProgramLoader.GEOMETRY, StandardOpenOption.WRITE)) {
                long error = cut.truncate(0);
                if (error != 0) {
                    throw new MmException("open", Errno.of(error));
                }
            }
        }
        HostFile opened = system.machine.openFile(host, ProgramLoader.GEOMETRY, options(flags, exists));
        boolean isComplete = false;
        try {
            if (!exists) {
                GuestNames.setRightsOfNew(
                        host, (int) mode & ~thread.process().folder.umask());
            }
            OpenedName name = new OpenedName(place.guest(), host, system.root, names);
            DiskFile file = new DiskFile(place.guest(), kept, name, opened);
            isComplete = true;
            return file;
        } finally {
            if (!isComplete) {
                opened.close();
            }
        }
    }

    private static OpenOption[] options(int flags, boolean exists) {
        List<OpenOption> options = new ArrayList<>();
        if ((flags & OpenFlags.ACCESS) != OpenFlags.WRONLY) {
            options.add(StandardOpenOption.READ);
        }
        if ((flags & OpenFlags.ACCESS) != OpenFlags.RDONLY || !exists) {
            options.add(StandardOpenOption.WRITE);
        }
        if (!exists) {
            options.add(has(flags, OpenFlags.EXCL) ? StandardOpenOption.CREATE_NEW : StandardOpenOption.CREATE);
        }
        return options.toArray(new OpenOption[0]);
    }

    private long add(GuestFile file, boolean endsAtExec) {
        if (!file.countIn(system().openFiles)) {
            file.release();
            return LinuxErrno.ENFILE;
        }
        return thread.process().files.add(file, endsAtExec, 0, thread.process().descriptorLimit());
    }

    long pipe(long address, long pipeFlags) {
        int flags = (int) pipeFlags;
        if ((flags & ~(OpenFlags.CLOEXEC | OpenFlags.NONBLOCK)) != 0) {
            return LinuxErrno.EINVAL;
        }
        Pipe pipe = Pipe.orNull(system().pipes);
        if (pipe == null) {
            return LinuxErrno.ENFILE;
        }
        int kept = flags & OpenFlags.NONBLOCK;
        long reader = add(pipe.end(OpenFlags.RDONLY | kept), has(flags, OpenFlags.CLOEXEC));
        long writer = add(pipe.end(OpenFlags.WRONLY | kept), has(flags, OpenFlags.CLOEXEC));
        boolean isDone = false;
        try {
            if (reader < 0 || writer < 0) {
                return Math.min(reader, writer);
            }
            memory.putInt(address, (int) reader);
            memory.putInt(address + Integer.BYTES, (int) writer);
            isDone = true;
            return 0;
        } finally {
            if (!isDone) {
                thread.process().files.close((int) reader);
                thread.process().files.close((int) writer);
            }
        }
    }

    long memoryFile(long nameAddress, long memoryFlags) {
        int flags = (int) memoryFlags;
        int known = MEMFD_CLOEXEC | MEMFD_ALLOW_SEALING | MEMFD_NOEXEC_SEAL | MEMFD_EXEC;
        if ((flags & ~known) != 0 || has(flags, MEMFD_NOEXEC_SEAL | MEMFD_EXEC)) {
            return LinuxErrno.EINVAL;
        }
        String name = memory.string(nameAddress, MOST_NAME);
        if (name.endsWith("\0")) {
            return LinuxErrno.EINVAL;
        }
        GuestSystem system = system();
        if (!system.memoryFiles.tryAcquire()) {
            system.unnamed.free();
            if (!system.memoryFiles.tryAcquire()) {
                return LinuxErrno.ENFILE;
            }
        }
        String path = "/memfd:" + name + " (deleted)";
        long inode = system.newInode();
        MemoryDescriptor made = null;
        MemoryFile file = null;
        try {
            file = newFile(system.machine, flags, path, inode);
            made = new MemoryDescriptor(path, file, inode, system.unnamed);
        } finally {
            if (made == null) {
                system.memoryFiles.release();
                if (file != null) {
                    file.close();
                }
            }
        }
        return add(made, has(flags, MEMFD_CLOEXEC));
    }

    private static MemoryFile newFile(Machine machine, int flags, String path, long inode) {
        if (has(flags, MEMFD_NOEXEC_SEAL)) {
            return machine.newNoexecFile(path, inode, ProgramLoader.GEOMETRY, 0);
        }
        return has(flags, MEMFD_ALLOW_SEALING)
                ? machine.newSealableFile(path, inode, ProgramLoader.GEOMETRY, 0)
                : machine.newFile(path, inode, ProgramLoader.GEOMETRY, 0);
    }
}
