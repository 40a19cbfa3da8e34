// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.CheckedReadWriteLock;
import dev.samara.core.internal.sync.Pause;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The files that all machines of this process have opened by path, and which of them are locked against other
 * processes. An {@code fcntl} lock belongs to the process, and ends when the process closes any descriptor of the file
 * (POSIX, {@code close}). The library therefore follows these rules:
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
 * <p>Thread-safe.
 */
final class ProcessFiles {
    private static final CheckedReadWriteLock SECTION = new CheckedReadWriteLock();

    /** The pause between two checks whether a use of a file that has ended is closed, in nanoseconds. */
    private static final long CLOSE_NANOS = 100_000;

    /**
     * It is a concurrent map although a monitor guards it, because the tests' scheduler may explore in several threads,
     * and each exploration has its own monitors.
     */
    @GuardedBy("ProcessFiles.class")
    private static final Map<Object, OpenCount> OPEN = new ConcurrentHashMap<>();

    /** Channels of unknown files. They are not used, and are closed once no file is locked. */
    @GuardedBy("ProcessFiles.class")
    private static final List<HostChannel> UNKNOWN = new ArrayList<>();

    /**
     * Words: {@code locked}, and the contents of a count.
     * Written: a thread that opens or closes a file by path, in a section (monitor of the class).
     * Read: such a thread (monitor of the class).
     * Invariant: how often each file is open in the process, and how many files are locked. {@code isLocked} is set by
     *     a thread that is alone in the section.
     */
    @GuardedBy("ProcessFiles.class")
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

    private ProcessFiles() {}

    /** A call that runs in a section. */
    @FunctionalInterface
    interface SectionCall<T extends @Nullable Object> {
        T call() throws IOException;
    }

    /** Opens a file in a section, without locking the file. */
    static <T> T open(SectionCall<T> call) throws IOException {
        SECTION.lockShared();
        try {
            return call.call();
        } finally {
            SECTION.unlockShared();
        }
    }

    /**
     * Opens a file and locks it, while the thread is alone in the section. Waits for the opens and closes under way.
     */
    static <T> T openLocked(SectionCall<T> call) throws IOException {
        SECTION.lock();
        try {
            return call.call();
        } finally {
            SECTION.unlock();
        }
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

    /** Records that the last use of a file in a machine has ended; {@link #close(Object, List)} follows. */
    static synchronized void ending(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null) {
            open.ending++;
        }
    }

    private static synchronized void ended(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null) {
            open.ending--;
        }
    }

    /** Records that the only channel of a file has locked the file. The caller is alone in the section. */
    static synchronized void setLocked(Object key) {
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
    static <T> @Nullable T lock(Object key, String name, SectionCall<@Nullable T> call) throws IOException {
        if (isLocked(key)) {
            return call.call();
        }
        while (true) {
            SECTION.lock();
            try {
                if (machines(key) > 1) {
                    throw ChannelLocks.busy(name);
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
    static synchronized boolean areSomeLocked() {
        return locked > 0;
    }

    /**
     * Closes a channel whose file is unknown. If any file is locked, the channel is kept and closed later. The caller
     * is in a section.
     */
    static void discard(HostChannel channel) {
        synchronized (ProcessFiles.class) {
            if (locked > 0) {
                UNKNOWN.add(channel);
                return;
            }
        }
        InodeTable.close(channel);
    }

    /**
     * Closes all channels of a file that was opened by path.
     *
     * @return the last failure of a close; null if all succeeded
     */
    static @Nullable IOException close(Object key, List<HostChannel> channels) {
        SECTION.lockShared();
        try {
            return closeAll(key, channels);
        } finally {
            SECTION.unlockShared();
        }
    }

    private static @Nullable IOException closeAll(Object key, List<HostChannel> channels) {
        try {
            return closeAll(channels);
        } finally {
            ended(key);
            closed(key);
            closeUnknown();
        }
    }

    /** Closes channels. Returns the last failure, or null if all succeeded. */
    static @Nullable IOException closeAll(List<HostChannel> channels) {
        IOException failure = null;
        for (HostChannel one : channels) {
            try {
                one.close();
            } catch (IOException failed) {
                failure = failed;
            }
        }
        return failure;
    }

    private static void closeUnknown() {
        List<HostChannel> unused;
        synchronized (ProcessFiles.class) {
            if (locked > 0 || UNKNOWN.isEmpty()) {
                return;
            }
            unused = List.copyOf(UNKNOWN);
            UNKNOWN.clear();
        }
        unused.forEach(InodeTable::close);
    }
}
