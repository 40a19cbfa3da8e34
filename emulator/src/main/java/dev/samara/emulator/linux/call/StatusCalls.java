// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.OwnerRights;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import java.nio.file.Files;
import java.nio.file.Path;

/** The calls that return the status of a file, or check access to it, by a path or by a descriptor. */
final class StatusCalls {
    private static final int NO_FOLLOW = 0x100;
    private static final int EMPTY_PATH = 0x1000;
    private static final int EFFECTIVE_RIGHTS = 0x200;
    private static final int ALL_RIGHTS = 7;

    /** {@code AT_STATX_FORCE_SYNC} and {@code AT_STATX_DONT_SYNC}, of which at most one may be set. */
    private static final int BOTH_SYNCS = 0x6000;

    private static final int NO_AUTOMOUNT = 0x800;
    private static final int STATUS_FLAGS = NO_FOLLOW | NO_AUTOMOUNT | EMPTY_PATH | BOTH_SYNCS;
    private static final long RESERVED_MASK = 0x8000_0000L;

    private final GuestThread thread;
    private final PathCalls paths;
    private final EmulatedChanges emulated;
    private final CallMemory memory;

    /** Its monitor guards names. */
    private final GuestNames names;

    StatusCalls(GuestThread thread, PathCalls paths) {
        this.thread = thread;
        this.paths = paths;
        emulated = new EmulatedChanges(thread, paths);
        memory = thread.memory();
        names = thread.process().system().names();
    }

    /** A status, and the user who owns the file. */
    private record FoundStatus(FileStatus status, int user) {}

    private FoundStatus of(FileStatus status, boolean isOfUserZero) {
        return new FoundStatus(
                status, isOfUserZero ? 0 : thread.process().system().fileOwner());
    }

    private FoundStatus of(GuestFile file) {
        return of(file.status(), EmulatedChanges.isOfUserZero(file));
    }

    private boolean isEmpty(long address) {
        return address == 0 || paths.name(address).isEmpty();
    }

    long stat(long descriptor, long path, long address, long flags) {
        FoundStatus[] found = new FoundStatus[1];
        long result = find(descriptor, path, flags, found);
        if (result == 0) {
            memory.put(address, found[0].status.bytes(found[0].user));
        }
        return result;
    }

    long extendedStat(long descriptor, long path, long flags, long mask, long address) {
        boolean hasBothSyncs = (flags & BOTH_SYNCS) == BOTH_SYNCS;
        if (hasBothSyncs || (mask & RESERVED_MASK) != 0) {
            return LinuxErrno.EINVAL;
        }
        FoundStatus[] found = new FoundStatus[1];
        long result = find(descriptor, path, flags, found);
        if (result == 0) {
            memory.put(address, found[0].status.extendedBytes(found[0].user, (int) mask));
        }
        return result;
    }

    private long find(long descriptor, long path, long flags, FoundStatus[] found) {
        boolean isOpen = (flags & EMPTY_PATH) != 0 && (int) descriptor >= 0;
        if (isOpen && (path == 0 || paths.secondName(path).isEmpty())) {
            // Checked before the other flags (getname_maybe_null).
            return statOf(descriptor, found);
        }
        if (((int) flags & ~STATUS_FLAGS) != 0) {
            return LinuxErrno.EINVAL;
        }
        boolean follows = (flags & NO_FOLLOW) == 0;
        String given = (flags & EMPTY_PATH) != 0 && isEmpty(path) ? "" : paths.name(path);
        synchronized (names) {
            ResolvedPath place = paths.placeBy(flags, descriptor, given, follows);
            OpenedName removed = place.removed();
            FileStatus special = removed != null ? removed.status() : paths.ofEmulator(place, follows);
            if (special != null) {
                GuestFile open = follows && removed == null ? paths.descriptor(place) : null;
                found[0] = open != null ? of(open) : of(special, EmulatedChanges.isOfUserZero(place.guest(), special));
                return place.isFolderNamed() && !special.isFolder() ? LinuxErrno.ENOTDIR : 0;
            }
            return PathCalls.onHost(place, host -> {
                found[0] = of(FileStatus.of(host, follows), false);
                return 0;
            });
        }
    }

    long statOf(long descriptor, long address) {
        FoundStatus[] found = new FoundStatus[1];
        long result = statOf(descriptor, found);
        if (result == 0) {
            memory.put(address, found[0].status.bytes(found[0].user));
        }
        return result;
    }

    private long statOf(long descriptor, FoundStatus[] found) {
        GuestFile file = thread.file(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        found[0] = of(file);
        return 0;
    }

    /** {@code faccessat2}, and {@code faccessat}, which has no flags. */
    long access(long descriptor, long path, long rights, long flags) {
        boolean isWrong =
                ((int) rights & ~ALL_RIGHTS) != 0 || ((int) flags & ~(EFFECTIVE_RIGHTS | NO_FOLLOW | EMPTY_PATH)) != 0;
        if (isWrong) {
            return LinuxErrno.EINVAL;
        }
        // A null pointer is EFAULT here. For stat it is an empty path.
        String name = paths.name(path);
        if (PathCalls.isOfDescriptor(flags, descriptor, name)) {
            return accessOf(descriptor, (int) rights);
        }
        boolean follows = (flags & NO_FOLLOW) == 0;
        synchronized (names) {
            ResolvedPath place = paths.placeBy(flags, descriptor, name, follows);
            FileStatus special = paths.ofEmulator(place, follows);
            if (special != null) {
                GuestFile open = follows ? paths.descriptor(place) : null;
                boolean isAnonymous = open != null && open.isAnonymous();
                return place.isFolderNamed() && !special.isFolder()
                        ? LinuxErrno.ENOTDIR
                        : emulated.access(
                                place.guest(), special, (int) rights, access(special, isAnonymous, (int) rights));
            }
            OpenedName removed = place.removed();
            if (removed != null) {
                return access(removed.status(), false, (int) rights);
            }
            return PathCalls.onHost(place, host -> {
                long result = access(host, rights);
                return result == 0 && place.isFixed() && (rights & 2) != 0 ? LinuxErrno.EROFS : result;
            });
        }
    }

    /** Returns 0 or EACCES for a file that has no path on the host ({@code generic_permission}). */
    private long access(FileStatus file, boolean isAnonymous, int rights) {
        if (thread.credentials().isPrivileged()) {
            // User 0 may search each directory. It may not execute an anonymous inode, or a file that nobody may
            // execute.
            boolean isProgram = file.isExecutable() && !isAnonymous;
            boolean isRefused = (rights & OwnerRights.EXECUTE) != 0 && !file.isFolder() && !isProgram;
            return isRefused ? LinuxErrno.EACCES : 0;
        }
        return rights == 0 || (!isAnonymous && file.allows(rights)) ? 0 : LinuxErrno.EACCES;
    }

    private long accessOf(long descriptor, int rights) {
        GuestFile file = thread.file(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        synchronized (names) {
            OpenedName opened = file.openedName();
            Path host = opened == null ? null : opened.host();
            if (host != null) {
                return access(host, rights);
            }
            FileStatus found = file.status();
            return emulated.access(file.path(), found, rights, access(found, file.isAnonymous(), rights));
        }
    }

    private long access(Path host, long rights) {
        if (Files.isSymbolicLink(host)) {
            // The link is not followed, and a link permits all access.
            return 0;
        }
        if (!Files.exists(host)) {
            return LinuxErrno.ENOENT;
        }
        if (paths.rights().check(host, (int) rights) != 0) {
            return LinuxErrno.EACCES;
        }
        boolean isAllowed = ((rights & 4) == 0 || Files.isReadable(host))
                && ((rights & 2) == 0 || Files.isWritable(host))
                && ((rights & 1) == 0 || Files.isExecutable(host));
        return isAllowed ? 0 : LinuxErrno.EACCES;
    }
}
