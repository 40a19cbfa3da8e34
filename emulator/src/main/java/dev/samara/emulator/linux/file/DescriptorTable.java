// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.lock.FileLocks;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The descriptors of a process ({@code struct files_struct}), which threads and some children share. Thread-safe. */
public final class DescriptorTable {
    private record Descriptor(GuestFile file, boolean endsAtExec) {}

    private final TreeMap<Integer, Descriptor> all = new TreeMap<>();

    /** The numbers of opens that wait, which no other file gets. */
    private final Set<Integer> reserved = new HashSet<>();

    private int users = 1;

    /**
     * Where the processes of this may own locks of files; null before the first one. Set before that is taken.
     *
     * @words {@code locks} of {@code DescriptorTable}, {@code GuestFile}
     * @written a thread that is about to take a lock (volatile)
     * @read a thread that closes a descriptor or the file (volatile)
     * @invariant not null once this may own a lock
     */
    private volatile @Nullable FileLocks locks;

    public DescriptorTable() {}

    /** Has each close release the locks that this owns in the file. Called before one is taken. */
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

    /** Returns the file of a descriptor; null for none. */
    public synchronized @Nullable GuestFile get(int number) {
        Descriptor found = all.get(number);
        return found == null ? null : found.file;
    }

    /** Returns the file of a descriptor for a call, which {@linkplain GuestFile#release releases} it; null for none. */
    public synchronized @Nullable GuestFile use(int number) {
        GuestFile found = get(number);
        if (found != null) {
            found.retain();
        }
        return found;
    }

    /** Returns the lowest free number from one on that is less than the most; -1 for none. */
    private int free(int from, int most) {
        for (int number = from; number < most; number++) {
            if (!all.containsKey(number) && !reserved.contains(number)) {
                return number;
            }
        }
        return -1;
    }

    /**
     * Keeps a number for a file that is to be opened, until {@link #endReserve}; a copy of the table has it free.
     * Returns the number, which is less than the most, or EMFILE.
     */
    public synchronized long reserve(int most) {
        int number = free(0, most);
        if (number < 0) {
            return LinuxErrno.EMFILE;
        }
        reserved.add(number);
        return number;
    }

    /** Adds a file, whose first user is the descriptor, at a number that the caller has reserved. */
    public synchronized void fill(int number, GuestFile file, boolean endsAtExec) {
        all.put(number, new Descriptor(file, endsAtExec));
    }

    /** Frees a reserved number, unless a file has it by now. */
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

    /** Adds a file to a table without a limit of its process. */
    public long add(GuestFile file, boolean endsAtExec, int from) {
        return add(file, endsAtExec, from, GuestLimits.DESCRIPTORS);
    }

    /**
     * Adds a file, whose first user is the descriptor. Returns its number, which is less than the most; EMFILE closes
     * the file. The most is that of the process which adds it: a table may have several.
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
     * Puts a file at a number, and closes the descriptor that had the number. Returns the number; EBUSY, if an open has
     * reserved it, closes the file.
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

    /** Closes the descriptors that a new program does not get. */
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

    /** Ends files that were removed from the table. A failure of one does not keep the others open. */
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

    /** Ends the use of a process; the last one closes all files. */
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
}
