// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.MmException;
import dev.samara.examples.riscv.elf.ProgramLoader;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.file.DiskFile;
import dev.samara.examples.riscv.linux.file.EventCounter;
import dev.samara.examples.riscv.linux.file.FileStatus;
import dev.samara.examples.riscv.linux.file.FolderFile;
import dev.samara.examples.riscv.linux.file.GuestFile;
import dev.samara.examples.riscv.linux.file.GuestRoot;
import dev.samara.examples.riscv.linux.file.HostRights;
import dev.samara.examples.riscv.linux.file.MemoryDescriptor;
import dev.samara.examples.riscv.linux.file.NamedPipes;
import dev.samara.examples.riscv.linux.file.OpenFlags;
import dev.samara.examples.riscv.linux.file.Pipe;
import dev.samara.examples.riscv.linux.file.PipeEnd;
import dev.samara.examples.riscv.linux.memory.CallMemory;
import dev.samara.examples.riscv.linux.process.GuestSystem;
import dev.samara.examples.riscv.linux.process.GuestThread;
import dev.samara.examples.riscv.linux.process.ProcFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The calls that make descriptors. */
final class FileCalls {
    private static final int MEMFD_CLOEXEC = 1;
    private static final int MEMFD_ALLOW_SEALING = 2;
    private static final int MEMFD_NOEXEC = 8;
    private static final int MEMFD_EXEC = 16;
    private static final int MOST_NAME = 250;

    private final GuestThread thread;
    private final CallMemory memory;
    private final PathCalls paths;
    private final NamedPipeCalls pipes;

    FileCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
        paths = new PathCalls(thread);
        pipes = new NamedPipeCalls(thread);
    }

    private long add(GuestFile file, long flags) {
        return thread.process().files().add(file, (flags & OpenFlags.CLOEXEC) != 0, 0);
    }

    long open(long folder, long path, long openFlags, long mode) {
        int flags = (int) openFlags;
        GuestRoot.ResolvedPath place = paths.place(folder, path, (flags & OpenFlags.NOFOLLOW) == 0);
        if (place.error() != 0) {
            return place.error();
        }
        GuestFile special = ProcFiles.openSpecial(thread, place.guest(), flags & OpenFlags.KEPT);
        if (special != null) {
            return add(special, flags);
        }
        Path host = place.host();
        if (host == null) {
            return LinuxErrno.ENOENT;
        }
        boolean exists = place.exists();
        if (exists && (flags & OpenFlags.CREAT) != 0 && (flags & OpenFlags.EXCL) != 0) {
            return LinuxErrno.EEXIST;
        }
        if (exists && Files.isSymbolicLink(host)) {
            return LinuxErrno.ELOOP;
        }
        if (Files.isDirectory(host)) {
            return (flags & OpenFlags.ACCESS) != 0
                    ? LinuxErrno.EISDIR
                    : add(
                            new FolderFile(
                                    place.guest(),
                                    flags & OpenFlags.KEPT,
                                    host,
                                    thread.process().system().namedPipes()),
                            flags);
        }
        if ((flags & OpenFlags.DIRECTORY) != 0) {
            return exists ? LinuxErrno.ENOTDIR : LinuxErrno.ENOENT;
        }
        return openDisk(place.guest(), host, flags, mode, exists);
    }

    /** Opens a file of the host, or the pipe for which it stands. */
    private long openDisk(String guest, Path host, int flags, long mode, boolean exists) {
        if (!exists && (flags & OpenFlags.CREAT) == 0) {
            return LinuxErrno.ENOENT;
        }
        try {
            if (exists && (FileStatus.of(host, true).mode() & FileStatus.TYPE) != FileStatus.REGULAR) {
                return LinuxErrno.ENXIO;
            }
            HostFile file = openPlain(host, flags, mode, exists);
            while (file == null) {
                NamedPipes.PipeRights found =
                        thread.process().system().namedPipes().findWithRights(host);
                if (found != null) {
                    // Another thread may have made it since the path was resolved.
                    boolean isNew = (flags & OpenFlags.CREAT) != 0 && (flags & OpenFlags.EXCL) != 0;
                    return isNew ? LinuxErrno.EEXIST : pipes.open(found, guest, flags);
                }
                file = openPlain(host, flags, mode, exists);
            }
            DiskFile opened = new DiskFile(guest, flags & OpenFlags.KEPT, host, file);
            if ((flags & OpenFlags.TRUNC) != 0 && opened.mayWrite()) {
                long result = file.truncate(0);
                if (result < 0) {
                    opened.release();
                    return result;
                }
            }
            return add(opened, flags);
        } catch (MmException e) {
            return LinuxErrno.of(e);
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
    }

    /** Opens or makes a file of the host; returns null if it stands for a named pipe. */
    private @Nullable HostFile openPlain(Path host, int flags, long mode, boolean exists) throws IOException {
        GuestSystem system = thread.process().system();
        NamedPipes names = system.namedPipes();
        // No other thread of the guest deletes the file before it has its rights.
        synchronized (names) {
            if (names.find(host) != null) {
                return null;
            }
            HostFile opened = system.machine().openFile(host, ProgramLoader.GEOMETRY, options(flags, exists));
            boolean isComplete = false;
            try {
                if (!exists) {
                    HostRights.setOfNew(
                            host, (int) mode & ~thread.process().folder().umask());
                }
                isComplete = true;
                return opened;
            } finally {
                if (!isComplete) {
                    opened.close();
                }
            }
        }
    }

    private static OpenOption[] options(int flags, boolean exists) {
        List<OpenOption> options = new ArrayList<>();
        boolean writes = (flags & OpenFlags.ACCESS) != OpenFlags.RDONLY;
        if ((flags & OpenFlags.ACCESS) != OpenFlags.WRONLY) {
            options.add(StandardOpenOption.READ);
        }
        if (writes || !exists) {
            options.add(StandardOpenOption.WRITE);
        }
        if (!exists) {
            options.add((flags & OpenFlags.EXCL) != 0 ? StandardOpenOption.CREATE_NEW : StandardOpenOption.CREATE);
        }
        return options.toArray(new OpenOption[0]);
    }

    long pipe(long address, long flags) {
        if ((flags & ~(OpenFlags.CLOEXEC | OpenFlags.NONBLOCK)) != 0) {
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
                return LinuxErrno.EMFILE;
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
        if ((flags & ~(OpenFlags.CLOEXEC | OpenFlags.NONBLOCK | EventCounter.SEMAPHORE)) != 0) {
            return LinuxErrno.EINVAL;
        }
        return add(new EventCounter(count & 0xffff_ffffL, (int) flags), flags);
    }

    long memoryFile(long nameAddress, long flags) {
        String name = memory.string(nameAddress, MOST_NAME);
        int known = MEMFD_CLOEXEC | MEMFD_ALLOW_SEALING | MEMFD_NOEXEC | MEMFD_EXEC;
        if ((flags & ~known) != 0 || name.endsWith("\0")) {
            return LinuxErrno.EINVAL;
        }
        GuestSystem system = thread.process().system();
        String path = "/memfd:" + name + " (deleted)";
        long inode = system.newInode();
        boolean isSealable = (flags & MEMFD_ALLOW_SEALING) != 0;
        MemoryDescriptor made = new MemoryDescriptor(
                path,
                isSealable
                        ? system.machine().newSealableFile(path, inode, ProgramLoader.GEOMETRY, 0)
                        : system.machine().newFile(path, inode, ProgramLoader.GEOMETRY, 0),
                inode,
                system.unnamedMemory());
        return add(made, (flags & MEMFD_CLOEXEC) != 0 ? OpenFlags.CLOEXEC : 0);
    }

    /** Returns the path of an {@code execve}, or what is wrong with it. */
    GuestRoot.ResolvedPath program(long folder, long path) {
        return paths.place(folder, path, true);
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
