// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.OwnerRights;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.file.ResolvedPath.LastName;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The calls that create, remove and rename directory entries ({@code fs/namei.c}). Each of them rejects the root,
 * {@code .} and {@code ..} with the errno of Linux, so a guest cannot remove or replace its root.
 */
final class NameCalls {
    private static final int REMOVE_FOLDER = 0x200;
    private static final int FOLLOW = 0x400;
    private static final int EMPTY_PATH = 0x1000;
    private static final int NO_REPLACE = 1;
    private static final int RIGHTS = 0777;
    private static final int STICKY = 01000;
    private static final int ALL_BITS = 07777;
    private static final int MOST_NAME = 255;
    private static final int SOCKET = 0140000;
    private static final int DEVICE_OF_BLOCKS = 0060000;

    private final GuestThread thread;
    private final PathCalls paths;
    private final EmulatedChanges emulated;

    NameCalls(GuestThread thread) {
        this.thread = thread;
        paths = new PathCalls(thread);
        emulated = new EmulatedChanges(thread, paths);
    }

    private GuestNames names() {
        return thread.process().system().names();
    }

    private int allowed(long mode) {
        return (int) mode & RIGHTS & ~thread.process().folder().umask();
    }

    private static boolean isThere(Path host) {
        return Files.exists(host, LinkOption.NOFOLLOW_LINKS);
    }

    private static boolean isFolder(Path host) {
        return Files.isDirectory(host, LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Creates a file at a name that does not exist yet ({@code filename_create}). The caller holds the monitor of
     * {@link GuestNames}.
     */
    private long make(ResolvedPath place, boolean isFolder, PathCalls.HostCall call) {
        if (place.nameError() != 0) {
            return place.nameError();
        }
        if (place.last() != LastName.NORMAL || emulated.exists(place)) {
            return LinuxErrno.EEXIST;
        }
        if (place.isFolderNamed() && !isFolder) {
            return LinuxErrno.ENOENT;
        }
        long refused = paths.rights().checkFolderOf(place.host());
        return refused != 0 ? refused : PathCalls.onHost(place, call);
    }

    private long make(long descriptor, long path, boolean isFolder, PathCalls.HostCall call) {
        String name = paths.name(path);
        synchronized (names()) {
            return make(paths.placeOfName(descriptor, name), isFolder, call);
        }
    }

    long makeFolder(long descriptor, long path, long mode) {
        return make(descriptor, path, true, host -> {
            names().makeFolder(host, allowed(mode) | ((int) mode & STICKY));
            return 0;
        });
    }

    /**
     * Creates a regular file. The guest's user may not create devices, and named pipes and sockets are not supported,
     * as on some file systems of Linux.
     */
    long makeFile(long descriptor, long path, long mode) {
        int type = (int) mode & FileStatus.TYPE;
        switch (type) {
            case 0, FileStatus.REGULAR, FileStatus.FIFO, FileStatus.CHARACTERS, DEVICE_OF_BLOCKS, SOCKET -> {}
            case FileStatus.FOLDER -> {
                return LinuxErrno.EPERM;
            }
            default -> {
                return LinuxErrno.EINVAL;
            }
        }
        int bits = (int) mode & ALL_BITS & ~thread.process().folder().umask();
        return make(descriptor, path, false, host -> {
            if (type != 0 && type != FileStatus.REGULAR) {
                return LinuxErrno.EPERM;
            }
            names().makePlain(host, bits);
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
        if (((int) flags & ~(FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(from);
        String newName = paths.secondName(to);
        synchronized (names()) {
            boolean isOfDescriptor = PathCalls.isOfDescriptor(flags, fromFolder, name);
            boolean follows = (flags & FOLLOW) != 0;
            ResolvedPath found = isOfDescriptor ? null : paths.placeBy(flags, fromFolder, name, follows);
            GuestFile open = found == null ? thread.file(fromFolder) : follows ? paths.descriptor(found) : null;
            if (found == null && open == null) {
                return LinuxErrno.EBADF;
            }
            if (found == null && !mayLink(open)) {
                return LinuxErrno.ENOENT;
            }
            if (open != null
                    && found != null
                    && found.isFolderNamed()
                    && !open.status().isFolder()) {
                return LinuxErrno.ENOTDIR;
            }
            long refusal = open == null ? 0 : refusalOf(open);
            if (refusal != 0 || (found != null && found.removed() != null)) {
                // Reported after the new name was looked up.
                long late = refusal != 0 ? refusal : LinuxErrno.EPERM;
                return make(paths.placeOfName(toFolder, newName), false, end -> late);
            }
            ResolvedPath linked = open != null ? paths.placeOf(open) : Objects.requireNonNull(found);
            if (linked.error() != 0) {
                return linked.error();
            }
            long missing = emulated.lookupError(linked);
            if (missing != 0) {
                return missing;
            }
            boolean isEmulated = !linked.exists();
            ResolvedPath made = paths.placeOfName(toFolder, newName);
            return make(made, false, end -> {
                if (linked.isFixed() || isEmulated) {
                    return LinuxErrno.EXDEV;
                }
                return PathCalls.onHost(linked, host -> {
                    if (isFolder(host)) {
                        return LinuxErrno.EPERM;
                    }
                    names().link(host, end);
                    names().linked(linked.guest(), made.guest(), end);
                    return 0;
                });
            });
        }
    }

    /**
     * Whether this thread may link a file: it must have the credentials with which the file was opened, or be
     * privileged ({@code path_init}).
     */
    private boolean mayLink(@Nullable GuestFile open) {
        return open == null || thread.credentials().isPrivileged() || open.isOpenedWith(thread.credentials());
    }

    /**
     * Returns the error if an open file cannot get a further name, regardless of the name ({@code vfs_link}); 0
     * otherwise.
     */
    private static long refusalOf(GuestFile open) {
        if (!open.hasPath()) {
            return LinuxErrno.EXDEV;
        }
        OpenedName opened = open.openedName();
        if (opened == null || opened.currentPath() != null) {
            return 0;
        }
        return open instanceof GuestFolder ? LinuxErrno.EPERM : LinuxErrno.ENOENT;
    }

    long unlink(long descriptor, long path, long flags) {
        if (((int) flags & ~REMOVE_FOLDER) != 0) {
            return LinuxErrno.EINVAL;
        }
        boolean removesFolder = (flags & REMOVE_FOLDER) != 0;
        String name = paths.name(path);
        synchronized (names()) {
            ResolvedPath place = paths.placeOfName(descriptor, name);
            long error = place.nameError() != 0 ? place.nameError() : refusal(place, removesFolder);
            long refused = error != 0 ? error : emulated.removalError(place, removesFolder);
            return refused != 0
                    ? refused
                    : PathCalls.onHost(place, host -> {
                        if (!isThere(host)) {
                            return LinuxErrno.ENOENT;
                        }
                        if (place.isFolderNamed() && !removesFolder) {
                            return isFolder(host) ? LinuxErrno.EISDIR : LinuxErrno.ENOTDIR;
                        }
                        long kept = paths.rights().checkFolderOf(host);
                        if (kept != 0) {
                            return kept;
                        }
                        if (isFolder(host) != removesFolder) {
                            return removesFolder ? LinuxErrno.ENOTDIR : LinuxErrno.EISDIR;
                        }
                        FileStatus before = FileStatus.of(host, false);
                        Files.delete(host);
                        names().removed(place.guest(), before);
                        return 0;
                    });
        }
    }

    /** Returns the error if a path cannot be removed, regardless of the file there; 0 otherwise. */
    private static long refusal(ResolvedPath place, boolean removesFolder) {
        if (!removesFolder && place.last() != LastName.NORMAL) {
            return LinuxErrno.EISDIR;
        }
        return switch (place.last()) {
            case ROOT -> LinuxErrno.EBUSY;
            case DOT -> LinuxErrno.EINVAL;
            case DOT_DOT -> LinuxErrno.ENOTEMPTY;
            // The program behaves like a mount point.
            case NORMAL -> place.isFixed() ? LinuxErrno.EBUSY : 0;
        };
    }

    long rename(long fromFolder, long from, long toFolder, long to, long flags) {
        if (((int) flags & ~NO_REPLACE) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(from);
        String newName = paths.secondName(to);
        synchronized (names()) {
            ResolvedPath moved = paths.placeOfName(fromFolder, name);
            // Both directories are looked up before the last names.
            if (moved.nameError() != 0 && !isOfLastName(moved, name)) {
                return moved.error();
            }
            ResolvedPath target = paths.placeOfName(toFolder, newName);
            if (target.nameError() != 0 && !isOfLastName(target, newName)) {
                return target.error();
            }
            boolean isNew = (flags & NO_REPLACE) != 0;
            if (moved.nameError() != 0) {
                boolean isNamed = target.nameError() != 0 || target.last() == LastName.NORMAL;
                return isNamed ? moved.error() : isNew ? LinuxErrno.EEXIST : LinuxErrno.EBUSY;
            }
            if (target.nameError() != 0) {
                Path host = moved.host();
                boolean isNamed = moved.last() == LastName.NORMAL;
                return !isNamed
                        ? LinuxErrno.EBUSY
                        : host == null || !isThere(host) ? LinuxErrno.ENOENT : target.error();
            }
            if (emulated.isSame(moved, target, isNew)) {
                return 0;
            }
            long error = emulated.renameError(moved, target, isNew);
            long refused = error != 0 ? error : refusal(moved, target, isNew);
            return refused != 0
                    ? refused
                    : PathCalls.onHost(
                            target,
                            end -> PathCalls.onHost(moved, host -> {
                                long kept = checkMove(host, end);
                                if (kept != 0) {
                                    return kept;
                                }
                                FileStatus replaced = isThere(end) ? FileStatus.of(end, false) : null;
                                if (names().move(host, end)) {
                                    names().renamed(moved.guest(), target.guest(), replaced);
                                }
                                return 0;
                            }));
        }
    }

    /** Returns the error if the directories of two names do not permit a rename ({@code vfs_rename}); 0 if they do. */
    private long checkMove(Path from, Path to) throws IOException {
        if (from.startsWith(to) || to.startsWith(from)) {
            // If the names are equal, or one is above the other, the error of the move itself has precedence.
            return 0;
        }
        if (isThere(to) && FileStatus.of(from, false).isSame(FileStatus.of(to, false))) {
            // Both names belong to the same file, so both stay, regardless of the directories' permissions.
            return 0;
        }
        long kept = paths.rights().checkFolderOf(from);
        long refused = kept != 0 ? kept : paths.rights().checkFolderOf(to);
        // A directory that moves to another parent must be writable, unless a file that is not a directory already has
        // its new name.
        boolean isReplacing = isThere(to) && !isFolder(to);
        boolean isMoved = isFolder(from) && !isReplacing && !Objects.equals(from.getParent(), to.getParent());
        return refused != 0 || !isMoved ? refused : paths.rights().check(from, OwnerRights.WRITE);
    }

    /**
     * Returns whether a path cannot be resolved only because its last name is too long; the names before it were
     * resolved.
     */
    private static boolean isOfLastName(ResolvedPath place, String path) {
        String names = path.replaceAll("/+$", "");
        int last = names.lastIndexOf('/') + 1;
        return place.error() == LinuxErrno.ENAMETOOLONG
                && path.length() < CallMemory.MOST_PATH
                && names.length() - last > MOST_NAME
                && Stream.of(names.substring(0, last).split("/")).noneMatch(each -> each.length() > MOST_NAME);
    }

    /** Returns the error if a path cannot be renamed ({@code do_renameat2}); 0 otherwise. */
    private static long refusal(ResolvedPath moved, ResolvedPath target, boolean isNew) {
        if (moved.isFixed() || target.isFixed()) {
            return LinuxErrno.EXDEV;
        }
        if (moved.last() != LastName.NORMAL) {
            return LinuxErrno.EBUSY;
        }
        if (target.last() != LastName.NORMAL) {
            return isNew ? LinuxErrno.EEXIST : LinuxErrno.EBUSY;
        }
        Path host = moved.host();
        if (host == null || !isThere(host) || target.host() == null) {
            return LinuxErrno.ENOENT;
        }
        if (isNew && target.exists()) {
            return LinuxErrno.EEXIST;
        }
        boolean isFolderNamed = moved.isFolderNamed() || target.isFolderNamed();
        return isFolderNamed && !isFolder(host) ? LinuxErrno.ENOTDIR : 0;
    }
}
