// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.file.FileStatus;
import dev.samara.examples.riscv.linux.file.ResolvedPath;
import dev.samara.examples.riscv.linux.file.ResolvedPath.LastName;
import dev.samara.examples.riscv.linux.process.GuestThread;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What Linux answers to changes of names and attributes in {@code /proc}, a file system without such changes, and of
 * the devices of the emulator. A process owns its entry in {@code /proc}; user 0 owns the rest.
 */
final class EmulatedChanges {
    private static final String MOUNTED = "/proc";
    private static final String BELOW = MOUNTED + "/";
    private static final Pattern OF_PROCESS = Pattern.compile("/proc/(self|[1-9][0-9]*)/.*", Pattern.DOTALL);
    private static final Pattern OF_DESCRIPTOR = Pattern.compile("/proc/[^/]*/(task/[^/]*/)?fd/.*", Pattern.DOTALL);

    private final GuestThread thread;
    private final PathCalls paths;

    EmulatedChanges(GuestThread thread, PathCalls paths) {
        this.thread = thread;
        this.paths = paths;
    }

    /** Returns the status of what a path names, which is not the host's; null if it is, or there is nothing. */
    private @Nullable FileStatus status(ResolvedPath place) {
        return paths.ofEmulatorsName(place);
    }

    /** Returns whether the folder that has a name, or is to have it, is one of the file system. */
    private static boolean isInside(ResolvedPath place) {
        return place.guest().startsWith(BELOW) || (place.guest().equals(MOUNTED) && place.last() != LastName.NORMAL);
    }

    private static boolean isMount(ResolvedPath place) {
        return place.guest().equals(MOUNTED) && place.last() == LastName.NORMAL;
    }

    private boolean isPrivileged() {
        return thread.credentials().isPrivileged();
    }

    /** Returns whether a name exists, as a file of the host or of the emulator. */
    boolean exists(ResolvedPath place) {
        return place.exists() || status(place) != null;
    }

    /** Returns why what a path names cannot be looked up, to get another name; 0 if nothing is known against it. */
    long lookupError(ResolvedPath place) {
        FileStatus found = paths.ofEmulator(place, false);
        if (found == null) {
            return place.exists() ? 0 : LinuxErrno.ENOENT;
        }
        return place.isFolderNamed() && !found.isFolder() ? LinuxErrno.ENOTDIR : 0;
    }

    /** Returns why a name of the emulator cannot be removed ({@code may_delete}); 0 for other names. */
    long removalError(ResolvedPath place, boolean removesFolder) {
        FileStatus found = status(place);
        if (found == null) {
            return 0;
        }
        if (isMount(place)) {
            return removesFolder ? LinuxErrno.EBUSY : LinuxErrno.EISDIR;
        }
        if (place.isFolderNamed() && !removesFolder) {
            return found.isFolder() ? LinuxErrno.EISDIR : LinuxErrno.ENOTDIR;
        }
        if (OF_PROCESS.matcher(place.guest()).matches()) {
            boolean isLink = OF_DESCRIPTOR.matcher(place.guest()).matches();
            return isLink && removesFolder ? LinuxErrno.ENOTDIR : LinuxErrno.EPERM;
        }
        if (!isPrivileged() || place.guest().startsWith("/proc/sys/")) {
            return LinuxErrno.EACCES;
        }
        boolean isOtherKind = found.isFolder() != removesFolder;
        return !isOtherKind ? LinuxErrno.EPERM : removesFolder ? LinuxErrno.ENOTDIR : LinuxErrno.EISDIR;
    }

    /**
     * Returns why a rename that has to do with the emulator is refused ({@code do_renameat2}); 0 for others.
     *
     * @param isNew whether the new name must not exist
     */
    long renameError(ResolvedPath moved, ResolvedPath target, boolean isNew) {
        if (isInside(moved) != isInside(target) || isDevice(moved) || isDevice(target)) {
            return LinuxErrno.EXDEV;
        }
        if (moved.last() != LastName.NORMAL || target.last() != LastName.NORMAL) {
            return 0;
        }
        if (isInside(moved)) {
            if (status(moved) == null || status(target) == null) {
                return LinuxErrno.ENOENT;
            }
            return isNew ? LinuxErrno.EEXIST : removalError(moved, false);
        }
        if (isMount(target)) {
            return isNew ? LinuxErrno.EEXIST : replacementError(moved, target);
        }
        if (isMount(moved)) {
            if (isNew && exists(target)) {
                return LinuxErrno.EEXIST;
            }
            // A folder that gets another parent has to be writable.
            boolean isMoved = target.guest().lastIndexOf('/') > 0;
            return isMoved && !isPrivileged() ? LinuxErrno.EACCES : LinuxErrno.EBUSY;
        }
        return 0;
    }

    /** Returns why nothing can take the place of the mounted file system. */
    private static long replacementError(ResolvedPath moved, ResolvedPath target) {
        if (!moved.exists()) {
            return LinuxErrno.ENOENT;
        }
        if (moved.isFolder()) {
            return LinuxErrno.EBUSY;
        }
        return moved.isFolderNamed() || target.isFolderNamed() ? LinuxErrno.ENOTDIR : LinuxErrno.EISDIR;
    }

    private boolean isDevice(ResolvedPath place) {
        return place.guest().startsWith("/dev/") && place.last() == LastName.NORMAL && status(place) != null;
    }

    /**
     * Returns what a change of the mode, the owner or the times of a path answers if that is the emulator's; 1 for
     * other paths.
     *
     * @param byOwner what it answers where the guest owns the file
     */
    long attributeError(ResolvedPath place, long byOwner) {
        FileStatus found = paths.ofEmulator(place, true);
        if (found == null) {
            return 1;
        }
        if (place.isFolderNamed() && !found.isFolder()) {
            return LinuxErrno.ENOTDIR;
        }
        if (paths.isDescriptor(place)) {
            // Nothing of theirs is stored.
            return 0;
        }
        return OF_PROCESS.matcher(place.guest()).matches() ? byOwner : LinuxErrno.EPERM;
    }
}
