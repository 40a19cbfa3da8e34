// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import dev.samara.emulator.linux.file.SeekableFile.MemoryDescriptor;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProcFiles;
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

/**
 * The calls for paths: their resolution, which all other calls with paths use, too; the calls that create, remove and
 * change names; and those that read or change the status of a file, by a path or a descriptor.
 *
 * <p>A call resolves its paths, and uses the result, under the monitor of {@link GuestNames}; the caller of {@link
 * #place} holds it until it no longer uses the result. The names of the emulator's files cannot be changed.
 */
final class PathCalls {
    /** AT_FDCWD. */
    static final int CURRENT_FOLDER = -100;

    static final int NO_FOLLOW = 0x100;
    static final int EMPTY_PATH = 0x1000;

    /** Stands for a path that cannot be read. A path ends with a null character if it is too long. */
    private static final String UNREADABLE = "\0\0";

    private static final int REMOVE_FOLDER = 0x200;
    private static final int FOLLOW = 0x400;
    private static final int NO_REPLACE = 1;

    private static final int NO_AUTOMOUNT = 0x800;
    private static final int STATUS_FLAGS = NO_FOLLOW | NO_AUTOMOUNT | EMPTY_PATH;
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
    private final CallMemory memory;

    PathCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    GuestNames names() {
        return thread.process().system.names;
    }

    private GuestRoot root() {
        return thread.process().system.root;
    }

    /** Reads a path. */
    String name(long address) {
        return memory.string(address, CallMemory.MOST_PATH);
    }

    /** Reads the second path of a call, which is reported as unreadable only after the first one was resolved. */
    String secondName(long address) {
        try {
            return name(address);
        } catch (BadAddress unreadable) {
            return UNREADABLE;
        }
    }

    /** The files of {@code /proc} and {@code /dev}, as this thread sees them. */
    private final GuestRoot.EmulatedFiles emulated = new GuestRoot.EmulatedFiles() {
        @Override
        public @Nullable String target(String path) {
            return ProcFiles.followed(thread, path);
        }

        @Override
        public long searchError(String path) {
            FileStatus found = ofEmulator(path);
            return found == null ? LinuxErrno.ENOENT : found.isFolder() ? 0 : LinuxErrno.ENOTDIR;
        }
    };

    /** Resolves the path of a file. */
    ResolvedPath place(long descriptor, String path, boolean follows) {
        String folder = startOf(descriptor, path);
        long error = errorOf(descriptor, path, folder);
        return error != 0 || folder == null
                ? ResolvedPath.failed(error)
                : root().resolve(folder, path, follows, emulated);
    }

    /** Resolves the path of a name to create, remove or rename. */
    ResolvedPath placeOfName(long descriptor, String path) {
        String folder = startOf(descriptor, path);
        long error = errorOf(descriptor, path, folder);
        return error != 0 || folder == null ? ResolvedPath.failed(error) : root().resolveName(folder, path, emulated);
    }

    private @Nullable String startOf(long descriptor, String path) {
        if (path.startsWith("/")) {
            return "/";
        }
        if ((int) descriptor == CURRENT_FOLDER) {
            return thread.process().folder.path();
        }
        return thread.file(descriptor) instanceof GuestFolder folder ? folder.path() : null;
    }

    private long errorOf(long descriptor, String path, @Nullable String folder) {
        assert Thread.holdsLock(names());
        if (path.equals(UNREADABLE)) {
            return LinuxErrno.EFAULT;
        }
        if (path.endsWith("\0")) {
            return LinuxErrno.ENAMETOOLONG;
        }
        if (path.isEmpty()) {
            return LinuxErrno.ENOENT;
        }
        if (folder == null) {
            return thread.file(descriptor) != null ? LinuxErrno.ENOTDIR : LinuxErrno.EBADF;
        }
        return 0;
    }

    /** A call to a file of the host. */
    interface HostCall {
        long call(Path host) throws IOException;
    }

    /** Makes a call to the file at a path. */
    static long onHost(ResolvedPath place, HostCall call) {
        Path host = place.host();
        if (place.error() != 0 || host == null) {
            return place.error() != 0 ? place.error() : LinuxErrno.ENOENT;
        }
        try {
            return call.call(host);
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
    }

    /** Returns the status of a file of the emulator; null if the path is not that of one. */
    @Nullable
    FileStatus ofEmulator(ResolvedPath place, boolean follows) {
        if (place.error() != 0) {
            return null;
        }
        FileStatus link = follows || place.isFolderNamed() ? null : ProcFiles.linkStatus(thread, place.guest());
        return link != null ? link : ofEmulator(place.guest());
    }

    private @Nullable FileStatus ofEmulator(String path) {
        GuestFile open = ProcFiles.descriptor(thread.process(), path);
        if (open != null) {
            return open.status();
        }
        GuestFile special = ProcFiles.openSpecial(thread, path, OpenFlags.RDONLY);
        if (special == null) {
            return null;
        }
        FileStatus found = special.status();
        special.release();
        return found;
    }

    /** {@code readlinkat}. */
    long readLink(long descriptor, long path, long address, long length) {
        // The kernel's length has 32 bits.
        int room = (int) length;
        if (room <= 0) {
            return LinuxErrno.EINVAL;
        }
        String name = name(path);
        String[] found = new String[1];
        long result;
        synchronized (names()) {
            ResolvedPath place = place(descriptor, name, false);
            found[0] = place.error() != 0 || place.isFolderNamed() ? null : ProcFiles.link(thread, place.guest());
            if (found[0] != null) {
                result = 0;
            } else if (ofEmulator(place, false) != null) {
                result = LinuxErrno.EINVAL;
            } else {
                result = onHost(place, host -> {
                    found[0] = GuestRoot.targetOf(host);
                    return 0;
                });
            }
        }
        if (result != 0) {
            return result;
        }
        byte[] bytes = GuestText.bytes(found[0]);
        int put = Math.min(bytes.length, room);
        return memory.putSome(address, bytes, 0, put) < put ? LinuxErrno.EFAULT : put;
    }

    long changeFolder(long path) {
        String name = name(path);
        synchronized (names()) {
            ResolvedPath place = place(CURRENT_FOLDER, name, true);
            return onHost(place, host -> {
                if (!Files.isDirectory(host)) {
                    return Files.exists(host) ? LinuxErrno.ENOTDIR : LinuxErrno.ENOENT;
                }
                if (!Files.isExecutable(host)) {
                    return LinuxErrno.EACCES;
                }
                thread.process().folder.enter(new OpenedName(place.guest(), host, root(), names()));
                return 0;
            });
        }
    }

    long changeFolderTo(long descriptor) {
        GuestFile file = thread.file(descriptor);
        if (!(file instanceof GuestFolder)) {
            return file == null ? LinuxErrno.EBADF : LinuxErrno.ENOTDIR;
        }
        OpenedName name = file.openedName();
        if (name == null) {
            // The same error as for the path of a directory of /proc.
            return LinuxErrno.ENOENT;
        }
        thread.process().folder.enter(name);
        return 0;
    }

    long currentFolder(long address, long length) {
        OpenedName name = thread.process().folder.name();
        if (name != null && name.isRemoved()) {
            return LinuxErrno.ENOENT;
        }
        byte[] path = GuestText.bytes(thread.process().folder.path() + '\0');
        if (Long.compareUnsigned(path.length, length) > 0) {
            return LinuxErrno.ERANGE;
        }
        memory.put(address, path);
        return path.length;
    }

    /** Returns why a name cannot be changed: its path, the emulator's files, or the program outside of the root. */
    private long refusal(ResolvedPath place, long ofFixed) {
        if (place.error() != 0) {
            return place.error();
        }
        if (ofEmulator(place, false) != null) {
            return LinuxErrno.EPERM;
        }
        return place.isFixed() ? ofFixed : 0;
    }

    private long make(ResolvedPath place, boolean isFolder, HostCall call) {
        if (place.error() != 0) {
            return place.error();
        }
        if (!place.isNormal() || place.exists() || ofEmulator(place, false) != null) {
            return LinuxErrno.EEXIST;
        }
        return place.isFolderNamed() && !isFolder ? LinuxErrno.ENOENT : onHost(place, call);
    }

    private long make(long descriptor, long path, boolean isFolder, HostCall call) {
        String name = name(path);
        synchronized (names()) {
            return make(placeOfName(descriptor, name), isFolder, call);
        }
    }

    long makeFolder(long descriptor, long path, long mode) {
        return make(descriptor, path, true, host -> {
            names().makeFolder(host, (int) mode & ~thread.process().folder.umask());
            return 0;
        });
    }

    long symbolicLink(long target, long descriptor, long path) {
        String text = thread.memory().string(target, CallMemory.MOST_PATH);
        if (text.isEmpty() || text.endsWith("\0")) {
            return text.isEmpty() ? LinuxErrno.ENOENT : LinuxErrno.ENAMETOOLONG;
        }
        return make(descriptor, path, false, host -> {
            GuestRoot.makeLink(host, text);
            return 0;
        });
    }

    long link(long fromFolder, long from, long toFolder, long to, long flags) {
        if (((int) flags & ~FOLLOW) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = name(from);
        String newName = secondName(to);
        synchronized (names()) {
            ResolvedPath linked = place(fromFolder, name, (flags & FOLLOW) != 0);
            long refused = refusal(linked, LinuxErrno.EXDEV);
            if (refused != 0) {
                return refused;
            }
            if (!linked.exists() || linked.isFolder()) {
                return linked.exists() ? LinuxErrno.EPERM : LinuxErrno.ENOENT;
            }
            return make(
                    placeOfName(toFolder, newName),
                    false,
                    end -> onHost(linked, host -> {
                        Files.createLink(end, host);
                        return 0;
                    }));
        }
    }

    long unlink(long descriptor, long path, long flags) {
        if (((int) flags & ~REMOVE_FOLDER) != 0) {
            return LinuxErrno.EINVAL;
        }
        boolean removesFolder = (flags & REMOVE_FOLDER) != 0;
        String name = name(path);
        synchronized (names()) {
            ResolvedPath place = placeOfName(descriptor, name);
            long refused = refusal(place, LinuxErrno.EBUSY);
            if (refused != 0) {
                return refused;
            }
            if (!place.isNormal()) {
                return removesFolder ? LinuxErrno.EINVAL : LinuxErrno.EISDIR;
            }
            if (!place.exists()) {
                return LinuxErrno.ENOENT;
            }
            if (place.isFolder() != removesFolder) {
                return removesFolder ? LinuxErrno.ENOTDIR : LinuxErrno.EISDIR;
            }
            return place.isFolderNamed() && !removesFolder
                    ? LinuxErrno.ENOTDIR
                    : onHost(place, host -> {
                        Files.delete(host);
                        names().removed(place.guest());
                        return 0;
                    });
        }
    }

    long rename(long fromFolder, long from, long toFolder, long to, long flags) {
        if (((int) flags & ~NO_REPLACE) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = name(from);
        String newName = secondName(to);
        synchronized (names()) {
            ResolvedPath moved = placeOfName(fromFolder, name);
            long refused = refusal(moved, LinuxErrno.EXDEV);
            if (refused != 0) {
                return refused;
            }
            ResolvedPath target = placeOfName(toFolder, newName);
            long late = refusal(target, LinuxErrno.EXDEV);
            if (late != 0) {
                return late;
            }
            if (!moved.isNormal() || !target.isNormal()) {
                return LinuxErrno.EBUSY;
            }
            if (!moved.exists()) {
                return LinuxErrno.ENOENT;
            }
            if ((flags & NO_REPLACE) != 0 && target.exists()) {
                return LinuxErrno.EEXIST;
            }
            if ((moved.isFolderNamed() || target.isFolderNamed()) && !moved.isFolder()) {
                return LinuxErrno.ENOTDIR;
            }
            return onHost(
                    target,
                    end -> onHost(moved, host -> {
                        names().move(host, moved.guest(), end, target.guest());
                        return 0;
                    }));
        }
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
        String name = (flags & EMPTY_PATH) != 0 && path == 0 ? "" : name(path);
        boolean isOfDescriptor = name.isEmpty() && (flags & EMPTY_PATH) != 0;
        if (isOfDescriptor && (int) descriptor != CURRENT_FOLDER) {
            return statOf(descriptor, address);
        }
        boolean follows = (flags & NO_FOLLOW) == 0;
        FileStatus[] found = new FileStatus[1];
        long result;
        synchronized (names()) {
            ResolvedPath place = place(descriptor, isOfDescriptor ? "." : name, follows);
            found[0] = ofEmulator(place, follows);
            if (found[0] != null) {
                result = place.isFolderNamed() && !found[0].isFolder() ? LinuxErrno.ENOTDIR : 0;
            } else {
                result = onHost(place, host -> {
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
        String name = name(path);
        synchronized (names()) {
            ResolvedPath place = place(descriptor, name, true);
            FileStatus special = ofEmulator(place, true);
            if (special != null) {
                return special.allows((int) rights) ? 0 : LinuxErrno.EACCES;
            }
            return onHost(place, host -> access(place, host, (int) rights));
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
        String name = name(path);
        ByteBuffer found = CallMemory.structure(FILE_SYSTEM_BYTES);
        long result;
        synchronized (names()) {
            ResolvedPath place = place(CURRENT_FOLDER, name, true);
            result = onHost(place, host -> {
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
    private long change(long descriptor, String name, boolean follows, HostCall call) {
        synchronized (names()) {
            ResolvedPath place = place(descriptor, name, follows);
            if (ofEmulator(place, follows) != null) {
                return LinuxErrno.EPERM;
            }
            return place.isFixed() ? LinuxErrno.EROFS : onHost(place, call);
        }
    }

    /** Changes an open file. A pipe has nothing to change, and a file without a name cannot be changed by the JDK. */
    private long change(GuestFile file, HostCall call) {
        OpenedName name = file.openedName();
        if (name == null) {
            return file.hasPath() ? LinuxErrno.EPERM : 0;
        }
        synchronized (names()) {
            Path host = name.host();
            try {
                return host == null ? LinuxErrno.EOPNOTSUPP : call.call(host);
            } catch (IOException e) {
                return LinuxErrno.of(e);
            }
        }
    }

    private static HostCall newMode(long mode) {
        return host -> {
            if (!Files.exists(host)) {
                return LinuxErrno.ENOENT;
            }
            GuestNames.setRights(host, (int) mode);
            return 0;
        };
    }

    long changeMode(long descriptor, long path, long mode) {
        return change(descriptor, name(path), true, newMode(mode));
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
        if (((int) flags & ~NO_FOLLOW) != 0 || !isTime(accessed) || !isTime(modified)) {
            return LinuxErrno.EINVAL;
        }
        FileTime newAccessed = time(times == 0 ? 0 : memory.getLong(times), accessed);
        FileTime newModified = time(times == 0 ? 0 : memory.getLong(times + 16), modified);
        HostCall call = host -> {
            writeBack(host);
            // The links that must be followed were already resolved.
            Files.getFileAttributeView(host, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
                    .setTimes(newModified, newAccessed, null);
            return 0;
        };
        if (path != 0) {
            return change(descriptor, name(path), (flags & NO_FOLLOW) == 0, call);
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
