// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.MmException;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.DiskFile;
import dev.samara.emulator.linux.file.EventCounter;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.FolderFile;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.HostRights;
import dev.samara.emulator.linux.file.LinkPlace;
import dev.samara.emulator.linux.file.MemoryDescriptor;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.OwnerRights;
import dev.samara.emulator.linux.file.Pipe;
import dev.samara.emulator.linux.file.PipeEnd;
import dev.samara.emulator.linux.file.ResolvedPath;
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
import org.jspecify.annotations.Nullable;

/** The calls that create descriptors. */
final class FileCalls {
    private static final int MEMFD_CLOEXEC = 1;
    private static final int MEMFD_ALLOW_SEALING = 2;
    private static final int MEMFD_NOEXEC_SEAL = 8;
    private static final int MEMFD_EXEC = 16;
    private static final int MOST_NAME = 250;

    private final GuestThread thread;
    private final CallMemory memory;
    private final PathCalls paths;

    FileCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
        paths = new PathCalls(thread);
    }

    private long add(GuestFile file, long flags) {
        if (!file.countIn(thread.process().system().openFiles())) {
            file.release();
            return LinuxErrno.ENFILE;
        }
        file.openedWith(thread.credentials());
        return thread.process()
                .files()
                .add(file, (flags & OpenFlags.CLOEXEC) != 0, 0, thread.process().descriptorLimit());
    }

    /**
     * The result of finding a file to open.
     *
     * @param error 0, or the error if no file was found
     * @param file the open file; null if no file was found
     * @param isNew whether the file was created
     */
    record FoundFile(long error, @Nullable GuestFile file, boolean isNew) {
        static FoundFile none(long error) {
            return new FoundFile(error, null, false);
        }

        static FoundFile of(GuestFile file) {
            return new FoundFile(0, file, false);
        }
    }

    long open(long folder, long path, long openFlags, long mode) {
        int flags = OpenFlags.known((int) openFlags);
        int makesFolder = OpenFlags.CREAT | OpenFlags.DIRECTORY;
        if ((flags & makesFolder) == makesFolder) {
            return LinuxErrno.EINVAL;
        }
        boolean isUnnamed = (flags & OpenFlags.TMPFILE) != 0;
        boolean isFolderRead = (flags & OpenFlags.DIRECTORY) == 0 || (flags & OpenFlags.ACCESS) == OpenFlags.RDONLY;
        if (isUnnamed && isFolderRead) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(path);
        if (name.isEmpty() || name.endsWith("\0")) {
            return name.isEmpty() ? LinuxErrno.ENOENT : LinuxErrno.ENAMETOOLONG;
        }
        // Reserved before the name is looked up, so that an open that gets no number neither creates nor truncates a
        // file.
        DescriptorTable files = thread.process().files();
        long number = files.reserve(thread.process().descriptorLimit());
        if (number < 0) {
            return number;
        }
        try {
            return isUnnamed ? openUnnamed(folder, name, flags) : open((int) number, folder, name, flags, mode);
        } finally {
            files.endReserve((int) number);
        }
    }

    /** Opens a file at a reserved number. */
    private long open(int number, long folder, String name, int flags, long mode) {
        if (thread.process().system().openFiles().isFull()) {
            // Checked before a file is created.
            return LinuxErrno.ENFILE;
        }
        FoundFile found = find(folder, name, flags, mode);
        GuestFile file = found.file;
        if (file == null) {
            return found.error;
        }
        long result = -1;
        boolean isDirect = (flags & OpenFlags.DIRECT) != 0;
        try {
            boolean isCut = (flags & OpenFlags.TRUNC) != 0 && !found.isNew && file.isMappable();
            result = isCut ? file.cut() : 0;
            if (isCut && result == 0) {
                file.written(thread);
            }
            if (result >= 0 && isDirect && !file.mayBeDirect()) {
                // Only some files can bypass the page cache (do_dentry_open).
                result = LinuxErrno.EINVAL;
            }
            if (result >= 0 && !file.countIn(thread.process().system().openFiles())) {
                result = LinuxErrno.ENFILE;
            }
        } finally {
            if (result < 0) {
                file.release();
            }
        }
        if (result < 0) {
            return result;
        }
        file.openedWith(thread.credentials());
        if (found.isNew) {
            file.noteNew();
        }
        thread.process().files().fill(number, file, (flags & OpenFlags.CLOEXEC) != 0);
        return number;
    }

    /** {@code O_TMPFILE}. Files without a name are not supported, as on some file systems of Linux. */
    private long openUnnamed(long folder, String name, int flags) {
        FoundFile found = find(folder, name, (flags & OpenFlags.NOFOLLOW) | OpenFlags.DIRECTORY | OpenFlags.PATH, 0);
        GuestFile file = found.file;
        if (file == null) {
            return found.error;
        }
        file.release();
        return LinuxErrno.EOPNOTSUPP;
    }

    /** Opens or creates a file. */
    FoundFile find(long folder, String name, int flags, long mode) {
        boolean isNew = (flags & OpenFlags.CREAT) != 0 && (flags & OpenFlags.EXCL) != 0;
        boolean follows = (flags & OpenFlags.NOFOLLOW) == 0 && !isNew;
        GuestNames names = thread.process().system().names();
        // Held so that no thread of the guest changes names between the resolution and the open, or deletes a new file
        // before its permission bits are set.
        synchronized (names) {
            long refused = (flags & OpenFlags.CREAT) != 0 ? refusal(paths.placeOfName(folder, name)) : 0;
            if (refused != 0) {
                return FoundFile.none(refused);
            }
            ResolvedPath place = paths.place(folder, name, follows);
            OpenedName removed = place.removed();
            if (removed != null) {
                return openRemoved(removed, flags);
            }
            if (place.error() != 0) {
                return FoundFile.none(place.error());
            }
            String target = follows || !place.isName() ? null : ProcFiles.link(thread, place.guest());
            FileStatus link = target == null ? null : ProcFiles.linkStatus(thread, place.guest());
            if (target != null && link != null) {
                long error = linkError(flags);
                return error != 0
                        ? FoundFile.none(error)
                        : FoundFile.of(new LinkPlace(place.guest(), flags & OpenFlags.KEPT, link, target));
            }
            GuestFile open = ProcFiles.descriptor(thread.process(), place.guest());
            if (open != null) {
                // Because of the slash at the end of the path, the link is followed.
                int wanted = (flags | OpenFlags.DIRECTORY) & ~OpenFlags.NOFOLLOW;
                return reopen(open, place.isFolderNamed() ? wanted : flags, mode);
            }
            GuestFile special = ProcFiles.openSpecial(thread, place.guest(), flags & OpenFlags.KEPT);
            if (special != null) {
                return ofEmulator(special, place.isFolderNamed() ? flags | OpenFlags.DIRECTORY : flags);
            }
            return openPlace(place, flags, mode);
        }
    }

    /** Returns the error of opening a link that is not followed; 0 if the link itself is opened. */
    private static long linkError(int flags) {
        if ((flags & OpenFlags.CREAT) != 0 && (flags & OpenFlags.EXCL) != 0) {
            return LinuxErrno.EEXIST;
        }
        if ((flags & OpenFlags.DIRECTORY) != 0) {
            return LinuxErrno.ENOTDIR;
        }
        return (flags & OpenFlags.PATH) != 0 ? 0 : LinuxErrno.ELOOP;
    }

    /** Opens a removed directory. */
    private FoundFile openRemoved(OpenedName folder, int flags) {
        boolean isForReading = !OpenFlags.changesFile(flags) && (flags & OpenFlags.CREAT) == 0;
        GuestNames names = thread.process().system().names();
        boolean isPlace = (flags & OpenFlags.PATH) != 0;
        long refused = isPlace ? 0 : paths.rights().check(folder.status(), OwnerRights.READ);
        if (isForReading && refused != 0) {
            return FoundFile.none(refused);
        }
        return isForReading
                ? FoundFile.of(new FolderFile(
                        folder.path(),
                        flags & OpenFlags.KEPT,
                        thread.process().system().folderNames(),
                        folder,
                        names))
                : FoundFile.none(LinuxErrno.EISDIR);
    }

    /** Returns a file of the emulator, or the error if its kind or its permissions do not allow the open. */
    private FoundFile ofEmulator(GuestFile opened, int flags) {
        boolean isFolder = opened instanceof GuestFolder;
        boolean writes = OpenFlags.changesFile(flags);
        long error = 0;
        if ((flags & OpenFlags.CREAT) != 0 && (flags & OpenFlags.EXCL) != 0) {
            error = LinuxErrno.EEXIST;
        } else if ((flags & OpenFlags.DIRECTORY) != 0 && !isFolder) {
            error = LinuxErrno.ENOTDIR;
        } else if (writes && (isFolder || !opened.status().allows(FileStatus.MAY_WRITE))) {
            error = isFolder ? LinuxErrno.EISDIR : LinuxErrno.EACCES;
        } else if ((flags & OpenFlags.NOATIME) != 0 && !EmulatedChanges.isOwner(thread, opened)) {
            error = LinuxErrno.EPERM;
        }
        if (error == 0) {
            return FoundFile.of(opened);
        }
        opened.release();
        return FoundFile.none(error);
    }

    /** Opens or creates a host file. The caller holds the monitor of {@link GuestNames}. */
    private FoundFile openPlace(ResolvedPath place, int flags, long mode) {
        Path host = place.host();
        if (host == null) {
            return FoundFile.none(LinuxErrno.ENOENT);
        }
        long error = check(place, host, flags);
        if (error != 0) {
            return FoundFile.none(error);
        }
        try {
            boolean isNew = !place.exists();
            return new FoundFile(0, openHost(place, host, flags, mode), isNew);
        } catch (MmException e) {
            return FoundFile.none(LinuxErrno.of(e));
        } catch (IOException e) {
            return FoundFile.none(LinuxErrno.of(e));
        }
    }

    /**
     * Opens the file of a descriptor again, by its name as long as it has one. The caller holds the monitor of {@link
     * GuestNames}.
     */
    private FoundFile reopen(GuestFile open, int flags, long mode) {
        if ((flags & OpenFlags.CREAT) != 0 && (flags & OpenFlags.EXCL) != 0) {
            return FoundFile.none(LinuxErrno.EEXIST);
        }
        if ((flags & OpenFlags.NOFOLLOW) != 0 && (flags & OpenFlags.PATH) == 0) {
            return FoundFile.none(LinuxErrno.ELOOP);
        }
        OpenedName name = open.openedName();
        String current = name == null ? null : name.currentPath();
        if (current != null) {
            ResolvedPath place = thread.process().system().root().resolve("/", current, false);
            return openPlace(place, flags & ~OpenFlags.CREAT, mode);
        }
        if (name != null && open instanceof FolderFile) {
            return openRemoved(name, flags);
        }
        if (name == null && open.hasPath() && !(open instanceof LinkPlace)) {
            // A device or a file of /proc, whose path does not change.
            GuestFile special = ProcFiles.openSpecial(thread, open.path(), flags & OpenFlags.KEPT);
            return special == null ? FoundFile.none(LinuxErrno.ENOENT) : ofEmulator(special, flags);
        }
        if ((flags & OpenFlags.DIRECTORY) != 0) {
            return FoundFile.none(LinuxErrno.ENOTDIR);
        }
        if (open instanceof LinkPlace && (flags & OpenFlags.PATH) == 0) {
            // Checked before the permissions (may_open).
            return FoundFile.none(LinuxErrno.ELOOP);
        }
        if (paths.rights().checkOpen(open, flags) != 0) {
            return FoundFile.none(LinuxErrno.EACCES);
        }
        if (open.sendsSignals() && (flags & OpenFlags.ACCESS) == OpenFlags.ACCESS) {
            // A pipe does not support this access mode (fifo_open).
            return FoundFile.none(LinuxErrno.EINVAL);
        }
        GuestFile found = open.reopened(flags & OpenFlags.KEPT);
        return found == null ? FoundFile.none(LinuxErrno.EACCES) : FoundFile.of(found);
    }

    /** Returns the error if no file can be created with a name; 0 otherwise. */
    private static long refusal(ResolvedPath place) {
        if (place.removed() != null) {
            return LinuxErrno.EISDIR;
        }
        boolean isOfFolder = place.last() == ResolvedPath.LastName.NORMAL && place.isFolderNamed();
        return place.error() == 0 && isOfFolder ? LinuxErrno.EISDIR : place.error();
    }

    /** Returns the error if a host file cannot be opened or created; 0 otherwise. */
    private long check(ResolvedPath place, Path host, int flags) {
        OwnerRights rights = thread.process().system().rights();
        boolean makesFile = (flags & OpenFlags.CREAT) != 0;
        if (!place.exists()) {
            return makesFile ? rights.checkFolderOf(host) : LinuxErrno.ENOENT;
        }
        if (Files.isSymbolicLink(host)) {
            return linkError(flags);
        }
        if ((flags & OpenFlags.CREAT) != 0 && (flags & OpenFlags.EXCL) != 0) {
            return LinuxErrno.EEXIST;
        }
        if (Files.isDirectory(host)) {
            boolean isRefused = makesFile || OpenFlags.changesFile(flags);
            return isRefused ? LinuxErrno.EISDIR : rights.checkOpen(host, flags);
        }
        if ((flags & OpenFlags.DIRECTORY) != 0) {
            return LinuxErrno.ENOTDIR;
        }
        if (place.isFixed() && OpenFlags.changesFile(flags)) {
            return LinuxErrno.EROFS;
        }
        return Files.isRegularFile(host) ? rights.checkOpen(host, flags) : LinuxErrno.ENXIO;
    }

    /** Opens or creates a host file. The caller holds the monitor of {@link GuestNames}. */
    private GuestFile openHost(ResolvedPath place, Path host, int flags, long mode) throws IOException {
        GuestSystem system = thread.process().system();
        int kept = flags & OpenFlags.KEPT;
        if (Files.isSymbolicLink(host)) {
            return new LinkPlace(place.guest(), kept, nameOf(place, host), GuestRoot.targetOf(host));
        }
        if (Files.isDirectory(host)) {
            return new FolderFile(place.guest(), kept, system.folderNames(), nameOf(place, host), system.names());
        }
        boolean exists = place.exists();
        HostFile opened = system.machine().openFile(host, ProgramLoader.GEOMETRY, options(flags, exists));
        boolean isComplete = false;
        try {
            if (!exists) {
                HostRights.setOfNew(
                        host, (int) mode & ~thread.process().folder().umask());
            }
            DiskFile file = new DiskFile(place.guest(), kept, nameOf(place, host), opened);
            isComplete = true;
            return file;
        } finally {
            if (!isComplete) {
                opened.close();
            }
        }
    }

    private OpenedName nameOf(ResolvedPath place, Path host) throws IOException {
        GuestSystem system = thread.process().system();
        return new OpenedName(place, host, system.root(), system.names());
    }

    private static OpenOption[] options(int flags, boolean exists) {
        List<OpenOption> options = new ArrayList<>();
        boolean writes = (flags & OpenFlags.ACCESS) != OpenFlags.RDONLY;
        if ((flags & OpenFlags.ACCESS) != OpenFlags.WRONLY) {
            options.add(StandardOpenOption.READ);
        }
        // Even an open for reading may truncate the file.
        if (writes || !exists || (flags & OpenFlags.TRUNC) != 0) {
            options.add(StandardOpenOption.WRITE);
        }
        if (!exists) {
            options.add((flags & OpenFlags.EXCL) != 0 ? StandardOpenOption.CREATE_NEW : StandardOpenOption.CREATE);
        }
        return options.toArray(new OpenOption[0]);
    }

    long pipe(long address, long flags) {
        if (((int) flags & ~(OpenFlags.CLOEXEC | OpenFlags.NONBLOCK)) != 0) {
            return LinuxErrno.EINVAL;
        }
        Pipe pipe = Pipe.orNull(thread.process().system().pipes());
        if (pipe == null) {
            return LinuxErrno.ENFILE;
        }
        int kept = (int) flags & OpenFlags.NONBLOCK;
        long reader = add(new PipeEnd("pipe:[1]", pipe, OpenFlags.RDONLY | kept, false), flags);
        long writer = add(new PipeEnd("pipe:[1]", pipe, OpenFlags.WRONLY | kept, false), flags);
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
                thread.process().files().close((int) reader);
                thread.process().files().close((int) writer);
            }
        }
    }

    long event(long count, long flags) {
        if (((int) flags & ~(OpenFlags.CLOEXEC | OpenFlags.NONBLOCK | EventCounter.SEMAPHORE)) != 0) {
            return LinuxErrno.EINVAL;
        }
        return add(new EventCounter(count & 0xffff_ffffL, (int) flags), flags);
    }

    long memoryFile(long nameAddress, long memoryFlags) {
        int flags = (int) memoryFlags;
        int known = MEMFD_CLOEXEC | MEMFD_ALLOW_SEALING | MEMFD_NOEXEC_SEAL | MEMFD_EXEC;
        if ((flags & ~known) != 0 || ((flags & MEMFD_NOEXEC_SEAL) != 0 && (flags & MEMFD_EXEC) != 0)) {
            return LinuxErrno.EINVAL;
        }
        String name = memory.string(nameAddress, MOST_NAME);
        if (name.endsWith("\0")) {
            return LinuxErrno.EINVAL;
        }
        GuestSystem system = thread.process().system();
        if (!system.memoryFiles().tryAcquire()) {
            system.unnamedMemory().free();
            if (!system.memoryFiles().tryAcquire()) {
                return LinuxErrno.ENFILE;
            }
        }
        String path = "/memfd:" + name + " (deleted)";
        long inode = system.newInode();
        MemoryDescriptor made = null;
        MemoryFile file = null;
        try {
            file = newFile(system.machine(), flags, path, inode);
            made = new MemoryDescriptor(path, file, inode, system.unnamedMemory());
        } finally {
            if (made == null) {
                system.memoryFiles().release();
                if (file != null) {
                    file.close();
                }
            }
        }
        return add(made, (flags & MEMFD_CLOEXEC) != 0 ? OpenFlags.CLOEXEC : 0);
    }

    private static MemoryFile newFile(Machine machine, int flags, String path, long inode) {
        if ((flags & MEMFD_NOEXEC_SEAL) != 0) {
            return machine.newNoexecFile(path, inode, ProgramLoader.GEOMETRY, 0);
        }
        return (flags & MEMFD_ALLOW_SEALING) != 0
                ? machine.newSealableFile(path, inode, ProgramLoader.GEOMETRY, 0)
                : machine.newFile(path, inode, ProgramLoader.GEOMETRY, 0);
    }
}
