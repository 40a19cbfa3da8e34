// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.OwnerRights;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.file.ResolvedPath.LastName;
import dev.samara.emulator.linux.process.GuestThread;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Returns the errors of Linux for changes of names and attributes in {@code /proc}, which supports no such changes, and
 * of the emulator's devices. A process owns its entry in {@code /proc}; user 0 owns the rest.
 */
final class EmulatedChanges {
    private static final String MOUNTED = "/proc";
    private static final String BELOW = MOUNTED + "/";
    private static final String SELF = BELOW + "self/";
    private static final Pattern OF_PROCESS = Pattern.compile("/proc/(self|[1-9][0-9]*)/.*", Pattern.DOTALL);
    private static final Pattern PROCESS = Pattern.compile("/proc/(self|[1-9][0-9]*)(/task/[1-9][0-9]*)?");
    private static final Pattern DESCRIPTORS = Pattern.compile("/proc/(self|[1-9][0-9]*)(/task/[1-9][0-9]*)?/fd");
    private static final Pattern OF_DESCRIPTOR = Pattern.compile("/proc/[^/]*/(task/[^/]*/)?fd/.*", Pattern.DOTALL);

    private final GuestThread thread;
    private final PathCalls paths;

    EmulatedChanges(GuestThread thread, PathCalls paths) {
        this.thread = thread;
        this.paths = paths;
    }

    /** Returns the status of a file of the emulator; null for a host file, or if nothing exists there. */
    private @Nullable FileStatus status(ResolvedPath place) {
        return paths.ofEmulatorsName(place);
    }

    /** Returns whether the directory that contains a name, or will contain it, belongs to {@code /proc}. */
    private static boolean isInside(ResolvedPath place) {
        return place.guest().startsWith(BELOW) || (place.guest().equals(MOUNTED) && place.last() != LastName.NORMAL);
    }

    private static boolean isMount(ResolvedPath place) {
        return place.guest().equals(MOUNTED) && place.last() == LastName.NORMAL;
    }

    private boolean isPrivileged() {
        return thread.credentials().isPrivileged();
    }

    /** Returns whether a name exists, as a host file or as a file of the emulator. */
    boolean exists(ResolvedPath place) {
        return place.exists() || status(place) != null;
    }

    /** Returns the error of looking up the source of a rename or link; 0 if there is none. */
    long lookupError(ResolvedPath place) {
        FileStatus found = paths.ofEmulator(place, false);
        if (found == null) {
            return place.exists() ? 0 : LinuxErrno.ENOENT;
        }
        return place.isFolderNamed() && !found.isFolder() ? LinuxErrno.ENOTDIR : 0;
    }

    /** Returns the error of removing a name of the emulator ({@code may_delete}); 0 for a name of the host. */
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
        if (isOfProcess(place.guest())) {
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
     * Returns the error of a rename that involves the emulator's names ({@code do_renameat2}); 0 if there is none.
     *
     * @param isNew whether the new name must not exist
     */
    long renameError(ResolvedPath moved, ResolvedPath target, boolean isNew) {
        if (isInside(moved) != isInside(target) || isDevice(moved) != isDevice(target)) {
            return LinuxErrno.EXDEV;
        }
        if (isDevice(moved)) {
            boolean isFolderNamed = moved.isFolderNamed() || target.isFolderNamed();
            return isNew ? LinuxErrno.EEXIST : isFolderNamed ? LinuxErrno.ENOTDIR : removalError(moved, false);
        }
        if (moved.last() != LastName.NORMAL || target.last() != LastName.NORMAL) {
            return 0;
        }
        if (isInside(moved)) {
            FileStatus found = status(moved);
            if (found == null || status(target) == null) {
                return LinuxErrno.ENOENT;
            }
            if (isNew) {
                return LinuxErrno.EEXIST;
            }
            boolean isFolderNamed = moved.isFolderNamed() || target.isFolderNamed();
            if (isFolderNamed && !found.isFolder()) {
                return LinuxErrno.ENOTDIR;
            }
            long nested = nestingError(moved, target);
            if (nested != 0) {
                return nested;
            }
            // On Linux a descriptor's link passes the check for removal, so the check of the target determines the
            // error. No such rename succeeds.
            boolean isRemovable = OF_DESCRIPTOR.matcher(moved.guest()).matches();
            return removalError(isRemovable ? target : moved, found.isFolder());
        }
        if (isMount(target)) {
            return isNew ? LinuxErrno.EEXIST : replacementError(moved, target);
        }
        if (isMount(moved)) {
            if (isNew && exists(target)) {
                return LinuxErrno.EEXIST;
            }
            // A directory that moves to another parent must be writable.
            boolean isMoved = target.guest().lastIndexOf('/') > 0;
            return isMoved && !isPrivileged() ? LinuxErrno.EACCES : LinuxErrno.EBUSY;
        }
        return 0;
    }

    /** Returns the error of a rename if one of the two names is above the other; 0 if neither is. */
    private long nestingError(ResolvedPath moved, ResolvedPath target) {
        String from = ofNumber(moved) + "/";
        String to = ofNumber(target) + "/";
        if (from.equals(to)) {
            return 0;
        }
        return to.startsWith(from) ? LinuxErrno.EINVAL : from.startsWith(to) ? LinuxErrno.ENOTEMPTY : 0;
    }

    /** Returns a path in which {@code /proc/self} is replaced with the directory of the calling process. */
    private String ofNumber(ResolvedPath place) {
        String guest = place.guest();
        return guest.startsWith(SELF) ? BELOW + thread.process().pid() + guest.substring(SELF.length() - 1) : guest;
    }

    /**
     * Returns whether two names are the same name of the emulator, so that a rename changes nothing ({@code
     * vfs_rename}).
     */
    boolean isSame(ResolvedPath moved, ResolvedPath target, boolean isNew) {
        FileStatus found = status(moved);
        boolean areNames = moved.last() == LastName.NORMAL && target.last() == LastName.NORMAL;
        boolean isFolderNamed = moved.isFolderNamed() || target.isFolderNamed();
        return areNames
                && !isNew
                && moved.guest().equals(target.guest())
                && found != null
                && (found.isFolder() || !isFolderNamed);
    }

    /** Returns the error of replacing the mounted file system. */
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
     * Returns whether a thread has the rights of an open file's owner ({@code inode_owner_or_capable}). User 0 owns
     * devices, the system's files in {@code /proc}, and anonymous inodes.
     */
    static boolean isOwner(GuestThread thread, GuestFile file) {
        return thread.credentials().isPrivileged() || !isOfUserZero(file);
    }

    /** Returns whether user 0 owns an open file. */
    static boolean isOfUserZero(GuestFile file) {
        return file.isAnonymous() || (file.hasPath() && isOfUserZero(file.path(), file.status()));
    }

    /** Returns whether user 0 owns the file of a path, which must not be a descriptor's link. */
    static boolean isOfUserZero(String guest, FileStatus found) {
        boolean isOfGuest = isOfProcess(guest) || (isProcess(guest) && !found.isLink());
        return found.isEmulated() && !isOfGuest;
    }

    /** Returns whether a path is the directory of a process or thread in {@code /proc}, which is immutable. */
    static boolean isProcess(String guest) {
        return PROCESS.matcher(guest).matches();
    }

    /**
     * Checks access to a directory of the emulator for which the mode alone does not decide. A process may always
     * access its own {@code fd} directory ({@code proc_fd_permission}), and nobody may write to an immutable directory.
     *
     * @param guest the path of the file
     * @param found its status
     * @param otherwise the result if only the mode decides
     */
    long access(String guest, FileStatus found, int rights, long otherwise) {
        if (!found.isFolder() || !found.isEmulated()) {
            return otherwise;
        }
        if ((rights & OwnerRights.WRITE) != 0 && isProcess(guest)) {
            return LinuxErrno.EPERM;
        }
        Matcher descriptors = DESCRIPTORS.matcher(guest);
        boolean isOwn = descriptors.matches()
                && (descriptors.group(1).equals("self")
                        || descriptors
                                .group(1)
                                .equals(String.valueOf(thread.process().pid())));
        return isOwn ? 0 : otherwise;
    }

    /** Returns whether a path is below the directory of a process in {@code /proc}. The guest owns these files. */
    static boolean isOfProcess(String guest) {
        return OF_PROCESS.matcher(guest).matches();
    }
}
