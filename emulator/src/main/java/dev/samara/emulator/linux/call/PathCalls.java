// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.EmulatedLinks;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.LinkPlace;
import dev.samara.emulator.linux.file.NamedPipes;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.OwnerRights;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.memory.BadAddress;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.ProcFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where a path leads, and the calls about folders, links and sizes that take the path of what is there. */
final class PathCalls {
    static final int CURRENT_FOLDER = -100;

    /** Stands for a path whose bytes cannot be read; no path has zeros. */
    private static final String UNREADABLE = "\0\0";

    private static final int EMPTY_PATH = 0x1000;

    private final GuestThread thread;
    private final CallMemory memory;

    PathCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private NamedPipes names() {
        return thread.process().system().namedPipes();
    }

    /**
     * A folder at which a relative path begins.
     *
     * @param path its path
     * @param name its name on the host; null for a folder of the emulator
     */
    private record StartFolder(String path, @Nullable OpenedName name) {}

    /** Returns the folder at which a relative path begins; null if the descriptor is not one. */
    private @Nullable StartFolder folder(long descriptor) {
        if ((int) descriptor == CURRENT_FOLDER) {
            OpenedName name = thread.process().folder().name();
            return new StartFolder(thread.process().folder().path(), name);
        }
        GuestFile found = thread.file(descriptor);
        return found instanceof GuestFolder ? new StartFolder(found.path(), found.openedName()) : null;
    }

    /**
     * Returns the second path of a call, as {@link #place} takes it: that it cannot be read is told after what is wrong
     * with the first one.
     */
    String secondName(long address) {
        try {
            return name(address);
        } catch (BadAddress unreadable) {
            return UNREADABLE;
        }
    }

    /** Returns the path at an address, as {@link #place} takes it. */
    String name(long address) {
        return memory.string(address, CallMemory.MOST_PATH);
    }

    /**
     * Resolves the path of something that is looked up. The caller has the monitor of the names, and keeps it while it
     * uses the result.
     */
    ResolvedPath place(long descriptor, String path, boolean follows) {
        EmulatedLinks links = links();
        return resolved(descriptor, path, new PathResolution() {
            @Override
            public ResolvedPath from(String folder) {
                return root().resolve(folder, path, follows, links);
            }

            @Override
            public ResolvedPath from(OpenedName removed) {
                return root().resolve(removed, path, follows, links);
            }
        });
    }

    /**
     * Resolves a path as {@link #place} does, or an empty one at {@link #CURRENT_FOLDER} that the flags of the call
     * permit: the current folder, in which nothing is looked up, so that it need not be searchable.
     */
    ResolvedPath placeBy(long flags, long descriptor, String path, boolean follows) {
        if ((flags & EMPTY_PATH) == 0 || !path.isEmpty()) {
            return place(descriptor, path, follows);
        }
        if ((int) descriptor != CURRENT_FOLDER) {
            return ResolvedPath.failed(LinuxErrno.EBADF);
        }
        OpenedName current = thread.process().folder().name();
        return current != null && current.isRemoved()
                ? ResolvedPath.ofRemoved(current)
                : root().resolve(thread.process().folder().path(), ".", follows, EmulatedLinks.NONE);
    }

    private EmulatedLinks links() {
        return new EmulatedLinks() {
            @Override
            public @Nullable String target(String path) {
                return ProcFiles.followed(thread, path);
            }

            @Override
            public @Nullable OpenedName removed(String path) {
                return ProcFiles.removedFolder(thread, path);
            }

            @Override
            public long searchError(@Nullable Path folder) {
                return rights().check(folder, OwnerRights.EXECUTE);
            }

            @Override
            public long searchError(OpenedName removed) {
                return rights().check(removed.status(), OwnerRights.EXECUTE);
            }

            @Override
            public EmulatedKind kind(String path) {
                FileStatus found = ofEmulator(path);
                return found == null
                        ? EmulatedKind.NOTHING
                        : found.isFolder() ? EmulatedKind.FOLDER : EmulatedKind.FILE;
            }
        };
    }

    /** Resolves the path of a name that is made, removed or renamed. The caller has the monitor as for others. */
    ResolvedPath placeOfName(long descriptor, String path) {
        EmulatedLinks links = links();
        return resolved(descriptor, path, new PathResolution() {
            @Override
            public ResolvedPath from(String folder) {
                return root().resolveName(folder, path, links);
            }

            @Override
            public ResolvedPath from(OpenedName removed) {
                return root().resolveName(removed, path, links);
            }
        });
    }

    /** Returns the path of an open file; that of a file other than a folder is ENOENT once its name is not its own. */
    ResolvedPath placeOf(GuestFile file) {
        OpenedName opened = file.openedName();
        String path = opened == null ? file.path() : opened.currentPath();
        if (opened == null || path != null) {
            return root().resolve("/", path == null ? file.path() : path, false);
        }
        return file instanceof GuestFolder ? ResolvedPath.ofRemoved(opened) : ResolvedPath.failed(LinuxErrno.ENOENT);
    }

    /** Resolves a path from a folder on, or from one that was removed. */
    private interface PathResolution {
        ResolvedPath from(String folder);

        ResolvedPath from(OpenedName removed);
    }

    private ResolvedPath resolved(long descriptor, String path, PathResolution resolution) {
        assert Thread.holdsLock(names());
        if (path.equals(UNREADABLE)) {
            return ResolvedPath.failed(LinuxErrno.EFAULT);
        }
        if (path.endsWith("\0")) {
            return ResolvedPath.failed(LinuxErrno.ENAMETOOLONG);
        }
        if (path.isEmpty()) {
            return ResolvedPath.failed(LinuxErrno.ENOENT);
        }
        if (path.startsWith("/")) {
            return resolution.from("/");
        }
        StartFolder folder = folder(descriptor);
        if (folder == null) {
            boolean isOpen = thread.process().files().get((int) descriptor) != null;
            return ResolvedPath.failed(isOpen ? LinuxErrno.ENOTDIR : LinuxErrno.EBADF);
        }
        OpenedName name = folder.name;
        return name != null && name.isRemoved() ? resolution.from(name) : resolution.from(folder.path);
    }

    /** Returns what the guest may do with files of the host. */
    OwnerRights rights() {
        return thread.process().system().rights();
    }

    private GuestRoot root() {
        return thread.process().system().root();
    }

    /** What a call does with a path of the host. */
    interface HostCall {
        long call(Path host) throws IOException;
    }

    static long onHost(ResolvedPath place, HostCall call) {
        if (place.error() != 0) {
            return place.error();
        }
        Path host = place.host();
        if (host == null) {
            return LinuxErrno.ENOENT;
        }
        try {
            return call.call(host);
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
    }

    /** Returns the status of a file that is none of the host's; null for others. */
    @Nullable
    FileStatus ofEmulator(ResolvedPath place, boolean follows) {
        if (place.error() != 0) {
            return null;
        }
        FileStatus link = follows || !place.isName() ? null : ProcFiles.linkStatus(thread, place.guest());
        return link != null ? link : ofEmulator(place.guest());
    }

    /** Returns the status of a name of the emulator, not followed; null for files of the host. */
    @Nullable
    FileStatus ofEmulatorsName(ResolvedPath place) {
        FileStatus link = ProcFiles.linkStatus(thread, place.guest());
        return link != null ? link : ofEmulator(place.guest());
    }

    /** Returns the open file that a path names by its descriptor; null for none. */
    @Nullable
    GuestFile descriptor(ResolvedPath place) {
        return ProcFiles.descriptor(thread.process(), place.guest());
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

    /** Returns whether a call is about the file of a descriptor: the path is empty, and its flags permit that. */
    static boolean isOfDescriptor(long flags, long descriptor, String name) {
        return (flags & EMPTY_PATH) != 0 && name.isEmpty() && (int) descriptor != CURRENT_FOLDER;
    }

    long readLink(long descriptor, long path, long address, long length) {
        // The kernel's length has 32 bits.
        int room = (int) length;
        if (room <= 0) {
            return LinuxErrno.EINVAL;
        }
        String name = name(path);
        if (name.isEmpty() && (int) descriptor != CURRENT_FOLDER) {
            GuestFile file = thread.file(descriptor);
            return file instanceof LinkPlace link
                    ? putText(link.target(), address, room)
                    : file == null ? LinuxErrno.EBADF : LinuxErrno.ENOENT;
        }
        String[] found = {""};
        long result;
        synchronized (names()) {
            ResolvedPath place = place(descriptor, name, false);
            if (place.removed() != null) {
                return LinuxErrno.EINVAL;
            }
            String known = place.error() != 0 || !place.isName() ? null : ProcFiles.link(thread, place.guest());
            FileStatus special = known != null ? null : ofEmulator(place, false);
            if (known != null) {
                found[0] = known;
                result = 0;
            } else if (special != null) {
                result = place.isFolderNamed() && !special.isFolder() ? LinuxErrno.ENOTDIR : LinuxErrno.EINVAL;
            } else {
                result = onHost(place, host -> {
                    found[0] = GuestRoot.targetOf(host);
                    return 0;
                });
            }
        }
        return result != 0 ? result : putText(found[0], address, room);
    }

    private long putText(String text, long address, int room) {
        byte[] bytes = GuestText.bytes(text);
        int put = Math.min(bytes.length, room);
        return memory.putSome(address, bytes, 0, put) < put ? LinuxErrno.EFAULT : put;
    }

    long truncate(long path, long length) {
        if (length < 0) {
            return LinuxErrno.EINVAL;
        }
        String name = name(path);
        FileCalls files = new FileCalls(thread);
        GuestFile file;
        synchronized (names()) {
            // The kind comes before the rights (vfs_truncate).
            long refused = truncationError(files.find(CURRENT_FOLDER, name, OpenFlags.PATH, 0));
            FileCalls.FoundFile found = refused == 0
                    ? files.find(CURRENT_FOLDER, name, OpenFlags.WRONLY, 0)
                    : FileCalls.FoundFile.none(refused);
            file = found.file();
            if (file == null) {
                return found.error();
            }
        }
        long result = file.truncate(length);
        if (result == 0) {
            file.written(thread);
        }
        file.release();
        return result;
    }

    /** Returns why what a path names cannot be truncated, whoever asks; 0 for a regular file. */
    private static long truncationError(FileCalls.FoundFile found) {
        GuestFile place = found.file();
        if (place == null) {
            return found.pipe() != null ? LinuxErrno.EINVAL : found.error();
        }
        boolean isFolder = place.status().isFolder();
        boolean isRegular = place.isRegular();
        place.release();
        return isFolder ? LinuxErrno.EISDIR : isRegular ? 0 : LinuxErrno.EINVAL;
    }

    long changeFolder(long path) {
        String name = name(path);
        synchronized (names()) {
            ResolvedPath place = place(CURRENT_FOLDER, name, true);
            OpenedName removed = place.removed();
            if (removed != null) {
                long refused = rights().check(removed.status(), OwnerRights.EXECUTE);
                if (refused == 0) {
                    thread.process().folder().enter(removed);
                }
                return refused;
            }
            FileStatus special = ofEmulator(place, true);
            if (special != null && !special.isFolder()) {
                return LinuxErrno.ENOTDIR;
            }
            return onHost(place, host -> {
                if (!Files.isDirectory(host)) {
                    return Files.exists(host) ? LinuxErrno.ENOTDIR : LinuxErrno.ENOENT;
                }
                long refused = rights().check(host, OwnerRights.EXECUTE);
                if (refused != 0) {
                    return refused;
                }
                thread.process().folder().enter(new OpenedName(place, host, root(), names()));
                return 0;
            });
        }
    }

    long changeFolderTo(long descriptor) {
        GuestFile file = thread.file(descriptor);
        OpenedName name = file == null ? null : file.openedName();
        if (!(file instanceof GuestFolder)) {
            return file == null ? LinuxErrno.EBADF : LinuxErrno.ENOTDIR;
        }
        if (name == null) {
            // As by the path of a folder of /proc.
            return LinuxErrno.ENOENT;
        }
        synchronized (names()) {
            Path host = name.host();
            long refused = host != null
                    ? rights().check(host, OwnerRights.EXECUTE)
                    : rights().check(name.status(), OwnerRights.EXECUTE);
            if (refused == 0) {
                thread.process().folder().enter(name);
            }
            return refused;
        }
    }

    long currentFolder(long address, long length) {
        OpenedName name = thread.process().folder().name();
        if (name != null && name.isRemoved()) {
            return LinuxErrno.ENOENT;
        }
        byte[] path = GuestText.bytes(thread.process().folder().path() + '\0');
        if (Long.compareUnsigned(path.length, length) > 0) {
            return LinuxErrno.ERANGE;
        }
        memory.put(address, path);
        return path.length;
    }
}
