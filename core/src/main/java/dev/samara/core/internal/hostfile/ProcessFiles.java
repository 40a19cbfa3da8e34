// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.CheckedReadWriteLock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The files that all machines of this process have open by path, and which of them are locked against other processes.
 * A lock of {@code fcntl} belongs to the process, and ends when the process closes any descriptor of the file (POSIX,
 * {@code close}). The library therefore keeps these rules:
 *
 * <ul>
 *   <li>Opens and closes of channels are done in a <em>section</em>, which they share; an open that takes a lock has
 *       it alone. So no other thread has a descriptor of the file then that it may close.
 *   <li>A file is locked only if no other descriptor of it is open.
 *   <li>A locked file is not opened again: its opens share the channel that has the lock.
 *   <li>A path may name another file by the time it is opened. The channel of an unknown file is closed only when
 *       no file is locked.
 * </ul>
 *
 * <p>Thread-safe.
 */
final class ProcessFiles {
    private static final CheckedReadWriteLock SECTION = new CheckedReadWriteLock();

    /**
     * Concurrent although it is guarded: where the scheduler of the tests explores in several threads, each exploration
     * has monitors of its own.
     */
    @GuardedBy("ProcessFiles.class")
    private static final Map<Object, OpenCount> OPEN = new ConcurrentHashMap<>();

    /** Channels of unknown files, which are not used, and not closed before no file is locked. */
    @GuardedBy("ProcessFiles.class")
    private static final List<HostChannel> UNKNOWN = new ArrayList<>();

    /**
     * @words {@code locked}, and the contents of a count
     * @written a thread that opens or closes a file of a path, in a section (monitor of the class)
     * @read such a thread (monitor of the class)
     * @invariant how often the process has each file open, and how many of them are locked. {@code isLocked} is set by
     *     a thread that is alone in the section
     */
    @GuardedBy("ProcessFiles.class")
    private static int locked;

    /** How often a file is open: once for each machine, and for each channel that is being opened or closed. */
    private static final class OpenCount {
        private int count;
        private boolean isLocked;
    }

    private ProcessFiles() {}

    /** What is done in a section. */
    @FunctionalInterface
    interface SectionCall<T> {
        T call() throws IOException;
    }

    /** Opens a file in a section, without taking a lock. */
    static <T> T open(SectionCall<T> call) throws IOException {
        SECTION.lockShared();
        try {
            return call.call();
        } finally {
            SECTION.unlockShared();
        }
    }

    /** Opens a file and takes a lock of it, alone in the section: waits for the opens and closes under way. */
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

    /** Counts off a channel that was closed, or never used. The last one ends the lock. */
    static synchronized void closed(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null && --open.count == 0) {
            OPEN.remove(key);
            locked -= open.isLocked ? 1 : 0;
        }
    }

    /** Notes that the only channel of a file has a lock of it. The caller is alone in the section. */
    static synchronized void setLocked(Object key) {
        OpenCount open = OPEN.get(key);
        if (open != null && !open.isLocked) {
            open.isLocked = true;
            locked++;
        }
    }

    static synchronized boolean isOpen(Object key) {
        return OPEN.containsKey(key);
    }

    static synchronized boolean isLocked(Object key) {
        OpenCount open = OPEN.get(key);
        return open != null && open.isLocked;
    }

    /** Returns whether some file is locked. It stays so, or not, while the caller is in a section, but for ends. */
    static synchronized boolean areSomeLocked() {
        return locked > 0;
    }

    /** Closes a channel whose file is not known, or keeps it while a file is locked. The caller is in a section. */
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
     * @return the last failure of a close; null for none
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
            closed(key);
            closeUnknown();
        }
    }

    /** Closes channels; returns the last failure. */
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
