// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The descriptors of a process ({@code struct files_struct}), which threads and some children share. Thread-safe. */
public final class DescriptorTable {
    /** The most descriptors of a process. */
    public static final int MOST = 1024;

    private record Descriptor(GuestFile file, boolean endsAtExec) {}

    private final TreeMap<Integer, Descriptor> all = new TreeMap<>();
    private int users = 1;

    public DescriptorTable() {}

    /** Copies the table for a child. */
    public synchronized DescriptorTable copy() {
        DescriptorTable copy = new DescriptorTable();
        all.forEach((number, each) -> {
            each.file.retain();
            copy.all.put(number, each);
        });
        return copy;
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

    /** Whether there is no number left. */
    public synchronized boolean isFull() {
        return all.size() >= MOST;
    }

    public synchronized boolean endsAtExec(int number) {
        Descriptor found = all.get(number);
        return found != null && found.endsAtExec;
    }

    public synchronized void setEndsAtExec(int number, boolean ends) {
        all.computeIfPresent(number, (key, old) -> new Descriptor(old.file, ends));
    }

    /** Adds a file, whose first user is the descriptor. Returns its number; EMFILE closes the file. */
    public long add(GuestFile file, boolean endsAtExec, int from) {
        synchronized (this) {
            for (int number = from; number < MOST; number++) {
                if (!all.containsKey(number)) {
                    all.put(number, new Descriptor(file, endsAtExec));
                    return number;
                }
            }
        }
        file.release();
        return LinuxErrno.EMFILE;
    }

    /** Puts a file at a number, and closes the descriptor that had the number. */
    public void put(int number, GuestFile file, boolean endsAtExec) {
        Descriptor old;
        synchronized (this) {
            old = all.put(number, new Descriptor(file, endsAtExec));
        }
        if (old != null) {
            old.file.release();
        }
    }

    public long close(int number) {
        Descriptor old;
        synchronized (this) {
            old = all.remove(number);
        }
        if (old == null) {
            return LinuxErrno.EBADF;
        }
        old.file.release();
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
        closed.forEach(GuestFile::release);
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
        closed.forEach(GuestFile::release);
    }
}
