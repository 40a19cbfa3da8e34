// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.file.GuestFile;
import dev.samara.examples.riscv.linux.file.HostRights;
import dev.samara.examples.riscv.linux.file.MemoryDescriptor;
import dev.samara.examples.riscv.linux.file.NamedPipes;
import dev.samara.examples.riscv.linux.file.OpenFlags;
import dev.samara.examples.riscv.linux.file.OpenedName;
import dev.samara.examples.riscv.linux.file.ResolvedPath;
import dev.samara.examples.riscv.linux.memory.CallMemory;
import dev.samara.examples.riscv.linux.process.GuestThread;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The calls that change mode, owner and times of a file, by its path or by a descriptor. */
final class AttributeCalls {
    private static final int NO_FOLLOW = 0x100;
    private static final int EMPTY_PATH = 0x1000;
    private static final long NOW = 0x3fff_ffff;
    private static final long OMIT = 0x3fff_fffe;

    private final GuestThread thread;
    private final CallMemory memory;
    private final PathCalls paths;
    private final EmulatedChanges emulated;

    AttributeCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
        paths = new PathCalls(thread);
        emulated = new EmulatedChanges(thread, paths);
    }

    private NamedPipes names() {
        return thread.process().system().namedPipes();
    }

    /**
     * Makes a call that changes the file of a path, while no thread of the guest changes names.
     *
     * @param byOwner what the call answers for a file of the emulator that the guest owns
     */
    private long change(long descriptor, String name, boolean follows, long byOwner, PathCalls.HostCall call) {
        synchronized (names()) {
            ResolvedPath place = paths.place(descriptor, name, follows);
            long refused = place.error() != 0 ? 1 : emulated.attributeError(place, byOwner);
            if (refused <= 0) {
                return refused;
            }
            if (place.error() != 0 || !place.exists()) {
                return place.error() != 0 ? place.error() : LinuxErrno.ENOENT;
            }
            return place.isFixed() ? LinuxErrno.EROFS : PathCalls.onHost(place, call);
        }
    }

    /**
     * Makes a call that changes the file of a descriptor, by the name that it was opened by.
     *
     * @param isPath whether it stands for a path ({@code AT_EMPTY_PATH}), as that of a file that is no more than that
     */
    private long changeOpen(long descriptor, boolean isPath, PathCalls.HostCall call) {
        GuestFile file = thread.file(descriptor);
        if (file == null || (!isPath && (file.flags() & OpenFlags.PATH) != 0)) {
            return LinuxErrno.EBADF;
        }
        OpenedName opened = file.openedName();
        if (opened == null) {
            // The attributes of a pipe or a device are not stored.
            return 0;
        }
        synchronized (names()) {
            Path host = opened.host();
            if (host == null) {
                // The JDK cannot change an unlinked file.
                return LinuxErrno.EOPNOTSUPP;
            }
            try {
                return opened.isFixed() ? LinuxErrno.EROFS : call.call(host);
            } catch (IOException e) {
                return LinuxErrno.of(e);
            }
        }
    }

    long changeMode(long descriptor, long path, long mode) {
        return changeMode(descriptor, paths.name(path), true, mode);
    }

    private long changeMode(long descriptor, String path, boolean follows, long mode) {
        return change(descriptor, path, follows, LinuxErrno.EPERM, host -> changeMode(host, mode));
    }

    /** {@code fchmodat2}. */
    long changeModeBy(long descriptor, long path, long mode, long flags) {
        if ((flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(path);
        boolean isOfDescriptor = (flags & EMPTY_PATH) != 0 && name.isEmpty();
        if (isOfDescriptor && (int) descriptor != PathCalls.CURRENT_FOLDER) {
            return changeModeOf(descriptor, true, mode);
        }
        return changeMode(descriptor, isOfDescriptor ? "." : name, (flags & NO_FOLLOW) == 0, mode);
    }

    long changeModeOf(long descriptor, boolean isPath, long mode) {
        return thread.file(descriptor) instanceof MemoryDescriptor file
                ? file.file().changeMode((int) mode)
                : changeOpen(descriptor, isPath, host -> changeMode(host, mode));
    }

    private static long changeMode(Path host, long mode) throws IOException {
        if (Files.isSymbolicLink(host)) {
            // A path that is followed leads to no link.
            return LinuxErrno.EOPNOTSUPP;
        }
        HostRights.set(host, (int) mode);
        return 0;
    }

    /** Returns the errno for new owners: there is one user, to which each file may be given. */
    private long owners(long user, long group) {
        int own = thread.process().system().fileOwner();
        boolean isOwn = ((int) user == -1 || (int) user == own) && ((int) group == -1 || (int) group == own);
        return isOwn ? 0 : LinuxErrno.EPERM;
    }

    long changeOwner(long descriptor, long path, long user, long group, long flags) {
        if ((flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String given = paths.name(path);
        boolean isOfDescriptor = (flags & EMPTY_PATH) != 0 && given.isEmpty();
        if (isOfDescriptor && (int) descriptor != PathCalls.CURRENT_FOLDER) {
            return thread.file(descriptor) == null ? LinuxErrno.EBADF : owners(user, group);
        }
        String name = isOfDescriptor ? "." : given;
        boolean follows = (flags & NO_FOLLOW) == 0;
        return change(descriptor, name, follows, owners(user, group), host -> owners(user, group));
    }

    long changeOwnerOf(long descriptor, long user, long group) {
        GuestFile file = thread.file(descriptor);
        return file == null || (file.flags() & OpenFlags.PATH) != 0 ? LinuxErrno.EBADF : owners(user, group);
    }

    /** The new times of a file, null for one that stays; and why they are none: told only of a file that is there. */
    private record NewTimes(
            @Nullable FileTime accessed, @Nullable FileTime modified, long error) {
        long set(Path host, boolean follows) throws IOException {
            if (error != 0) {
                return error;
            }
            LinkOption[] options = follows ? new LinkOption[0] : new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
            Files.getFileAttributeView(host, BasicFileAttributeView.class, options)
                    .setTimes(modified, accessed, null);
            return 0;
        }
    }

    private @Nullable FileTime time(long seconds, long nanos) {
        if (nanos == OMIT) {
            return null;
        }
        long found = nanos == NOW ? TimeCalls.wallNanos() : seconds * CallMemory.SECOND + nanos;
        return FileTime.from(found, TimeUnit.NANOSECONDS);
    }

    private static boolean isTime(long nanos) {
        return nanos == NOW || nanos == OMIT || (nanos >= 0 && nanos < CallMemory.SECOND);
    }

    /** {@code utimensat}: without a path, of the file of the descriptor ({@code futimens}). */
    long setTimes(long descriptor, long path, long times, long flags) {
        long accessed = times == 0 ? NOW : memory.getLong(times + 8);
        long modified = times == 0 ? NOW : memory.getLong(times + 24);
        if (accessed == OMIT && modified == OMIT) {
            // Before the flags and the path are looked at.
            return 0;
        }
        boolean isOfDescriptor = path == 0 && (int) descriptor != PathCalls.CURRENT_FOLDER;
        if ((flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0 || (isOfDescriptor && (int) flags != 0)) {
            return LinuxErrno.EINVAL;
        }
        long error = isTime(accessed) && isTime(modified) ? 0 : LinuxErrno.EINVAL;
        NewTimes changed = new NewTimes(
                time(times == 0 ? 0 : memory.getLong(times), accessed),
                time(times == 0 ? 0 : memory.getLong(times + 16), modified),
                error);
        String name = isOfDescriptor ? "" : paths.name(path);
        if (isOfDescriptor || ((flags & EMPTY_PATH) != 0 && name.isEmpty())) {
            long result = changeOpen(descriptor, !isOfDescriptor, host -> changed.set(host, false));
            return result == 0 ? error : result;
        }
        boolean follows = (flags & NO_FOLLOW) == 0;
        return change(descriptor, name, follows, 0, host -> changed.set(host, follows));
    }
}
