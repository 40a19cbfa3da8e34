// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

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
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProcFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Resolves the paths of all calls, and implements those that only read paths. The caller of a resolution holds the
 * monitor of {@link GuestNames} until it no longer uses the result.
 */
final class PathCalls {
    /** AT_FDCWD. */
    static final int CURRENT_FOLDER = -100;

    static final int NO_FOLLOW = 0x100;
    static final int EMPTY_PATH = 0x1000;

    /** Stands for a path that cannot be read. A path ends with a null character if it is too long. */
    private static final String UNREADABLE = "\0\0";

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
}
