// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.EmulatedLinks;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.LinkPlace;
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

/**
 * Resolves paths, and implements the calls that take the path of a directory or link, or that truncate a file by its
 * path.
 */
final class PathCalls {
    static final int CURRENT_FOLDER = -100;

    /** Stands for a path whose bytes cannot be read. No path contains null characters. */
    private static final String UNREADABLE = "\0\0";

    private static final int EMPTY_PATH = 0x1000;

    private final GuestThread thread;
    private final CallMemory memory;

    PathCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    private GuestNames names() {
        return thread.process().system().names();
    }

    /**
     * The directory at which a relative path starts.
     *
     * @param path its path
     * @param name its name on the host; null for a directory of the emulator
     */
    private record StartFolder(String path, @Nullable OpenedName name) {}

    /** Returns the directory at which a relative path starts; null if the descriptor is not a directory. */
    private @Nullable StartFolder folder(long descriptor) {
        if ((int) descriptor == CURRENT_FOLDER) {
            OpenedName name = thread.process().folder().name();
            return new StartFolder(thread.process().folder().path(), name);
        }
        GuestFile found = thread.file(descriptor);
        return found instanceof GuestFolder ? new StartFolder(found.path(), found.openedName()) : null;
    }

    /**
     * Returns the second path of a call, in the form that {@link #place} accepts. If the path cannot be read, this
     * error is reported only when it is resolved, after the errors of the first path.
     */
    String secondName(long address) {
        try {
            return name(address);
        } catch (BadAddress unreadable) {
            return UNREADABLE;
        }
    }

    /** Returns the path at an address, in the form that {@link #place} accepts. */
    String name(long address) {
        return memory.string(address, CallMemory.MOST_PATH);
    }

    /**
     * Resolves the path of a file to look up. The caller holds the monitor of {@link GuestNames}, and keeps it while it
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
     * Resolves a path as {@link #place} does. If the call's flags permit an empty path, an empty path at {@link
     * #CURRENT_FOLDER} is the current directory. It need not be searchable, because nothing is looked up in it.
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

    /**
     * Resolves the path of a name to create, remove or rename. The caller holds the monitor of {@link GuestNames}, as
     * for {@link #place}.
     */
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

    /**
     * Returns the path of an open file. If the file no longer has a known name, the result is ENOENT, or for a
     * directory, the removed directory.
     */
    ResolvedPath placeOf(GuestFile file) {
        OpenedName opened = file.openedName();
        String path = opened == null ? file.path() : opened.currentPath();
        if (opened == null || path != null) {
            return root().resolve("/", path == null ? file.path() : path, false);
        }
        return file instanceof GuestFolder ? ResolvedPath.ofRemoved(opened) : ResolvedPath.failed(LinuxErrno.ENOENT);
    }

    /** Resolves a path from a directory or from a removed directory. */
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

    /** Returns the checks of the guest's permissions for host files. */
    OwnerRights rights() {
        return thread.process().system().rights();
    }

    private GuestRoot root() {
        return thread.process().system().root();
    }

    /** The part of a call that uses a path of the host. */
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

    /** Returns the status of a file of the emulator; null for a host file. */
    @Nullable
    FileStatus ofEmulator(ResolvedPath place, boolean follows) {
        if (place.error() != 0) {
            return null;
        }
        FileStatus link = follows || !place.isName() ? null : ProcFiles.linkStatus(thread, place.guest());
        return link != null ? link : ofEmulator(place.guest());
    }

    /** Returns the status of a name of the emulator without following a link; null for a host file. */
    @Nullable
    FileStatus ofEmulatorsName(ResolvedPath place) {
        FileStatus link = ProcFiles.linkStatus(thread, place.guest());
        return link != null ? link : ofEmulator(place.guest());
    }

    /** Returns the open file of a path that is a descriptor's link in {@code /proc}; null for any other path. */
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

    /**
     * Returns whether a call applies to the file of its descriptor, because the path is empty and the flags permit
     * that.
     */
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
            // The kind of the file is checked before the permissions (vfs_truncate).
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

    /** Returns the error if the kind of a file cannot be truncated by any user; 0 for a regular file. */
    private static long truncationError(FileCalls.FoundFile found) {
        GuestFile place = found.file();
        if (place == null) {
            return found.error();
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
            // The same error as for the path of a directory of /proc.
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
