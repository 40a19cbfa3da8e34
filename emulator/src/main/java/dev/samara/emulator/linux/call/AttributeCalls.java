// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFolder;
import dev.samara.emulator.linux.file.HostRights;
import dev.samara.emulator.linux.file.MemoryDescriptor;
import dev.samara.emulator.linux.file.NamedPipe;
import dev.samara.emulator.linux.file.NamedPipeEnd;
import dev.samara.emulator.linux.file.NamedPipePlace;
import dev.samara.emulator.linux.file.NamedPipes;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
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
     * Changes the file of a path, while no thread of the guest changes names.
     *
     * @param byOwner the result for a file of the emulator that the guest owns
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
     * Changes the file of a descriptor, by the name under which it was opened.
     *
     * @param isPath whether it stands for a path ({@code AT_EMPTY_PATH}), so that an {@code O_PATH} descriptor will do
     */
    private long changeOpen(long descriptor, boolean isPath, PathCalls.HostCall call) {
        GuestFile file = isPath ? thread.file(descriptor) : thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        OpenedName opened = file.openedName();
        NamedPipe pipe = pipe(file);
        if (opened == null && pipe == null) {
            // The attributes of a device, or of a pipe without a name, are not stored.
            return 0;
        }
        synchronized (names()) {
            Path host = opened != null ? opened.host() : pipe != null ? pipe.name() : null;
            if (host == null) {
                // The JDK cannot change an unlinked file.
                return LinuxErrno.EOPNOTSUPP;
            }
            try {
                return opened != null && opened.isFixed() ? LinuxErrno.EROFS : call.call(host);
            } catch (IOException e) {
                return LinuxErrno.of(e);
            }
        }
    }

    private static @Nullable NamedPipe pipe(GuestFile file) {
        return file instanceof NamedPipeEnd end
                ? end.named()
                : file instanceof NamedPipePlace place ? place.named() : null;
    }

    long changeMode(long descriptor, long path, long mode) {
        return changeMode(descriptor, paths.name(path), true, mode);
    }

    private long changeMode(long descriptor, String path, boolean follows, long mode) {
        return change(descriptor, path, follows, LinuxErrno.EPERM, host -> changeMode(host, mode));
    }

    /** {@code fchmodat2}. */
    long changeModeBy(long descriptor, long path, long mode, long flags) {
        if (((int) flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(path);
        boolean isOfDescriptor = (flags & EMPTY_PATH) != 0 && name.isEmpty();
        if (isOfDescriptor && (int) descriptor != PathCalls.CURRENT_FOLDER) {
            return changeModeOf(descriptor, true, mode);
        }
        return changeMode(descriptor, isOfDescriptor ? PathCalls.EMPTY : name, (flags & NO_FOLLOW) == 0, mode);
    }

    long changeModeOf(long descriptor, boolean isPath, long mode) {
        return thread.file(descriptor) instanceof MemoryDescriptor file
                ? file.file().changeMode((int) mode)
                : changeOpen(descriptor, isPath, host -> changeMode(host, mode));
    }

    private long changeMode(Path host, long mode) throws IOException {
        if (Files.isSymbolicLink(host)) {
            // A path that is followed never ends at a link.
            return LinuxErrno.EOPNOTSUPP;
        }
        HostRights.set(host, (int) mode);
        names().times().noteSet();
        return 0;
    }

    /** Returns the errno for new owners: there is one user, to which each file may be given. */
    private long owners(long user, long group) {
        int own = thread.process().system().fileOwner();
        boolean isOwn = ((int) user == -1 || (int) user == own) && ((int) group == -1 || (int) group == own);
        return isOwn ? 0 : LinuxErrno.EPERM;
    }

    /** Gives a file to the owner that it has, and so takes the marks of programs from it ({@code chown_common}). */
    private long changeOwner(Path host, long user, long group) throws IOException {
        long refused = owners(user, group);
        if (refused != 0) {
            return refused;
        }
        if (!Files.isDirectory(host, LinkOption.NOFOLLOW_LINKS) && !Files.isSymbolicLink(host)) {
            HostRights.dropPrivileges(host);
        }
        return 0;
    }

    private long changeOwnerOf(long descriptor, boolean isPath, long user, long group) {
        GuestFile file = isPath ? thread.file(descriptor) : thread.openFile(descriptor);
        if (file instanceof MemoryDescriptor memory && owners(user, group) == 0) {
            memory.file()
                    .changeMode(HostRights.withoutPrivileges(memory.status().mode()));
        }
        long refused = file == null ? LinuxErrno.EBADF : owners(user, group);
        long changed = refused != 0 ? refused : changeOpen(descriptor, isPath, host -> changeOwner(host, user, group));
        if (changed != LinuxErrno.EOPNOTSUPP) {
            return changed;
        }
        OpenedName removed = file == null ? null : file.openedName();
        if (removed != null && !(file instanceof GuestFolder)) {
            removed.showPrivilegesDropped();
        }
        return 0;
    }

    long changeOwner(long descriptor, long path, long user, long group, long flags) {
        if (((int) flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String given = paths.name(path);
        boolean isOfDescriptor = (flags & EMPTY_PATH) != 0 && given.isEmpty();
        if (isOfDescriptor && (int) descriptor != PathCalls.CURRENT_FOLDER) {
            return changeOwnerOf(descriptor, true, user, group);
        }
        String name = isOfDescriptor ? PathCalls.EMPTY : given;
        boolean follows = (flags & NO_FOLLOW) == 0;
        return change(descriptor, name, follows, owners(user, group), host -> changeOwner(host, user, group));
    }

    long changeOwnerOf(long descriptor, long user, long group) {
        return changeOwnerOf(descriptor, false, user, group);
    }

    /** The new times of a file, null for an unchanged one; or their error, reported only if the file exists. */
    private record NewTimes(
            @Nullable FileTime accessed, @Nullable FileTime modified, long error) {}

    private long set(NewTimes times, Path host, boolean follows) throws IOException {
        if (times.error != 0) {
            return times.error;
        }
        if (times.modified != null) {
            names().times().prepare(thread.process().system().machine(), host);
        }
        LinkOption[] options = follows ? new LinkOption[0] : new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
        Files.getFileAttributeView(host, BasicFileAttributeView.class, options)
                .setTimes(times.modified, times.accessed, null);
        return 0;
    }

    private @Nullable FileTime time(long seconds, long nanos) {
        if (nanos == OMIT) {
            return null;
        }
        // The JDK sets no fraction of a second before 1970, but the beginning of that year in its place.
        long fraction = seconds < 0 ? 0 : nanos;
        long found = nanos == NOW ? TimeCalls.wallNanos() : seconds * CallMemory.SECOND + fraction;
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
            // Before the flags and the path are checked.
            return 0;
        }
        boolean isOfDescriptor = path == 0 && (int) descriptor != PathCalls.CURRENT_FOLDER;
        if (((int) flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0 || (isOfDescriptor && (int) flags != 0)) {
            return LinuxErrno.EINVAL;
        }
        long error = isTime(accessed) && isTime(modified) ? 0 : LinuxErrno.EINVAL;
        NewTimes changed = new NewTimes(
                time(times == 0 ? 0 : memory.getLong(times), accessed),
                time(times == 0 ? 0 : memory.getLong(times + 16), modified),
                error);
        String given = isOfDescriptor ? "" : paths.name(path);
        boolean isEmpty = !isOfDescriptor && (flags & EMPTY_PATH) != 0 && given.isEmpty();
        if (isOfDescriptor || (isEmpty && (int) descriptor != PathCalls.CURRENT_FOLDER)) {
            long result = changeOpen(descriptor, !isOfDescriptor, host -> set(changed, host, false));
            return result == 0 ? error : result;
        }
        boolean follows = (flags & NO_FOLLOW) == 0;
        String name = isEmpty ? PathCalls.EMPTY : given;
        return change(descriptor, name, follows, 0, host -> set(changed, host, follows));
    }
}
