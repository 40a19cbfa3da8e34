// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.wait.WaitList;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * The bytes between the ends of a pipe: one for reads and one for writes, or any number if it has a name. Each end is a
 * {@link PipeEnd}. As in Linux it is full when it has as many pages as it may have, however few bytes are in them.
 */
public final class Pipe {
    /** A result of {@link #join}: there is an end of the other kind. */
    public static final long HAS_PARTNER = -1;

    /** A result of {@link #join}: the last end is gone, and the pipe with it. */
    static final long HAS_ENDED = -2;

    /** The bytes of a page. A write of up to so many is not mixed with others. */
    private static final int PAGE = 4096;

    /** The pipes of the guest, among which the last end of this one does not count it any more. */
    private final PipeCount pipes;

    private final WaitList waiters = new WaitList();

    /** What {@code chmod} has set, of a pipe without a name. */
    private volatile int rights = 0600;

    /** Held by the reader that takes bytes, from before it looks at them until it drops them. Before the monitor. */
    private final Object reading = new Object();

    /** Held by the writer that adds bytes while it copies them from its memory. Before the monitor. */
    private final Object writing = new Object();

    /** The pages that have bytes, the oldest first; guarded by this. */
    private final Deque<PipePage> pages = new ArrayDeque<>();

    /** How many pages there may be. */
    private int mostPages;

    private int length;
    private int readers;
    private int writers;
    private boolean hasEnded;

    /** How often an end was opened: an open of the other kind waits for more. */
    private long readerOpens;

    private long writerOpens;

    private Pipe(PipeCount pipes, int mostPages) {
        this.pipes = pipes;
        this.mostPages = mostPages;
    }

    /** A page, of which the bytes from its start to its end are to be read, and those after that are free. */
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

    /** Makes a pipe with two open ends; returns null if there are as many as may be. */
    public static @Nullable Pipe orNull(PipeCount pipes) {
        Pipe made = named(pipes);
        if (made != null) {
            made.join(true, true);
        }
        return made;
    }

    /** Makes a pipe that ends are still to join; returns null if there are as many as may be. */
    static @Nullable Pipe named(PipeCount pipes) {
        int most = pipes.add();
        return most == 0 ? null : new Pipe(pipes, most);
    }

    /** Makes a pipe from the outside of the guest. */
    static Pipe ofHost() {
        PipeCount own = new PipeCount();
        Pipe made = new Pipe(own, own.add());
        made.join(true, true);
        return made;
    }

    /**
     * Adds an end for reads, one for writes, or one for both.
     *
     * @return {@link #HAS_PARTNER}, {@link #HAS_ENDED}, or how often the other end was opened before: an open
     *     that waits does so until that is more, even if the other one is gone by then
     */
    long join(boolean reads, boolean writes) {
        long result;
        synchronized (this) {
            if (hasEnded) {
                return HAS_ENDED;
            }
            readers += reads ? 1 : 0;
            readerOpens += reads ? 1 : 0;
            writers += writes ? 1 : 0;
            writerOpens += writes ? 1 : 0;
            boolean hasPartner = reads ? writers > 0 : readers > 0;
            result = hasPartner ? HAS_PARTNER : reads ? writerOpens : readerOpens;
        }
        waiters.wakeAll();
        return result;
    }

    /** As {@link #join}, by a descriptor that keeps the place of the pipe: one that has ended is an empty one again. */
    long joinAgain(boolean reads, boolean writes) {
        long result = join(reads, writes);
        while (result == HAS_ENDED && isAgain()) {
            result = join(reads, writes);
        }
        return result;
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

    /** Adds an end for writes if there is one for reads; returns whether there is. */
    boolean addWriterIfRead() {
        synchronized (this) {
            if (readers == 0) {
                return false;
            }
            writers++;
            writerOpens++;
        }
        waiters.wakeAll();
        return true;
    }

    /** Returns how often an end was opened: that of readers, or that of writers. */
    public synchronized long opens(boolean ofReaders) {
        return ofReaders ? readerOpens : writerOpens;
    }

    synchronized long writerOpens() {
        return writerOpens;
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

    /** Returns the bytes of the pages that it may have ({@code F_GETPIPE_SZ}). */
    synchronized int capacity() {
        return mostPages * PAGE;
    }

    /** Has another number of pages ({@code pipe_set_size}); returns the bytes of them, or why it keeps what it has. */
    long resize(int wanted) {
        // The kernel's number has 32 bits without a sign.
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

    /** The caller has ended one of the ends. */
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
     * Moves bytes to a reader: those that the target takes, but for a page that it takes in part, of which all stay
     * ({@code anon_pipe_read}). One reader at a time: the target is memory of the guest, and this waits for nothing of
     * the pipe.
     *
     * @return their number; EFAULT if there are some, and the target takes no page
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

    /** Returns how many of some bytes are whole pages. */
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

    /** Moves bytes from a writer that is no thread of the guest, and waits for room if there is none. */
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

    /** Returns a source of bytes that are there. */
    static WriteSource ofArray(byte[] bytes) {
        return (from, to, length) -> {
            System.arraycopy(bytes, (int) from, to, 0, length);
            return length;
        };
    }

    /**
     * Moves bytes from a writer until there is no room ({@code anon_pipe_write}). A page of which the source lacks a
     * byte is not added. One writer at a time: the source is memory of the guest, and this waits for nothing of the
     * pipe.
     *
     * @param from how many bytes of the write were moved before
     * @param count the bytes of the write
     * @param source has them
     * @return the number of bytes, 0 for no room; EFAULT if there are none in the source
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
     * Moves what is more than whole pages to the last page, if all of it fits there. The caller has {@link #writing}.
     *
     * @return the number of bytes; EFAULT if the source lacks one of them
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
            // The reader may have taken all of it meanwhile.
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
     * Adds pages of a file, as many as there is room for ({@code filemap_splice_read}). No write comes into them.
     *
     * @return the number of bytes, 0 at the end of the file; an error of the file if there are none
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

    /** Returns the bits that {@code chmod} sets, of a pipe without a name. */
    int rights() {
        return rights;
    }

    void rights(int changed) {
        rights = changed;
    }
}
