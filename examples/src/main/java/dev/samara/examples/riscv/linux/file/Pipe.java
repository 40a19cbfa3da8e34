// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.limit.GuestLimits;
import dev.samara.examples.riscv.linux.wait.WaitList;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The bytes between the ends of a pipe: one for reads and one for writes, or any number if it has a name. Each end is a
 * {@link PipeEnd}.
 */
public final class Pipe {
    /** A result of {@link #join}: there is an end of the other kind. */
    public static final long HAS_PARTNER = -1;

    /** A result of {@link #join}: the last end is gone, and the pipe with it. */
    static final long HAS_ENDED = -2;

    private static final int CAPACITY = GuestLimits.PIPE_BYTES;

    /** Bytes of a page. Writes of up to so many are not mixed with others. */
    private static final int ATOMIC = 4096;

    /** The number of pipes of the guest, which the last end of this one lowers. */
    private final AtomicInteger pipes;

    private final WaitList waiters = new WaitList();

    /** Held by the reader that takes bytes, from before it looks at them until it drops them. Before the monitor. */
    private final Object reading = new Object();

    /** The pages of the bytes, the oldest first; guarded by this. */
    private final Deque<PipePage> pages = new ArrayDeque<>();

    private byte[] bytes = new byte[CAPACITY];
    private int start;
    private int length;
    private int readers;
    private int writers;
    private boolean hasEnded;

    /** How often an end was opened: an open of the other kind waits for more. */
    private long readerOpens;

    private long writerOpens;

    private Pipe(AtomicInteger pipes) {
        this.pipes = pipes;
    }

    /** Makes a pipe with two open ends; returns null if there are as many as may be ({@code pipe-user-pages-hard}). */
    public static @Nullable Pipe orNull(AtomicInteger pipes) {
        Pipe made = named(pipes);
        if (made != null) {
            made.join(true, true);
        }
        return made;
    }

    /** Makes a pipe that ends are still to join; returns null if there are as many as may be. */
    static @Nullable Pipe named(AtomicInteger pipes) {
        Pipe made = new Pipe(pipes);
        if (pipes.incrementAndGet() > GuestLimits.PIPES) {
            pipes.decrementAndGet();
            return null;
        }
        return made;
    }

    /** Makes a pipe from the outside of the guest. */
    static Pipe ofHost() {
        Pipe made = new Pipe(new AtomicInteger(1));
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
        return CAPACITY - length < ATOMIC;
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
            bytes = new byte[0];
            length = 0;
            pages.clear();
            pipes.decrementAndGet();
        }
    }

    /** Whether a read would not wait. */
    synchronized boolean isReadable() {
        return length > 0 || writers == 0;
    }

    /** Whether a write of some bytes would not wait. */
    synchronized boolean isWritable(int count) {
        return readers == 0 || CAPACITY - length >= Math.min(count, ATOMIC);
    }

    /**
     * A page of bytes. A read that ends within one because of the reader's memory leaves all that was left of it
     * ({@code pipe_read}).
     */
    private static final class PipePage {
        private int left;
        private int filled;
    }

    /**
     * Moves bytes to a reader: those that the target takes, but for a page that it takes in part. One reader at a time:
     * the target is memory of the guest, and this waits for nothing of the pipe.
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
        int ahead = Math.min(found.length, CAPACITY - start);
        System.arraycopy(bytes, start, found, 0, ahead);
        System.arraycopy(bytes, 0, found, ahead, found.length - ahead);
        return found;
    }

    /** Returns how many of some bytes are whole pages. */
    private synchronized int wholePages(int count) {
        int whole = 0;
        for (PipePage each : pages) {
            if (whole + each.left > count) {
                break;
            }
            whole += each.left;
        }
        return whole;
    }

    private void drop(int taken) {
        synchronized (this) {
            start = (start + taken) % CAPACITY;
            length -= taken;
            for (int left = taken; left > 0; ) {
                PipePage first = pages.element();
                int part = Math.min(left, first.left);
                first.left -= part;
                left -= part;
                if (first.left == 0) {
                    pages.remove();
                }
            }
            notifyAll();
        }
        waiters.wakeAll();
    }

    /** Moves bytes from a writer that is no thread of the guest, and waits for room if there is none. */
    void giveOrWait(ByteBuffer source) throws InterruptedException {
        while (give(source) == 0) {
            synchronized (this) {
                if (readers == 0) {
                    throw new InterruptedException("nobody reads");
                }
                if (!isWritable(source.remaining())) {
                    wait();
                }
            }
        }
    }

    /** Moves bytes from a writer; returns their number. */
    int give(ByteBuffer source) {
        int given;
        synchronized (this) {
            int room = CAPACITY - length;
            int wanted = source.remaining();
            given = wanted <= ATOMIC && room < wanted ? 0 : Math.min(room, wanted);
            int end = (start + length) % CAPACITY;
            int first = Math.min(given, CAPACITY - end);
            source.get(bytes, end, first).get(bytes, 0, given - first);
            length += given;
            addPages(given);
        }
        if (given > 0) {
            waiters.wakeAll();
        }
        return given;
    }

    /**
     * Adds bytes that were written. What is more than whole pages comes into the last page if all of it fits there
     * ({@code pipe_write}). The caller has the monitor.
     */
    private void addPages(int count) {
        int rest = count % ATOMIC;
        PipePage last = pages.peekLast();
        int left = count;
        if (last != null && last.filled + rest <= ATOMIC) {
            last.filled += rest;
            last.left += rest;
            left -= rest;
        }
        while (left > 0) {
            PipePage added = new PipePage();
            added.left = Math.min(left, ATOMIC);
            added.filled = added.left;
            left -= added.left;
            pages.add(added);
        }
    }
}
