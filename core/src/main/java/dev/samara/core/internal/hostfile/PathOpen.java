// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.sync.CheckedLock.CheckedReadWriteLock;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One open of a path: finds or creates its file in the table of {@link HostFiles}, and counts an open of it. A file is
 * identified by its key, or by its real path if the file system has no keys.
 *
 * <p><b>Identity.</b> The JDK cannot determine the file of a channel, so the path is checked before and after the open
 * of a channel. If another program replaced the file in between, as an editor does when it saves, the open is retried.
 * Otherwise the pages of one file could be found under the key of another file.
 *
 * <p><b>Locks.</b> An {@code fcntl} lock belongs to the process, and ends when the process closes any descriptor of the
 * file (POSIX, {@code close}). The static part of this class therefore counts the files that all machines of this
 * process have opened by path, and the following rules hold:
 *
 * <ul>
 *   <li>Channels are opened and closed in a <em>section</em>. Several threads may be in the section, but an open that
 *       acquires a lock is alone in it. So at that time no other thread has a descriptor of the file that it may close.
 *   <li>A file is locked only if no other descriptor of it is open; or, for a lock through a {@code FileChannel}, only
 *       descriptors that are closed together with the lock's.
 *   <li>A locked file is not opened again. Its opens share the channel that holds the lock.
 *   <li>A path may name another file by the time it is opened. So the channel of an unknown file is closed only while
 *       no file is locked.
 * </ul>
 *
 * <p>An object is used by one thread; the static methods are thread-safe.
 */
final class PathOpen {
    /**
     * The number of attempts after which an open succeeds even if the file's status changed during each attempt,
     * provided that the path names the same file. Another program may add or remove names of the file without replacing
     * it.
     */
    private static final int ATTEMPTS = 16;

    /** The maximum number of attempts if the path names a different file each time. */
    private static final int MOST_ATTEMPTS = 1000;

    /**
     * The age of a file's times from which on a later change cannot have the same times: the coarsest times of a file
     * system in use, those of FAT, are multiples of two seconds.
     */
    private static final long SETTLED_NANOS = 2_000_000_000L;

    private static final CheckedReadWriteLock SECTION = new CheckedReadWriteLock();

    /** The pause between two checks whether a use of a file that has ended is closed, in nanoseconds. */
    private static final long CLOSE_NANOS = 100_000;

    /**
     * It is a concurrent map although a monitor guards it, because the tests' scheduler may explore in several threads,
     * and each exploration has its own monitors.
     */
    @GuardedBy("PathOpen.class")
    private static final Map<Object, OpenCount> OPEN = new ConcurrentHashMap<>();

    /** Channels of unknown files. They are not used, and are closed once no file is locked. */
    @GuardedBy("PathOpen.class")
    private static final List<HostChannel> UNKNOWN = new ArrayList<>();

    /**
     * Words: {@code locked}, and the contents of a count.
     * Written: a thread that opens or closes a file by path, in a section (monitor of the class).
     * Read: such a thread (monitor of the class).
     * Invariant: how often each file is open in the process, and how many files are locked. {@code isLocked} is set by
     *     a thread that is alone in the section.
     */
    @GuardedBy("PathOpen.class")
    private static int locked;

    /**
     * How often a file is open. Each machine that opened it counts once, and so does each channel that is being opened
     * or closed.
     */
    private static final class OpenCount {
        private int count;

        /** How many of them are uses that have ended, and whose channels are about to be closed. */
        private int ending;

        private boolean isLocked;
    }

    /** The file that a path names at one time. */
    static final class PathLook {
        /** The identity of a file without a path. */
        static final PathLook NONE = new PathLook("", 0, 0, 0, 0, 0);

        /**
         * The key that identifies a file, so that all opens of it share one file. If the file system has no keys, two
         * hard links of a file count as two files.
         */
        final Object key;

        /**
         * The device and the inode number, as {@code /proc/PID/maps} shows them; 0 on a host without these numbers. The
         * device is split like in {@code gnu_dev_major} and {@code gnu_dev_minor}.
         */
        final int major;

        final int minor;
        final long inode;

        /**
         * The time of the last status change (ctime) in nanoseconds, which changes whenever a name of the file is added
         * or removed; 0 on a host without it.
         */
        private final long changed;

        /** The time of the last modification (mtime) in nanoseconds; 0 if {@link #changed} is. */
        private final long modified;

        private final long size;

        private PathLook(Object key, long device, long inode, long changed, long modified, long size) {
            this.key = key;
            major = (int) ((device >>> 8 & 0xfff) | (device >>> 32 & 0x7ffff000));
            minor = (int) ((device & 0xff) | (device >>> 12 & 0xffffff00));
            this.inode = inode;
            this.changed = changed;
            this.modified = modified;
            this.size = size;
        }

        /**
         * Returns whether the path named this file during the whole time until a later check, as far as the host shows.
         */
        private boolean isSame(PathLook later) {
            return key.equals(later.key) && changed == later.changed;
        }

        /**
         * Returns whether every later change of the file's bytes gives it other times than these, because its file
         * system's clock has advanced since the last one.
         *
         * @param millis the host's time before this object was created
         */
        private boolean isSettled(long millis) {
            long latest = TimeUnit.MILLISECONDS.toNanos(millis) - SETTLED_NANOS;
            return changed != 0 && changed <= latest && modified <= latest;
        }

        /** Returns whether a later check found the same file, and nobody has changed it since this one. */
        boolean isUnchanged(PathLook later) {
            return isSame(later) && modified == later.modified && size == later.size;
        }

        /**
         * Returns whether the file is known not to be on a block device, like a file of {@code proc}, {@code tmpfs} or
         * NFS.
         */
        private boolean hasNoDevice() {
            return major == 0 && (minor != 0 || inode != 0);
        }
    }

    /** Locks a part of a file; see {@link #lock}. */
    @FunctionalInterface
    interface LockCall<T> {
        @Nullable
        T call() throws IOException;
    }

    private final HostFiles files;
    private final Path path;
    private final MachineMemory memory;
    private final Set<OpenOption> options;
    final HostInode.FileRules rules;
    private final boolean writes;

    /** The options of the next channel: without {@code CREATE_NEW} once this open has created the file. */
    private final Set<OpenOption> wanted;

    /** What the path named when {@link #enter} opened it. */
    PathLook found = PathLook.NONE;

    /** Whether a change of the bytes since {@link #found} shows in the file's times. */
    boolean isSettled;

    /**
     * Creates an open that is not started.
     *
     * @param memory the memory of the spaces that will map the file
     * @param options the options other than those that {@code rules} contains
     */
    PathOpen(HostFiles files, Path path, MachineMemory memory, Set<OpenOption> options, HostInode.FileRules rules) {
        this.files = files;
        this.path = path;
        this.memory = memory;
        this.options = options;
        wanted = new HashSet<>(options);
        this.rules = rules;
        writes = options.contains(StandardOpenOption.WRITE);
    }

    /**
     * Enters the file into the table, or counts an open if it is there. Waits for the host, and also for all opens and
     * closes under way if the file will be locked. If the process has no descriptor left, closes the kept files, and
     * tries once more.
     */
    HostInode enter() throws IOException {
        try {
            return enterOnce();
        } catch (IOException failed) {
            if (Errno.of(failed) != Errno.EMFILE || !files.keepsClosed()) {
                throw failed;
            }
        }
        files.endAllKept();
        return enterOnce();
    }

    private HostInode enterOnce() throws IOException {
        if (rules.lock == null) {
            SECTION.lockShared();
            try {
                return enterInSection();
            } finally {
                SECTION.unlockShared();
            }
        }
        if (files.keepsClosed()) {
            endKept();
        }
        SECTION.lock();
        try {
            return enterInSection();
        } finally {
            SECTION.unlock();
        }
    }

    /** Closes the file if it is only kept: a file that is open cannot be locked. The caller is in no section. */
    private void endKept() throws IOException {
        boolean creates =
                options.contains(StandardOpenOption.CREATE) || options.contains(StandardOpenOption.CREATE_NEW);
        PathLook look = look(path, creates);
        if (look == null) {
            return;
        }
        files.endKept(look.key);
        while (isEnding(look.key)) {
            Pause.parkNanos(look.key, CLOSE_NANOS);
            files.endLeft();
        }
    }

    private HostInode enterInSection() throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            HostInode shared = share();
            if (shared != null) {
                return shared;
            }
            HostChannel channel = open();
            if (!isOpenedOnce(found.key)) {
                return enter(found.key, channel);
            }
            // Another program has moved a locked file to the path in the meantime.
            discard(channel);
        }
        throw refusal(Errno.EBUSY, null);
    }

    private MmException refusal(Errno errno, @Nullable Exception cause) {
        return refusal(path.toString(), errno, cause);
    }

    /** Counts an open of a file that must not be opened again. Returns null for any other file. */
    private @Nullable HostInode share() throws IOException {
        boolean isNew = options.contains(StandardOpenOption.CREATE_NEW);
        if (isNew || (rules.lock == null && !areSomeLocked())) {
            return null;
        }
        PathLook look = look(path, options.contains(StandardOpenOption.CREATE));
        if (look == null || !isOpenedOnce(look.key)) {
            return null;
        }
        HostInode shared = files.share(look.key, memory, writes, rules);
        if (shared == null) {
            // The file is open in another machine, or is about to be closed.
            throw refusal(Errno.EBUSY, null);
        }
        found = look;
        return shared;
    }

    /** Returns whether a file is open and must not get another channel, because it is locked or will be locked. */
    private boolean isOpenedOnce(Object key) {
        return rules.lock == null ? isLocked(key) : isOpen(key);
    }

    /** Opens a channel of the path, and finds the file of the channel. The caller is in the section. */
    private HostChannel open() throws IOException {
        for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
            boolean creates =
                    wanted.contains(StandardOpenOption.CREATE) || wanted.contains(StandardOpenOption.CREATE_NEW);
            if (wanted.contains(StandardOpenOption.CREATE_NEW) && Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
                // Fails for any type of file, because O_EXCL is checked before the type, and does not follow symbolic
                // links.
                throw refusal(Errno.EEXIST, null);
            }
            PathLook before = look(path, creates);
            Set<OpenOption> readable = new HashSet<>(wanted);
            readable.add(StandardOpenOption.READ);
            HostChannel channel = files.opener.open(path, readable);
            boolean isTaken = false;
            try {
                long millis = files.clock.getAsLong();
                PathLook after = look(path, false);
                if (before != null
                        && after != null
                        && (before.isSame(after) || (attempt >= ATTEMPTS && before.key.equals(after.key)))) {
                    if (after.hasNoDevice() && !channel.isSizeRight()) {
                        throw refusal(Errno.ENODEV, null);
                    }
                    isTaken = true;
                    found = after;
                    isSettled = files.keepsClosed() && after.isSettled(millis) && isReal(path);
                    return channel;
                }
            } catch (NoSuchFileException gone) {
                if (!creates) {
                    throw gone;
                }
                // The new file was deleted immediately. The retry creates it again.
                continue;
            } finally {
                if (!isTaken) {
                    // The channel may belong to a different file, perhaps a locked one.
                    discard(channel);
                }
            }
            if (before == null) {
                // The file was created by this open. The retry can check the path before it opens the file.
                wanted.remove(StandardOpenOption.CREATE_NEW);
            }
        }
        throw refusal(Errno.EBUSY, null);
    }

    /**
     * Checks the file of a path. Rejects FIFOs, because their open would wait for a writer, and directories, because
     * only their read would fail.
     *
     * @return null if there is no file and the call may create one
     * @throws MmException if the path does not name a regular file
     */
    private static @Nullable PathLook look(Path path, boolean creates) throws IOException {
        boolean isUnix = path.getFileSystem().supportedFileAttributeViews().contains("unix");
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            if (attributes.isDirectory()) {
                throw refusal(path.toString(), Errno.EISDIR, null);
            }
            if (!attributes.isRegularFile()) {
                throw refusal(path.toString(), Errno.ENODEV, null);
            }
            if (!isUnix) {
                return new PathLook(keyOf(path, attributes.fileKey()), 0, 0, 0, 0, 0);
            }
            // A single call of the host, so that all attributes belong to one file.
            Map<String, Object> unix = Files.readAttributes(path, "unix:fileKey,dev,ino,ctime,lastModifiedTime,size");
            long device = ((Number) Objects.requireNonNull(unix.get("dev"))).longValue();
            long inode = ((Number) Objects.requireNonNull(unix.get("ino"))).longValue();
            long changed = nanos(unix.get("ctime"));
            long modified = nanos(unix.get("lastModifiedTime"));
            long size = ((Number) Objects.requireNonNull(unix.get("size"))).longValue();
            return new PathLook(keyOf(path, unix.get("fileKey")), device, inode, changed, modified, size);
        } catch (NoSuchFileException missing) {
            if (creates) {
                return null;
            }
            // Later JDKs also throw NoSuchFileException for ENOTDIR, but getFileStore fails with the actual error.
            // Other calls are not suitable: an open would wait for a writer if the path now names a FIFO, and
            // toRealPath would leave the mount namespace of a path through /proc/PID/root.
            FileStore created = Files.getFileStore(path);
            throw new NoSuchFileException(path.toString(), null, "created concurrently in " + created);
        }
    }

    /** Returns whether a path has no symbolic link in it, which could be replaced while it is looked up. */
    private static boolean isReal(Path path) throws IOException {
        return path.toRealPath().equals(path.toAbsolutePath().normalize());
    }

    private static long nanos(@Nullable Object time) {
        return ((FileTime) Objects.requireNonNull(time)).to(TimeUnit.NANOSECONDS);
    }

    /**
     * Returns the key of a file, which is its key in the file system, or its real path if it has none.
     *
     * @param fileKey the key in the file system; null on Windows, and in some file systems of other providers
     */
    static Object keyOf(Path path, @Nullable Object fileKey) throws IOException {
        return fileKey != null ? fileKey : path.toRealPath();
    }

    /** Enters the file of a channel. Closes the channel if that fails, or if the file has another one. */
    private HostInode enter(Object key, HostChannel channel) throws IOException {
        HostInode entered = null;
        opened(key);
        try {
            long size = prepare(channel);
            entered = files.enter(key, path.toString(), memory, channel, size, writes, this);
            if (rules.lock != null) {
                setLocked(key);
            }
            return entered;
        } finally {
            if (entered == null || entered.first != channel) {
                closed(key);
            }
        }
    }

    /** Locks a file that was just opened if its rules say so. Returns its size. Closes the channel if that fails. */
    private long prepare(HostChannel channel) throws IOException {
        boolean isPrepared = false;
        try {
            long size = channel.size();
            if (rules.lock != null && !channel.tryLock(rules.lock == HostFileOption.SHLOCK)) {
                throw refusal(Errno.EAGAIN, null);
            }
            isPrepared = true;
            return size;
        } catch (OverlappingFileLockException ofProcess) {
            throw refusal(Errno.EBUSY, ofProcess);
        } finally {
            if (!isPrepared) {
                close(channel);
            }
        }
    }

    /** Returns the exception for an open that fails. */
    static MmException refusal(String name, Errno errno, @Nullable Exception cause) {
        MmException refusal = new MmException("openFile(" + name + ")", errno);
        if (cause != null) {
            refusal.initCause(cause);
        }
        return refusal;
    }

    /** Counts a channel that was opened for a file. */
    static synchronized void opened(Object key) {
        OPEN.computeIfAbsent(key, of -> new OpenCount()).count++;
    }

    /**
     * Subtracts a channel that was closed or never used. When the last channel of a file is subtracted, the file's lock
     * has ended.
     */
    static synchronized void closed(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null && --open.count == 0) {
            OPEN.remove(key);
            locked -= open.isLocked ? 1 : 0;
        }
    }

    /** Records that the only channel of a file has locked the file. The caller is alone in the section. */
    private static synchronized void setLocked(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null && !open.isLocked) {
            open.isLocked = true;
            locked++;
        }
    }

    /**
     * Locks a part of a file that the caller's machine has open. From the first such lock on, the file counts as locked
     * until it is closed. The first lock waits for the opens and closes under way, and for the closes of uses of the
     * file that have ended.
     *
     * @param name the file, for messages
     * @param call locks a part of the file; returns null if another process excludes that
     */
    static <T> @Nullable T lock(Object key, String name, LockCall<T> call) throws IOException {
        if (isLocked(key)) {
            return call.call();
        }
        while (true) {
            SECTION.lock();
            try {
                if (machines(key) > 1) {
                    throw new HostFileException(name, "lock", Errno.EBUSY);
                }
                if (!isEnding(key)) {
                    T made = call.call();
                    if (made != null) {
                        setLocked(key);
                    }
                    return made;
                }
            } finally {
                SECTION.unlock();
            }
            Pause.parkNanos(key, CLOSE_NANOS);
        }
    }

    /** Returns the number of machines that use a file. The caller is alone in the section. */
    private static synchronized int machines(Object key) {
        OpenCount open = OPEN.get(key);
        return open == null ? 0 : open.count - open.ending;
    }

    private static synchronized boolean isEnding(Object key) {
        OpenCount open = OPEN.get(key);
        return open != null && open.ending > 0;
    }

    static synchronized boolean isOpen(Object key) {
        return OPEN.containsKey(key);
    }

    static synchronized boolean isLocked(Object key) {
        OpenCount open = OPEN.get(key);
        return open != null && open.isLocked;
    }

    /**
     * Returns whether any file is locked. While the caller is in a section, other threads can end locks, but not
     * acquire any.
     */
    private static synchronized boolean areSomeLocked() {
        return locked > 0;
    }

    /**
     * Closes a channel whose file is unknown. If any file is locked, the channel is kept and closed later. The caller
     * is in a section.
     */
    private static void discard(HostChannel channel) {
        synchronized (PathOpen.class) {
            if (locked > 0) {
                UNKNOWN.add(channel);
                return;
            }
        }
        close(channel);
    }

    /** Records that the last use of a file in a machine has ended; {@link #close} follows. */
    static synchronized void ending(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null) {
            open.ending++;
        }
    }

    /**
     * Closes all channels of a file that was opened by path. If memory or stack is exhausted, the channels that are
     * left stay in the list, and the file counts as open until a next call has closed them.
     *
     * @param channels the channels, of which none are left when this returns
     * @return the last failure of a close; null if all succeeded
     */
    static @Nullable IOException close(Object key, List<HostChannel> channels) {
        SECTION.lockShared();
        try {
            IOException failure = closeAll(channels);
            ended(key);
            try {
                closeUnknown();
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                // They stay listed for the next close. This one is over, and must not be counted twice.
                return failure;
            }
            return failure;
        } finally {
            SECTION.unlockShared();
        }
    }

    /**
     * Closes channels, and removes each from the list after it was tried, unless memory or stack is exhausted. Returns
     * the last failure, or null if all succeeded.
     */
    static @Nullable IOException closeAll(List<HostChannel> channels) {
        IOException failure = null;
        for (int last = channels.size() - 1; last >= 0; last--) {
            boolean isTried = true;
            try {
                IOException failed = close(channels.get(last));
                failure = failed == null ? failure : failed;
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                isTried = false;
                throw exhausted;
            } finally {
                if (isTried) {
                    channels.remove(last);
                }
            }
        }
        return failure;
    }

    /** Closes a channel. Returns the failure, which does not matter if nothing was written through the channel. */
    static @Nullable IOException close(HostChannel channel) {
        try {
            channel.close();
            return null;
        } catch (IOException failed) {
            return failed;
        }
    }

    /** Subtracts a use that {@link #ending} has announced. */
    private static synchronized void ended(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null) {
            open.ending--;
        }
        closed(key);
    }

    private static void closeUnknown() {
        List<HostChannel> unused;
        synchronized (PathOpen.class) {
            if (locked > 0 || UNKNOWN.isEmpty()) {
                return;
            }
            unused = List.copyOf(UNKNOWN);
            UNKNOWN.clear();
        }
        unused.forEach(PathOpen::close);
    }
}
