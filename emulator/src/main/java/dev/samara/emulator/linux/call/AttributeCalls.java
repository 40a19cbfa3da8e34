// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
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

    /** A change of a file of the host. */
    private interface FileChange extends PathCalls.HostCall {
        /** Makes the change for a file that no name of the host leads to. */
        long callWithoutName(OpenedName opened);
    }

    /**
     * Changes the file of a path, while no thread of the guest changes names.
     *
     * @param flags those of the call
     * @param byOwner the result for a file of the emulator that the guest owns
     */
    private long change(long flags, long descriptor, String name, long byOwner, FileChange call) {
        synchronized (names()) {
            ResolvedPath place = paths.placeBy(flags, descriptor, name, (flags & NO_FOLLOW) == 0);
            OpenedName removed = place.removed();
            if (removed != null) {
                return call.callWithoutName(removed);
            }
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
    private long changeOpen(long descriptor, boolean isPath, FileChange call) {
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
                return opened == null ? LinuxErrno.EOPNOTSUPP : call.callWithoutName(opened);
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
        return change(0, descriptor, paths.name(path), LinuxErrno.EPERM, new NewMode((int) mode));
    }

    /** {@code fchmodat2}. */
    long changeModeBy(long descriptor, long path, long mode, long flags) {
        if (((int) flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(path);
        return PathCalls.isOfDescriptor(flags, descriptor, name)
                ? changeModeOf(descriptor, true, mode)
                : change(flags, descriptor, name, LinuxErrno.EPERM, new NewMode((int) mode));
    }

    long changeModeOf(long descriptor, boolean isPath, long mode) {
        return thread.file(descriptor) instanceof MemoryDescriptor file
                ? file.file().changeMode((int) mode)
                : changeOpen(descriptor, isPath, new NewMode((int) mode));
    }

    /** A change of the mode. */
    private final class NewMode implements FileChange {
        private final int mode;

        NewMode(int mode) {
            this.mode = mode;
        }

        @Override
        public long call(Path host) throws IOException {
            if (Files.isSymbolicLink(host)) {
                // A path that is followed never ends at a link.
                return LinuxErrno.EOPNOTSUPP;
            }
            HostRights.set(host, mode);
            names().changed(host);
            names().times().noteSet();
            return 0;
        }

        @Override
        public long callWithoutName(OpenedName opened) {
            names().times().noteSet();
            return opened.changeWithoutName(status -> status.withRights(mode).changedNow()) ? 0 : LinuxErrno.EOPNOTSUPP;
        }
    }

    /** Returns the errno for new owners: there is one user, to which each file may be given. */
    private long owners(long user, long group) {
        int own = thread.process().system().fileOwner();
        boolean isOwn = ((int) user == -1 || (int) user == own) && ((int) group == -1 || (int) group == own);
        return isOwn ? 0 : LinuxErrno.EPERM;
    }

    /**
     * Gives a file to the owner that it has, and so takes the marks of programs from it ({@code chown_common}), also
     * when user 0 does so.
     */
    private final class NewOwner implements FileChange {
        private final long refused;

        NewOwner(long user, long group) {
            refused = owners(user, group);
        }

        @Override
        public long call(Path host) throws IOException {
            boolean isMarked = !Files.isDirectory(host, LinkOption.NOFOLLOW_LINKS) && !Files.isSymbolicLink(host);
            if (refused == 0 && isMarked) {
                names().dropPrivileges(host);
            }
            return refused;
        }

        @Override
        public long callWithoutName(OpenedName opened) {
            if (refused == 0 && !opened.status().isFolder()) {
                opened.showWithoutName(FileStatus::withoutPrivileges);
            }
            return refused;
        }
    }

    private long changeOwnerOf(long descriptor, boolean isPath, long user, long group) {
        GuestFile file = isPath ? thread.file(descriptor) : thread.openFile(descriptor);
        if (file instanceof MemoryDescriptor memory && owners(user, group) == 0) {
            memory.file()
                    .changeMode(HostRights.withoutPrivileges(memory.status().mode()));
        }
        long refused = file == null ? LinuxErrno.EBADF : owners(user, group);
        long changed = refused != 0 ? refused : changeOpen(descriptor, isPath, new NewOwner(user, group));
        // A named pipe without a name has no marks.
        return changed == LinuxErrno.EOPNOTSUPP ? 0 : changed;
    }

    long changeOwner(long descriptor, long path, long user, long group, long flags) {
        if (((int) flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String given = paths.name(path);
        return PathCalls.isOfDescriptor(flags, descriptor, given)
                ? changeOwnerOf(descriptor, true, user, group)
                : change(flags, descriptor, given, owners(user, group), new NewOwner(user, group));
    }

    long changeOwnerOf(long descriptor, long user, long group) {
        return changeOwnerOf(descriptor, false, user, group);
    }

    /** The new times of a file, null for an unchanged one; or their error, reported only if the file exists. */
    private record NewTimes(
            @Nullable FileTime accessed, @Nullable FileTime modified, long error) {}

    /** A change of the times. */
    private final class TimeChange implements FileChange {
        private final NewTimes times;
        private final boolean follows;

        TimeChange(NewTimes times, boolean follows) {
            this.times = times;
            this.follows = follows;
        }

        @Override
        public long call(Path host) throws IOException {
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

        @Override
        public long callWithoutName(OpenedName opened) {
            if (times.error != 0) {
                return times.error;
            }
            names().times().noteSet();
            return opened.changeWithoutName(status ->
                            status.withTimes(times.accessed, times.modified).changedNow())
                    ? 0
                    : LinuxErrno.EOPNOTSUPP;
        }
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
        if (isOfDescriptor || PathCalls.isOfDescriptor(flags, descriptor, given)) {
            long result = changeOpen(descriptor, !isOfDescriptor, new TimeChange(changed, false));
            return result == 0 ? error : result;
        }
        return change(flags, descriptor, given, 0, new TimeChange(changed, (flags & NO_FOLLOW) == 0));
    }
}
