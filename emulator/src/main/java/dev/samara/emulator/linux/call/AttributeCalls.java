// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.backing.MemoryFile;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.HostRights;
import dev.samara.emulator.linux.file.MemoryDescriptor;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.PipeEnd;
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
    private static final long MOST_SECONDS = Long.MAX_VALUE / CallMemory.SECOND - 1;

    private final GuestThread thread;
    private final CallMemory memory;
    private final PathCalls paths;

    AttributeCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
        paths = new PathCalls(thread);
    }

    /** Whether this thread may change files that user 0 owns. Such a change succeeds, but is not stored. */
    private boolean isPrivileged() {
        return thread.credentials().isPrivileged();
    }

    private GuestNames names() {
        return thread.process().system().names();
    }

    /** A change of a file. */
    private interface FileChange extends PathCalls.HostCall {
        /** Makes the change for a host file to which no known name leads. */
        long callWithoutName(OpenedName opened);

        /** Makes the change for a file in memory. */
        long ofMemory(MemoryFile file);

        /**
         * Makes the change for a pipe, which stores only the mode.
         *
         * @param file an end of the pipe, or the pipe opened with {@code O_PATH}
         */
        long ofPipe(GuestFile file);

        /** Returns the result for a file of {@code /proc} that the guest owns. */
        long ofOwn();

        /** Returns the result for a link of {@code /proc} that the guest owns. */
        default long ofLink() {
            return ofOwn();
        }

        /** Returns the result for the directory of a process in {@code /proc}, which nobody may change. */
        long ofProcess();

        /** Returns the result for a file that user 0 owns. */
        long ofUserZero(FileStatus status);

        /** Returns the result for an {@linkplain GuestFile#isAnonymous anonymous inode}. */
        long ofAnonymous();
    }

    /**
     * Changes the file of a path. Holds the monitor of {@code GuestNames}, so that no thread of the guest changes
     * names.
     *
     * @param flags the flags of the call
     */
    private long change(long flags, long descriptor, String name, FileChange call) {
        synchronized (names()) {
            boolean follows = (flags & NO_FOLLOW) == 0;
            ResolvedPath place = paths.placeBy(flags, descriptor, name, follows);
            OpenedName removed = place.removed();
            if (removed != null) {
                return call.callWithoutName(removed);
            }
            if (place.error() != 0) {
                return place.error();
            }
            FileStatus special = paths.ofEmulator(place, follows);
            if (special != null) {
                return place.isFolderNamed() && !special.isFolder()
                        ? LinuxErrno.ENOTDIR
                        : changeEmulated(place, special, follows, call);
            }
            if (!place.exists()) {
                return LinuxErrno.ENOENT;
            }
            return place.isFixed() ? LinuxErrno.EROFS : PathCalls.onHost(place, call);
        }
    }

    /**
     * Applies a change to a file that the path does not find on the host: the open file to which a link in {@code
     * /proc} leads, or a file of {@code /proc} or {@code /dev} itself.
     */
    private long changeEmulated(ResolvedPath place, FileStatus special, boolean follows, FileChange call) {
        GuestFile open = follows ? paths.descriptor(place) : null;
        return open != null ? changeOpen(open, call) : changeEmulated(place.guest(), special, call);
    }

    private static long changeEmulated(String path, FileStatus found, FileChange call) {
        if (EmulatedChanges.isOfProcess(path)) {
            return found.isLink() ? call.ofLink() : call.ofOwn();
        }
        return !found.isLink() && EmulatedChanges.isProcess(path) ? call.ofProcess() : call.ofUserZero(found);
    }

    /**
     * Changes the file of a descriptor.
     *
     * @param isPath whether the descriptor replaces a path ({@code AT_EMPTY_PATH}), so that it may be an {@code O_PATH}
     *     descriptor
     */
    private long changeOpen(long descriptor, boolean isPath, FileChange call) {
        GuestFile file = isPath ? thread.file(descriptor) : thread.openFile(descriptor);
        return file == null ? LinuxErrno.EBADF : changeOpen(file, call);
    }

    /** Changes an open file, by the name by which it was opened if it has one. */
    private long changeOpen(GuestFile file, FileChange call) {
        OpenedName opened = file.openedName();
        if (opened == null) {
            return changeWithoutPath(file, call);
        }
        synchronized (names()) {
            Path host = opened.host();
            if (host == null) {
                return call.callWithoutName(opened);
            }
            try {
                return opened.isFixed() ? LinuxErrno.EROFS : call.call(host);
            } catch (IOException e) {
                return LinuxErrno.of(e);
            }
        }
    }

    /** Changes an open file of the emulator, i.e. a file that is not on the host. */
    private static long changeWithoutPath(GuestFile file, FileChange call) {
        if (file instanceof MemoryDescriptor memory) {
            return call.ofMemory(memory.file());
        }
        if (file.isAnonymous()) {
            return call.ofAnonymous();
        }
        return !file.hasPath() ? call.ofPipe(file) : changeEmulated(file.path(), file.status(), call);
    }

    long changeMode(long descriptor, long path, long mode) {
        return change(0, descriptor, paths.name(path), new NewMode((int) mode));
    }

    /** {@code fchmodat2}. */
    long changeModeBy(long descriptor, long path, long mode, long flags) {
        if (((int) flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String name = paths.name(path);
        return PathCalls.isOfDescriptor(flags, descriptor, name)
                ? changeModeOf(descriptor, true, mode)
                : change(flags, descriptor, name, new NewMode((int) mode));
    }

    long changeModeOf(long descriptor, boolean isPath, long mode) {
        return changeOpen(descriptor, isPath, new NewMode((int) mode));
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
                // The path ends at a link that the call does not follow.
                return LinuxErrno.EOPNOTSUPP;
            }
            HostRights.set(host, mode);
            names().changed(host);
            names().times().noteSet();
            return 0;
        }

        @Override
        public long callWithoutName(OpenedName opened) {
            if (opened.status().isLink()) {
                return LinuxErrno.EOPNOTSUPP;
            }
            names().times().noteSet();
            return opened.changeWithoutName(status -> status.withRights(mode).changedNow()) ? 0 : LinuxErrno.EOPNOTSUPP;
        }

        @Override
        public long ofMemory(MemoryFile file) {
            return file.changeMode(mode);
        }

        @Override
        public long ofPipe(GuestFile file) {
            if (file instanceof PipeEnd end) {
                end.changeMode(mode);
            }
            return 0;
        }

        @Override
        public long ofOwn() {
            return LinuxErrno.EPERM;
        }

        @Override
        public long ofLink() {
            return LinuxErrno.EOPNOTSUPP;
        }

        @Override
        public long ofProcess() {
            return LinuxErrno.EPERM;
        }

        @Override
        public long ofUserZero(FileStatus status) {
            return status.isLink() ? LinuxErrno.EOPNOTSUPP : isPrivileged() ? 0 : LinuxErrno.EPERM;
        }

        @Override
        public long ofAnonymous() {
            return LinuxErrno.EOPNOTSUPP;
        }
    }

    /** Returns 0 or the errno of a new owner. The only permitted owner is the user to whom all files belong. */
    private long owners(long user, long group) {
        int own = thread.process().system().fileOwner();
        boolean isOwn = ((int) user == -1 || (int) user == own) && ((int) group == -1 || (int) group == own);
        return isOwn ? 0 : LinuxErrno.EPERM;
    }

    /**
     * A change of the owner. Only a change to the present owner is permitted. As on Linux, it clears the set-user-ID
     * and set-group-ID bits ({@code chown_common}), even if user 0 makes it.
     */
    private final class NewOwner implements FileChange {
        private final long refused;

        /** Whether the call changes neither the user nor the group. */
        private final boolean isNone;

        NewOwner(long user, long group) {
            refused = owners(user, group);
            isNone = (int) user == -1 && (int) group == -1;
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

        @Override
        public long ofMemory(MemoryFile file) {
            if (refused == 0) {
                file.changeMode(HostRights.withoutPrivileges(file.mode()));
            }
            return refused;
        }

        @Override
        public long ofPipe(GuestFile file) {
            return refused;
        }

        @Override
        public long ofOwn() {
            return refused;
        }

        @Override
        public long ofProcess() {
            return isNone ? 0 : LinuxErrno.EPERM;
        }

        @Override
        public long ofUserZero(FileStatus status) {
            return isNone ? 0 : isPrivileged() ? refused : LinuxErrno.EPERM;
        }

        @Override
        public long ofAnonymous() {
            return LinuxErrno.EOPNOTSUPP;
        }
    }

    long changeOwner(long descriptor, long path, long user, long group, long flags) {
        if (((int) flags & ~(NO_FOLLOW | EMPTY_PATH)) != 0) {
            return LinuxErrno.EINVAL;
        }
        String given = paths.name(path);
        NewOwner change = new NewOwner(user, group);
        return PathCalls.isOfDescriptor(flags, descriptor, given)
                ? changeOpen(descriptor, true, change)
                : change(flags, descriptor, given, change);
    }

    long changeOwnerOf(long descriptor, long user, long group) {
        return changeOpen(descriptor, false, new NewOwner(user, group));
    }

    /**
     * The new times of a file; a time that is null stays unchanged. Instead of times, there may be an error, which is
     * reported only if the file exists.
     *
     * @param isNow whether both are the present time, which anyone who may write the file may set
     */
    private record NewTimes(
            @Nullable FileTime accessed, @Nullable FileTime modified, boolean isNow, long error) {}

    /** A change of the times. */
    private final class TimeChange implements FileChange {
        private final NewTimes times;

        TimeChange(NewTimes times) {
            this.times = times;
        }

        @Override
        public long call(Path host) throws IOException {
            if (times.error != 0) {
                return times.error;
            }
            if (times.modified != null) {
                names().times().prepare(thread.process().system().machine(), host);
            }
            // The links that must be followed were already resolved.
            Files.getFileAttributeView(host, BasicFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
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

        @Override
        public long ofMemory(MemoryFile file) {
            return times.error;
        }

        @Override
        public long ofPipe(GuestFile file) {
            return times.error;
        }

        @Override
        public long ofOwn() {
            return times.error;
        }

        @Override
        public long ofProcess() {
            return times.error != 0 ? times.error : LinuxErrno.EPERM;
        }

        @Override
        public long ofUserZero(FileStatus status) {
            if (times.error != 0 || isPrivileged()) {
                return times.error;
            }
            return !times.isNow ? LinuxErrno.EPERM : status.allows(FileStatus.MAY_WRITE) ? 0 : LinuxErrno.EACCES;
        }

        @Override
        public long ofAnonymous() {
            boolean isRefused = times.isNow && !isPrivileged();
            return times.error != 0 ? times.error : isRefused ? LinuxErrno.EACCES : LinuxErrno.EOPNOTSUPP;
        }
    }

    private @Nullable FileTime time(long seconds, long nanos) {
        if (nanos == OMIT) {
            return null;
        }
        if (nanos == NOW) {
            return FileTime.from(TimeCalls.wallNanos(), TimeUnit.NANOSECONDS);
        }
        // The JDK can set only times whose nanoseconds fit in 64 bits.
        long nearest = Math.max(Math.min(seconds, MOST_SECONDS), -MOST_SECONDS);
        // For a time before 1970 with a fraction of a second, the JDK would set the start of 1970, so the fraction is
        // dropped.
        return FileTime.from(nearest * CallMemory.SECOND + (nearest < 0 ? 0 : nanos), TimeUnit.NANOSECONDS);
    }

    private static boolean isTime(long nanos) {
        return nanos == NOW || nanos == OMIT || (nanos >= 0 && nanos < CallMemory.SECOND);
    }

    /** {@code utimensat}. Without a path, sets the times of the descriptor's file ({@code futimens}). */
    long setTimes(long descriptor, long path, long times, long flags) {
        long accessed = times == 0 ? NOW : memory.getLong(times + 8);
        long modified = times == 0 ? NOW : memory.getLong(times + 24);
        if (accessed == OMIT && modified == OMIT) {
            // Linux checks this before the flags and the path.
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
                accessed == NOW && modified == NOW,
                error);
        String given = isOfDescriptor ? "" : paths.name(path);
        if (isOfDescriptor || PathCalls.isOfDescriptor(flags, descriptor, given)) {
            return changeOpen(descriptor, !isOfDescriptor, new TimeChange(changed));
        }
        return change(flags, descriptor, given, new TimeChange(changed));
    }
}
