// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a pipe. A pipe starts with one end for reads and one for writes, and may get more of each through {@code
 * /proc}. Each end is a {@link PipeEnd}. As on Linux, the pipe is full when its maximum number of pages is in use, even
 * if the pages contain few bytes.
 */
public final class Pipe {
    /** The size of a page in bytes. Writes of at most this many bytes are atomic. */
    private static final int PAGE = 4096;

    /** The counts of the guest's pipes and their pages. They include this pipe until its last end is closed. */
    private final PipeCount pipes;

    private final WaitList waiters = new WaitList();

    /** The permission bits. */
    private volatile int rights = 0600;

    /**
     * Held by the reader that takes bytes, from before it reads them until it removes them. Acquired before the
     * monitor.
     */
    private final Object reading = new Object();

    /** Held by the writer that adds bytes while it copies them from its memory. Acquired before the monitor. */
    private final Object writing = new Object();

    /** The pages that contain bytes, the oldest first. */
    @GuardedBy("this")
    private final Deque<PipePage> pages = new ArrayDeque<>();

    /** The maximum number of pages. */
    private int mostPages;

    private int length;
    private int readers = 1;
    private int writers = 1;
    private boolean hasEnded;

    private Pipe(PipeCount pipes, int mostPages) {
        this.pipes = pipes;
        this.mostPages = mostPages;
    }

    /**
     * A page. The bytes from {@code start} to {@code end} are still to be read; the bytes from {@code end} on are free.
     */
    private static final class PipePage {
        private final byte[] bytes;
        private int start;
        private int end;

        PipePage(byte[] bytes, int end) {
            this.bytes = bytes;
            this.end = end;
        }

        int left() {
            return end - start;
        }
    }

    /** Creates a pipe with two open ends; returns null if the maximum number of pipes is reached. */
    public static @Nullable Pipe orNull(PipeCount pipes) {
        int most = pipes.add();
        return most == 0 ? null : new Pipe(pipes, most);
    }

    /** Creates a pipe for input from the host, which does not count among the guest's pipes. */
    static Pipe ofHost() {
        PipeCount own = new PipeCount();
        return new Pipe(own, own.add());
    }

    /** Adds an end for reads, one for writes, or one for both; returns false if the pipe ended with its last end. */
    boolean join(boolean reads, boolean writes) {
        synchronized (this) {
            if (hasEnded) {
                return false;
            }
            readers += reads ? 1 : 0;
            writers += writes ? 1 : 0;
        }
        waiters.wakeAll();
        return true;
    }

    /**
     * Adds an end as {@link #join} does, for an open through an {@code O_PATH} descriptor. A pipe that has ended
     * becomes an empty pipe again. Returns false if the maximum number of pipes is reached.
     */
    boolean joinAgain(boolean reads, boolean writes) {
        while (!join(reads, writes)) {
            if (!isAgain()) {
                return false;
            }
        }
        return true;
    }

    private synchronized boolean isAgain() {
        if (hasEnded) {
            int most = pipes.add();
            if (most == 0) {
                return false;
            }
            mostPages = most;
            hasEnded = false;
        }
        return true;
    }

    public WaitList waiters() {
        return waiters;
    }

    synchronized int length() {
        return length;
    }

    synchronized boolean isFull() {
        return pages.size() >= mostPages;
    }

    /** Returns the capacity in bytes ({@code F_GETPIPE_SZ}). */
    synchronized int capacity() {
        return mostPages * PAGE;
    }

    /** Changes the maximum number of pages ({@code pipe_set_size}); returns the new capacity in bytes, or an error. */
    long resize(int wanted) {
        // The kernel's size is an unsigned number of 32 bits.
        if (wanted < 0 && wanted != Integer.MIN_VALUE) {
            return LinuxErrno.EINVAL;
        }
        long bytes = Math.max(PAGE, Integer.toUnsignedLong(wanted));
        long rounded = Long.highestOneBit(bytes) == bytes ? bytes : Long.highestOneBit(bytes) << 1;
        int most = (int) (rounded / PAGE);
        synchronized (this) {
            if (most > mostPages && (rounded > GuestLimits.PIPE_BYTES || !pipes.change(mostPages, most))) {
                return LinuxErrno.EPERM;
            }
            if (most < pages.size()) {
                return LinuxErrno.EBUSY;
            }
            if (most < mostPages) {
                pipes.change(mostPages, most);
            }
            mostPages = most;
            notifyAll();
        }
        waiters.wakeAll();
        return rounded;
    }

    synchronized boolean hasReader() {
        return readers > 0;
    }

    synchronized boolean hasWriter() {
        return writers > 0;
    }

    void endReader() {
        synchronized (this) {
            readers--;
            countOff();
            notifyAll();
        }
        waiters.wakeAll();
    }

    void endWriter() {
        synchronized (this) {
            writers--;
            countOff();
        }
        waiters.wakeAll();
    }

    /** Ends the pipe if it has no end any more. The caller just removed an end. */
    @GuardedBy("this")
    private void countOff() {
        if (readers == 0 && writers == 0) {
            hasEnded = true;
            length = 0;
            pages.clear();
            pipes.remove(mostPages);
        }
    }

    /** Whether a read would not wait. */
    synchronized boolean isReadable() {
        return length > 0 || writers == 0;
    }

    /** Whether a write would not wait. */
    synchronized boolean isWritable() {
        return readers == 0 || !isFull();
    }

    /**
     * Moves bytes to a reader, as many as the target accepts. If the target accepts only a part of a page, all bytes of
     * that page stay in the pipe ({@code anon_pipe_read}). One reader runs this at a time. That is safe, because the
     * target is memory of the guest, so the copy does not wait for the pipe.
     *
     * @return the number of bytes; EFAULT if there are bytes, but the target accepts no whole page
     */
    long take(int most, ReadTarget target) {
        synchronized (reading) {
            byte[] found = first(most);
            if (found.length == 0) {
                return 0;
            }
            int taken = target.put(found, found.length);
            if (taken < found.length) {
                taken = wholePages(taken);
            }
            drop(taken);
            return GuestFile.taken(taken);
        }
    }

    private synchronized byte[] first(int most) {
        byte[] found = new byte[Math.min(length, most)];
        int at = 0;
        for (PipePage each : pages) {
            int part = Math.min(each.left(), found.length - at);
            System.arraycopy(each.bytes, each.start, found, at, part);
            at += part;
        }
        return found;
    }

    /** Returns how many of the first {@code count} bytes belong to whole pages. */
    private synchronized int wholePages(int count) {
        int whole = 0;
        for (PipePage each : pages) {
            if (whole + each.left() > count) {
                break;
            }
            whole += each.left();
        }
        return whole;
    }

    private void drop(int taken) {
        synchronized (this) {
            length -= taken;
            for (int left = taken; left > 0; ) {
                PipePage first = pages.element();
                int part = Math.min(left, first.left());
                first.start += part;
                left -= part;
                if (first.left() == 0) {
                    pages.remove();
                }
            }
            notifyAll();
        }
        waiters.wakeAll();
    }

    /** Moves bytes from a writer that is not a thread of the guest. Waits while the pipe is full. */
    void giveOrWait(byte[] from, int count) throws InterruptedException {
        int done = 0;
        while (done < count) {
            done += (int) give(done, count, ofArray(from));
            synchronized (this) {
                if (readers == 0) {
                    throw new InterruptedException("nobody reads");
                }
                if (done < count && !isWritable()) {
                    wait();
                }
            }
        }
    }

    /** Returns a source that reads from an array. */
    static WriteSource ofArray(byte[] bytes) {
        return (from, to, length) -> {
            System.arraycopy(bytes, (int) from, to, 0, length);
            return length;
        };
    }

    /**
     * Moves bytes from a writer until the pipe is full ({@code anon_pipe_write}). A page is not added if one of its
     * bytes is not accessible in the source. One writer runs this at a time. That is safe, because the source is memory
     * of the guest, so the copy does not wait for the pipe.
     *
     * @param from how many bytes of the write were moved before
     * @param count the bytes of the write
     * @param source provides the bytes
     * @return the number of bytes, 0 if the pipe is full; EFAULT if the source provides none
     */
    long give(long from, long count, WriteSource source) {
        long given;
        synchronized (writing) {
            given = from == 0 ? join((int) (count % PAGE), source) : 0;
            boolean isThere = given >= 0;
            while (isThere && from + given < count && !isFull()) {
                byte[] page = new byte[PAGE];
                int part = (int) Math.min(PAGE, count - from - given);
                isThere = source.get(from + given, page, part) == part;
                if (isThere) {
                    add(page, part);
                    given += part;
                } else if (given == 0) {
                    given = LinuxErrno.EFAULT;
                }
            }
        }
        if (given > 0) {
            waiters.wakeAll();
        }
        return given;
    }

    /**
     * Moves the bytes that exceed whole pages into the pipe's last page, if all of them fit there. The caller holds
     * {@link #writing}.
     *
     * @return the number of bytes; EFAULT if the source does not provide all of them
     */
    private long join(int rest, WriteSource source) {
        if (rest == 0 || !hasRoomInLast(rest)) {
            return 0;
        }
        byte[] bytes = new byte[rest];
        if (source.get(0, bytes, rest) < rest) {
            return LinuxErrno.EFAULT;
        }
        synchronized (this) {
            // A reader may have taken the last page in the meantime.
            if (!hasRoomInLast(rest)) {
                return 0;
            }
            PipePage last = pages.getLast();
            System.arraycopy(bytes, 0, last.bytes, last.end, rest);
            last.end += rest;
            length += rest;
        }
        return rest;
    }

    private synchronized boolean hasRoomInLast(int count) {
        PipePage last = pages.peekLast();
        return last != null && last.end + count <= last.bytes.length;
    }

    /**
     * Adds pages of a file, as many as there is room for ({@code filemap_splice_read}). Later writes do not append to
     * these pages.
     *
     * @return the number of bytes, 0 at the end of the file; if no byte was added, an error of the file
     */
    long addPagesOf(GuestFile file, long offset, long count) {
        long given = 0;
        long read = 1;
        synchronized (writing) {
            long most = Math.min(count, (long) freePages() * PAGE);
            while (read > 0 && given < most && !isFull()) {
                int part = (int) Math.min(PAGE - (offset + given) % PAGE, most - given);
                byte[] page = new byte[part];
                read = file.readAt(ByteBuffer.wrap(page), offset + given);
                if (read > 0) {
                    add(Arrays.copyOf(page, (int) read), (int) read);
                    given += read;
                }
            }
        }
        if (given > 0) {
            waiters.wakeAll();
        }
        return given > 0 ? given : Math.min(read, 0);
    }

    private synchronized int freePages() {
        return mostPages - pages.size();
    }

    private synchronized void add(byte[] page, int count) {
        if (!hasEnded) {
            pages.add(new PipePage(page, count));
            length += count;
        }
    }

    /** Returns the permission bits. */
    int rights() {
        return rights;
    }

    void rights(int changed) {
        rights = changed;
    }
}
