// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import dev.samara.emulator.linux.file.SeekableFile.MemoryDescriptor;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The calls that read or change the status of a file: by a path, or by a descriptor. */
final class StatusCalls {
    private static final int NO_AUTOMOUNT = 0x800;
    private static final int STATUS_FLAGS = PathCalls.NO_FOLLOW | NO_AUTOMOUNT | PathCalls.EMPTY_PATH;
    private static final int ALL_RIGHTS = 7;

    /** The values of nanoseconds that mean the present time, and no change. */
    private static final long NOW = 0x3fff_ffff;

    private static final long OMIT = 0x3fff_fffe;

    /** The latest second that the JDK can set. */
    private static final long MOST_SECONDS = Long.MAX_VALUE / CallMemory.SECOND - 1;

    private static final int FILE_SYSTEM_BYTES = 120;
    private static final int LONGEST_NAME = 255;

    /** What {@code statfs} reports as the type: ext4, as nearly all programs expect. */
    private static final long EXT4 = 0xef53;

    private final GuestThread thread;
    private final PathCalls paths;
    private final CallMemory memory;
    private final GuestNames names;

    StatusCalls(GuestThread thread, PathCalls paths) {
        this.thread = thread;
        this.paths = paths;
        memory = thread.memory();
        names = thread.process().system.names;
    }

    private int owner() {
        return thread.process().system.user;
    }

    private long put(FileStatus found, long address) {
        memory.put(address, found.bytes(owner()));
        return 0;
    }

    /** {@code newfstatat}. */
    long stat(long descriptor, long path, long address, long flags) {
        if (((int) flags & ~STATUS_FLAGS) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = (flags & PathCalls.EMPTY_PATH) != 0 && path == 0 ? "" : paths.name(path);
        boolean isOfDescriptor = name.isEmpty() && (flags & PathCalls.EMPTY_PATH) != 0;
        if (isOfDescriptor && (int) descriptor != PathCalls.CURRENT_FOLDER) {
            return statOf(descriptor, address);
        }
        boolean follows = (flags & PathCalls.NO_FOLLOW) == 0;
        FileStatus[] found = new FileStatus[1];
        long result;
        synchronized (names) {
            ResolvedPath place = paths.place(descriptor, isOfDescriptor ? "." : name, follows);
            found[0] = paths.ofEmulator(place, follows);
            if (found[0] != null) {
                result = place.isFolderNamed() && !found[0].isFolder() ? LinuxErrno.ENOTDIR : 0;
            } else {
                result = PathCalls.onHost(place, host -> {
                    found[0] = FileStatus.of(host, follows);
                    return 0;
                });
            }
        }
        return result != 0 ? result : put(found[0], address);
    }

    /** {@code fstat}. */
    long statOf(long descriptor, long address) {
        GuestFile file = thread.file(descriptor);
        return file == null ? LinuxErrno.EBADF : put(file.status(), address);
    }

    /** {@code faccessat}. */
    long access(long descriptor, long path, long rights) {
        if (((int) rights & ~ALL_RIGHTS) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(path);
        synchronized (names) {
            ResolvedPath place = paths.place(descriptor, name, true);
            FileStatus special = paths.ofEmulator(place, true);
            if (special != null) {
                return special.allows((int) rights) ? 0 : LinuxErrno.EACCES;
            }
            return PathCalls.onHost(place, host -> access(place, host, (int) rights));
        }
    }

    private static long access(ResolvedPath place, Path host, int rights) {
        if (!Files.exists(host)) {
            return LinuxErrno.ENOENT;
        }
        boolean isAllowed = ((rights & 4) == 0 || Files.isReadable(host))
                && ((rights & 2) == 0 || Files.isWritable(host))
                && ((rights & 1) == 0 || Files.isExecutable(host));
        return !isAllowed ? LinuxErrno.EACCES : place.isFixed() && (rights & 2) != 0 ? LinuxErrno.EROFS : 0;
    }

    /** {@code statfs}. */
    long fileSystem(long path, long address) {
        String name = paths.name(path);
        ByteBuffer found = CallMemory.structure(FILE_SYSTEM_BYTES);
        long result;
        synchronized (names) {
            ResolvedPath place = paths.place(PathCalls.CURRENT_FOLDER, name, true);
            result = PathCalls.onHost(place, host -> {
                FileStore store = Files.getFileStore(host);
                long block = Math.max(store.getBlockSize(), 1);
                found.putLong(0, EXT4)
                        .putLong(8, block)
                        .putLong(64, LONGEST_NAME)
                        .putLong(72, block);
                found.putLong(16, store.getTotalSpace() / block);
                found.putLong(24, store.getUnallocatedSpace() / block);
                found.putLong(32, store.getUsableSpace() / block);
                return 0;
            });
        }
        if (result == 0) {
            memory.put(address, found);
        }
        return result;
    }

    /** Changes the file at a path. */
    private long change(long descriptor, String name, boolean follows, PathCalls.HostCall call) {
        synchronized (names) {
            ResolvedPath place = paths.place(descriptor, name, follows);
            if (paths.ofEmulator(place, follows) != null) {
                return LinuxErrno.EPERM;
            }
            return place.isFixed() ? LinuxErrno.EROFS : PathCalls.onHost(place, call);
        }
    }

    /** Changes an open file. A pipe has nothing to change, and a file without a name cannot be changed by the JDK. */
    private long change(GuestFile file, PathCalls.HostCall call) {
        OpenedName name = file.openedName();
        if (name == null) {
            return file.hasPath() ? LinuxErrno.EPERM : 0;
        }
        synchronized (names) {
            Path host = name.host();
            try {
                return host == null ? LinuxErrno.EOPNOTSUPP : call.call(host);
            } catch (IOException e) {
                return LinuxErrno.of(e);
            }
        }
    }

    private static PathCalls.HostCall newMode(long mode) {
        return host -> {
            if (!Files.exists(host)) {
                return LinuxErrno.ENOENT;
            }
            GuestNames.setRights(host, (int) mode);
            return 0;
        };
    }

    long changeMode(long descriptor, long path, long mode) {
        return change(descriptor, paths.name(path), true, newMode(mode));
    }

    long changeModeOf(long descriptor, long mode) {
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        return file instanceof MemoryDescriptor memoryFile
                ? memoryFile.file().changeMode((int) mode)
                : change(file, newMode(mode));
    }

    /** {@code fchown}: all files belong to the guest's user. */
    long changeOwnerOf(long descriptor, long user, long group) {
        if (thread.openFile(descriptor) == null) {
            return LinuxErrno.EBADF;
        }
        boolean isOwn = ((int) user == -1 || (int) user == owner()) && ((int) group == -1 || (int) group == owner());
        return isOwn ? 0 : LinuxErrno.EPERM;
    }

    /** {@code utimensat}. */
    long setTimes(long descriptor, long path, long times, long flags) {
        long accessed = times == 0 ? NOW : memory.getLong(times + 8);
        long modified = times == 0 ? NOW : memory.getLong(times + 24);
        if (((int) flags & ~PathCalls.NO_FOLLOW) != 0 || !isTime(accessed) || !isTime(modified)) {
            return LinuxErrno.EINVAL;
        }
        FileTime newAccessed = time(times == 0 ? 0 : memory.getLong(times), accessed);
        FileTime newModified = time(times == 0 ? 0 : memory.getLong(times + 16), modified);
        PathCalls.HostCall call = host -> {
            writeBack(host);
            // The links that must be followed were already resolved.
            Files.getFileAttributeView(host, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                    .setTimes(newModified, newAccessed, null);
            return 0;
        };
        if (path != 0) {
            return change(descriptor, paths.name(path), (flags & PathCalls.NO_FOLLOW) == 0, call);
        }
        GuestFile file = thread.openFile(descriptor);
        return file == null ? LinuxErrno.EBADF : change(file, call);
    }

    private static boolean isTime(long nanos) {
        return nanos == NOW || nanos == OMIT || (nanos >= 0 && nanos < CallMemory.SECOND);
    }

    private static @Nullable FileTime time(long seconds, long nanos) {
        if (nanos == OMIT) {
            return null;
        }
        if (nanos == NOW) {
            return FileTime.from(TimeCalls.wallNanos(), TimeUnit.NANOSECONDS);
        }
        // The JDK can set only times whose nanoseconds fit in 64 bits, and for a time before 1970 only whole seconds.
        long nearest = Math.max(Math.min(seconds, MOST_SECONDS), -MOST_SECONDS);
        return FileTime.from(nearest * CallMemory.SECOND + (nearest < 0 ? 0 : nanos), TimeUnit.NANOSECONDS);
    }

    /** Writes the pages that the guest changed, because a later write would change the times again. */
    private void writeBack(Path host) throws IOException {
        if (!Files.isRegularFile(host, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (HostFile file =
                thread.process().system.machine.openFile(host, ProgramLoader.GEOMETRY, StandardOpenOption.READ)) {
            file.syncRange(0, 0, Mman.SYNC_FILE_RANGE_WRITE | Mman.WAIT_AFTER);
        } catch (MmException noRoom) {
            // The times are set nevertheless. A later write-back changes them.
        }
    }
}
