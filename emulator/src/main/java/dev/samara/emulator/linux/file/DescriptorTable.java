// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.PageCache;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The descriptor table of a process ({@code struct files_struct}). Threads share it, and so do some child processes.
 * Thread-safe.
 */
public final class DescriptorTable {
    private record Descriptor(GuestFile file, boolean endsAtExec) {}

    private final TreeMap<Integer, Descriptor> all = new TreeMap<>();

    /** Descriptor numbers that are reserved for opens in progress. No other file gets them. */
    private final Set<Integer> reserved = new HashSet<>();

    private int users = 1;

    /**
     * The file locks of the guest, in which the processes that use this table may own locks. Null until one of them is
     * about to take its first lock.
     *
     * <p>Words: {@code locks} of {@code DescriptorTable}, {@code GuestFile}.
     * Written: a thread that is about to take a lock (volatile).
     * Read: a thread that closes a descriptor or the file (volatile).
     * Invariant: not null once this table may own a lock.
     */
    private volatile @Nullable FileLocks locks;

    public DescriptorTable() {}

    /**
     * Makes each later close release the locks that this table owns in the file. Called before the first lock is taken.
     */
    public void keepLocks(FileLocks taken) {
        locks = taken;
    }

    /**
     * Closes a descriptor, and releases all record locks of the process on its file ({@code locks_remove_posix}). The
     * close of an O_PATH descriptor releases none.
     */
    private void end(GuestFile file) {
        FileLocks kept = locks;
        if (kept != null && (file.flags() & OpenFlags.PATH) == 0) {
            kept.releaseAll(file.lockKey(), this);
        }
        file.release();
    }

    /** Copies the table for a child. */
    public synchronized DescriptorTable copy() {
        DescriptorTable copy = new DescriptorTable();
        boolean isComplete = false;
        try {
            all.forEach((number, each) -> {
                copy.all.put(number, each);
                each.file.retain();
            });
            isComplete = true;
            return copy;
        } finally {
            if (!isComplete) {
                copy.closeAll();
            }
        }
    }

    public synchronized DescriptorTable share() {
        users++;
        return this;
    }

    /** Returns the file of a descriptor; null if the descriptor is not open. */
    public synchronized @Nullable GuestFile get(int number) {
        Descriptor found = all.get(number);
        return found == null ? null : found.file;
    }

    /**
     * Returns the file of a descriptor; null if the descriptor is not open. The caller must {@linkplain
     * GuestFile#release release} the file.
     */
    public synchronized @Nullable GuestFile use(int number) {
        GuestFile found = get(number);
        if (found != null) {
            found.retain();
        }
        return found;
    }

    /** Returns the lowest free number that is at least {@code from} and less than {@code most}; -1 if there is none. */
    private int free(int from, int most) {
        for (int number = from; number < most; number++) {
            if (!all.containsKey(number) && !reserved.contains(number)) {
                return number;
            }
        }
        return -1;
    }

    /**
     * Reserves a number for a file that is about to be opened, until {@link #endReserve}. In a copy of the table the
     * number is free. Returns the number, which is less than {@code most}, or EMFILE.
     */
    public synchronized long reserve(int most) {
        int number = free(0, most);
        if (number < 0) {
            return LinuxErrno.EMFILE;
        }
        reserved.add(number);
        return number;
    }

    /** Adds a file at a number that the caller reserved. The descriptor becomes the first user of the file. */
    public synchronized void fill(int number, GuestFile file, boolean endsAtExec) {
        all.put(number, new Descriptor(file, endsAtExec));
    }

    /** Ends the reservation of a number. If a file was added at the number, its descriptor stays. */
    public synchronized void endReserve(int number) {
        reserved.remove(number);
    }

    public synchronized boolean endsAtExec(int number) {
        Descriptor found = all.get(number);
        return found != null && found.endsAtExec;
    }

    public synchronized void setEndsAtExec(int number, boolean ends) {
        all.computeIfPresent(number, (key, old) -> new Descriptor(old.file, ends));
    }

    /** Adds a file without checking the limit of a process. */
    public long add(GuestFile file, boolean endsAtExec, int from) {
        return add(file, endsAtExec, from, GuestLimits.DESCRIPTORS);
    }

    /**
     * Adds a file; the descriptor becomes its first user. Returns its number, which is less than {@code most}. If no
     * number is free, closes the file and returns EMFILE. {@code most} is the limit of the process that adds the file:
     * the processes that share a table may have different limits.
     */
    public long add(GuestFile file, boolean endsAtExec, int from, int most) {
        boolean isAdded = false;
        try {
            synchronized (this) {
                int number = free(from, most);
                if (number >= 0) {
                    all.put(number, new Descriptor(file, endsAtExec));
                    isAdded = true;
                    return number;
                }
            }
            return LinuxErrno.EMFILE;
        } finally {
            if (!isAdded) {
                file.release();
            }
        }
    }

    /**
     * Puts a file at a number, and closes the descriptor that had the number. Returns the number. If the number is
     * reserved for an open in progress, closes the file and returns EBUSY.
     */
    public long put(int number, GuestFile file, boolean endsAtExec) {
        Descriptor old = null;
        boolean isPut = false;
        try {
            synchronized (this) {
                if (!reserved.contains(number) || all.containsKey(number)) {
                    old = all.put(number, new Descriptor(file, endsAtExec));
                    isPut = true;
                }
            }
        } finally {
            if (!isPut) {
                file.release();
            }
        }
        if (old != null) {
            end(old.file);
        }
        return isPut ? number : LinuxErrno.EBUSY;
    }

    public long close(int number) {
        Descriptor old;
        synchronized (this) {
            old = all.remove(number);
        }
        if (old == null) {
            return LinuxErrno.EBADF;
        }
        end(old.file);
        return 0;
    }

    public synchronized List<Integer> numbers() {
        return new ArrayList<>(all.keySet());
    }

    /** Closes the descriptors that are marked close-on-exec. */
    public void exec() {
        List<GuestFile> closed = new ArrayList<>();
        synchronized (this) {
            for (Iterator<Map.Entry<Integer, Descriptor>> each = all.entrySet().iterator(); each.hasNext(); ) {
                Descriptor one = each.next().getValue();
                if (one.endsAtExec) {
                    each.remove();
                    closed.add(one.file);
                }
            }
        }
        endAll(closed.iterator());
    }

    /**
     * Closes files that were removed from the table. An exception from one file does not keep the remaining files open.
     */
    private void endAll(Iterator<GuestFile> closed) {
        boolean isEnded = true;
        try {
            while (closed.hasNext()) {
                isEnded = false;
                end(closed.next());
                isEnded = true;
            }
        } finally {
            if (!isEnded) {
                endAll(closed);
            }
        }
    }

    /** Ends one process's use of the table. When the last process ends its use, all files are closed. */
    public void closeAll() {
        List<GuestFile> closed = new ArrayList<>();
        synchronized (this) {
            if (--users > 0) {
                return;
            }
            all.values().forEach(each -> closed.add(each.file));
            all.clear();
        }
        endAll(closed.iterator());
    }

    /** The flags of {@code openat}, as asm-generic numbers them. */
    public static final class OpenFlags {
        public static final int RDONLY = 0;
        public static final int WRONLY = 1;
        public static final int RDWR = 2;
        public static final int ACCESS = 3;
        public static final int CREAT = 0100;
        public static final int EXCL = 0200;
        public static final int NOCTTY = 0400;
        public static final int TRUNC = 01000;
        public static final int APPEND = 02000;
        public static final int NONBLOCK = 04000;
        public static final int LARGEFILE = 0100000;
        public static final int DIRECTORY = 0200000;
        public static final int NOFOLLOW = 0400000;
        public static final int CLOEXEC = 02000000;

        public static final int PATH = 010000000;

        /** Together with {@link #DIRECTORY}, creates a file without a name. */
        public static final int TMPFILE = 020000000;

        /** The flags that {@code F_GETFL} returns: all except those that affect only the open itself. */
        public static final int KEPT = ~(CREAT | EXCL | NOCTTY | TRUNC | CLOEXEC);

        /** All flags that Linux knows ({@code VALID_OPEN_FLAGS}). */
        private static final int KNOWN = 037777703;

        private OpenFlags() {}

        /**
         * Returns the known flags, and {@link #LARGEFILE} in any case ({@code build_open_flags}).
         */
        public static int known(int flags) {
            return (flags & KNOWN) | LARGEFILE;
        }

        /**
         * Whether an open with these flags changes the file or permits changes. {@code O_TRUNC} changes it even with
         * {@code O_RDONLY}.
         */
        public static boolean changesFile(int flags) {
            return (flags & (ACCESS | TRUNC)) != 0;
        }
    }

    /**
     * Counts the open files of a guest ({@code nr_files}). A closed file that is still mapped is also counted, because
     * the library keeps it open. Thread-safe.
     */
    public static final class OpenFileCount {
        private final int most;
        private int open;

        /**
         * The page caches of closed files that were still mapped at the last check. Several opens of a file count once.
         */
        private final Set<PageCache> mapped = new HashSet<>();

        /**
         * Creates the count of a guest.
         *
         * @param most the maximum number of files
         */
        public OpenFileCount(int most) {
            this.most = most;
        }

        /** Returns whether the maximum is reached, so that another open fails with ENFILE. */
        public synchronized boolean isFull() {
            if (open + mapped.size() >= most) {
                mapped.removeIf(pages -> pages.mappings() == 0);
            }
            return open + mapped.size() >= most;
        }

        /** Returns the number of files that are counted as open. */
        public synchronized int number() {
            return open;
        }

        /** Counts a file; returns false, and does not count it, if the maximum is reached. */
        synchronized boolean add() {
            if (isFull()) {
                return false;
            }
            open++;
            return true;
        }

        /** Removes a file that was closed, but may still be mapped. */
        synchronized void remove(@Nullable PageCache pages) {
            open--;
            if (pages != null && pages.mappings() > 0) {
                mapped.add(pages);
            }
        }
    }
}
