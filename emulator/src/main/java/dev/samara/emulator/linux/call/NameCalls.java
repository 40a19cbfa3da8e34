// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import java.nio.file.Files;

/**
 * The calls that create, remove and change names. Each resolves its paths and changes the names under the monitor of
 * {@link GuestNames}. The names of the emulator's files cannot be changed.
 */
final class NameCalls {
    private static final int REMOVE_FOLDER = 0x200;
    private static final int FOLLOW = 0x400;
    private static final int NO_REPLACE = 1;

    private final GuestThread thread;
    private final PathCalls paths;

    NameCalls(GuestThread thread, PathCalls paths) {
        this.thread = thread;
        this.paths = paths;
    }

    private GuestNames names() {
        return paths.names();
    }

    /** Returns why a name cannot be changed: its path, the emulator's files, or the program outside of the root. */
    private long refusal(ResolvedPath place, long ofFixed) {
        if (place.error() != 0) {
            return place.error();
        }
        if (paths.ofEmulator(place, false) != null) {
            return LinuxErrno.EPERM;
        }
        return place.isFixed() ? ofFixed : 0;
    }

    private long make(ResolvedPath place, boolean isFolder, PathCalls.HostCall call) {
        if (place.error() != 0) {
            return place.error();
        }
        if (!place.isNormal() || place.exists() || paths.ofEmulator(place, false) != null) {
            return LinuxErrno.EEXIST;
        }
        return place.isFolderNamed() && !isFolder ? LinuxErrno.ENOENT : PathCalls.onHost(place, call);
    }

    private long make(long descriptor, long path, boolean isFolder, PathCalls.HostCall call) {
        String name = paths.name(path);
        synchronized (names()) {
            return make(paths.placeOfName(descriptor, name), isFolder, call);
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
        String name = paths.name(from);
        String newName = paths.secondName(to);
        synchronized (names()) {
            ResolvedPath linked = paths.place(fromFolder, name, (flags & FOLLOW) != 0);
            long refused = refusal(linked, LinuxErrno.EXDEV);
            if (refused != 0) {
                return refused;
            }
            if (!linked.exists() || linked.isFolder()) {
                return linked.exists() ? LinuxErrno.EPERM : LinuxErrno.ENOENT;
            }
            return make(
                    paths.placeOfName(toFolder, newName),
                    false,
                    end -> PathCalls.onHost(linked, host -> {
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
        String name = paths.name(path);
        synchronized (names()) {
            ResolvedPath place = paths.placeOfName(descriptor, name);
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
                    : PathCalls.onHost(place, host -> {
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
        String name = paths.name(from);
        String newName = paths.secondName(to);
        synchronized (names()) {
            ResolvedPath moved = paths.placeOfName(fromFolder, name);
            long refused = refusal(moved, LinuxErrno.EXDEV);
            if (refused != 0) {
                return refused;
            }
            ResolvedPath target = paths.placeOfName(toFolder, newName);
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
            return PathCalls.onHost(
                    target,
                    end -> PathCalls.onHost(moved, host -> {
                        names().move(host, moved.guest(), end, target.guest());
                        return 0;
                    }));
        }
    }
}
