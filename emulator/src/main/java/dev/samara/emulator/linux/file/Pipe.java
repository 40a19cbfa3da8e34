// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.GuestFile.FileThread;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * A pipe. It starts with an end for reads and one for writes, and may get more of each through {@code /proc}. As on
 * Linux, the pipe is full when its maximum number of pages is in use, even if the pages contain few bytes.
 *
 * <ol>
 *   <li>A write adds whole pages, after the rest that still fits into the last page. A write of at most a page is
 *       atomic.
 *   <li>A read copies the oldest bytes, and then removes those that the reader's memory took.
 *   <li>Each change wakes all threads that wait for an end of the pipe; each of them looks again.
 * </ol>
 */
public final class Pipe {
    /** The size of a page in bytes. Writes of at most this many bytes are atomic. */
    private static final int PAGE = 4096;

    private static final int MOST_PAGES = 16;

    /** The pipes that the guest may still make. This pipe counts until its last end is closed. */
    private final @Nullable Semaphore room;

    private final WaitList waiters = new WaitList();

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

    private int length;
    private int readers = 1;
    private int writers = 1;
    private boolean hasEnded;

    private Pipe(@Nullable Semaphore room) {
        this.room = room;
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

    /** Creates a pipe; returns null if there is no room for another one. */
    public static @Nullable Pipe orNull(Semaphore room) {
        return room.tryAcquire() ? new Pipe(room) : null;
    }

    /** Returns the first end for reads or for writes. */
    public GuestFile end(int flags) {
        return new End("pipe:[1]", this, flags, null, false);
    }

    /**
     * Returns a standard input. A thread that is never woken reads ahead from the host into a pipe, because a guest's
     * thread that waits must be woken by signals. It starts when the guest first looks at its input.
     */
    public static GuestFile ofInput(InputStream in, boolean isTerminal) {
        Pipe pipe = new Pipe(null);
        Thread reader = new Thread(() -> pipe.pump(in), "standard input of the guest");
        reader.setDaemon(true);
        return new End(isTerminal ? "/dev/tty" : "pipe:[0]", pipe, OpenFlags.RDONLY, reader, isTerminal);
    }

    private void pump(InputStream in) {
        byte[] bytes = new byte[PAGE];
        try {
            for (int read = in.read(bytes); read >= 0; read = in.read(bytes)) {
                giveOrWait(bytes, read);
            }
        } catch (IOException | InterruptedException endOfInput) {
            // The guest sees the end of the input.
        } finally {
            end(false, true);
        }
    }

    private void giveOrWait(byte[] bytes, int count) throws InterruptedException {
        int done = 0;
        while (done < count) {
            done += (int) give(done, count, (from, to, length) -> {
                System.arraycopy(bytes, (int) from, to, 0, length);
                return length;
            });
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

    private boolean join(boolean reads, boolean writes) {
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

    private void end(boolean reads, boolean writes) {
        synchronized (this) {
            readers -= reads ? 1 : 0;
            writers -= writes ? 1 : 0;
            if (readers == 0 && writers == 0) {
                hasEnded = true;
                length = 0;
                pages.clear();
                if (room != null) {
                    room.release();
                }
            }
            notifyAll();
        }
        waiters.wakeAll();
    }

    private synchronized int length() {
        return length;
    }

    private synchronized boolean isFull() {
        return pages.size() >= MOST_PAGES;
    }

    private synchronized boolean hasReader() {
        return readers > 0;
    }

    private synchronized boolean hasWriter() {
        return writers > 0;
    }

    private synchronized boolean isReadable() {
        return length > 0 || writers == 0;
    }

    private synchronized boolean isWritable() {
        return readers == 0 || !isFull();
    }

    /** Returns the number of bytes taken; 0 if there are none, and EFAULT if there is no memory for the first page. */
    private long take(int most, GuestFile.ReadTarget target) {
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

    /** Adds bytes of a source from an offset on, as far as there is room; EFAULT if there is no memory for any. */
    private long give(long from, long count, GuestFile.WriteSource source) {
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

    /** Adds the bytes that do not fill a page to the last page, if they fit. */
    private long join(int rest, GuestFile.WriteSource source) {
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

    private synchronized void add(byte[] page, int count) {
        if (!hasEnded) {
            pages.add(new PipePage(page, count));
            length += count;
        }
    }

    /** An end, which reads, writes, or does both. */
    private static final class End extends GuestFile {
        private final Pipe pipe;
        private final boolean isTerminal;

        /** Reads a standard input ahead of the guest, once it is started; null for other pipes. */
        private final @Nullable Thread pump;

        private boolean isStarted;

        End(String path, Pipe pipe, int flags, @Nullable Thread pump, boolean isTerminal) {
            super(path, flags);
            this.pipe = pipe;
            this.pump = pump;
            this.isTerminal = isTerminal;
        }

        private synchronized void start() {
            if (pump != null && !isStarted) {
                isStarted = true;
                pump.start();
            }
        }

        @Override
        public @Nullable GuestFile reopened(int changed) {
            int access = changed & OpenFlags.ACCESS;
            return pump == null && pipe.join(access != OpenFlags.WRONLY, access != OpenFlags.RDONLY)
                    ? new End(path(), pipe, changed & OpenFlags.KEPT, null, false)
                    : super.reopened(changed);
        }

        @Override
        void close() {
            pipe.end(mayRead(), mayWrite());
        }

        @Override
        public long read(FileThread thread, long offset, int length, ReadTarget target) {
            if (!mayRead()) {
                return LinuxErrno.EBADF;
            }
            start();
            for (; ; ) {
                // Read before the bytes are taken, so that the bytes which a writer adds before it closes are not
                // missed.
                boolean hasWriter = pipe.hasWriter();
                long taken = pipe.take(length, target);
                if (taken != 0 || length == 0 || !hasWriter) {
                    return taken;
                }
                if (isNonBlocking()) {
                    return LinuxErrno.EAGAIN;
                }
                long waited = thread.await(pipe.waiters, pipe::isReadable, WaitingThread.NEVER);
                if (waited != 0) {
                    return waited;
                }
            }
        }

        @Override
        public long write(FileThread thread, long offset, long length, WriteSource source) {
            if (!mayWrite()) {
                return LinuxErrno.EBADF;
            }
            long done = 0;
            while (done < length) {
                if (!pipe.hasReader()) {
                    thread.sendPipeSignal();
                    return done > 0 ? done : LinuxErrno.EPIPE;
                }
                long given = pipe.give(done, length, source);
                if (given < 0) {
                    return done > 0 ? done : given;
                }
                done += given;
                if (given == 0) {
                    if (isNonBlocking()) {
                        return done > 0 ? done : LinuxErrno.EAGAIN;
                    }
                    long waited = thread.await(pipe.waiters, pipe::isWritable, WaitingThread.NEVER);
                    if (waited != 0) {
                        return done > 0 ? done : waited;
                    }
                }
            }
            return done;
        }

        @Override
        public boolean hasPath() {
            return false;
        }

        @Override
        public FileStatus status() {
            int mode = isTerminal ? FileStatus.CHARACTERS | 0620 : FileStatus.FIFO | 0600;
            return FileStatus.of(mode, pump == null ? System.identityHashCode(pipe) : 3, 0);
        }

        @Override
        public long available() {
            start();
            return pipe.length();
        }

        @Override
        public int ready() {
            start();
            int ofReader = (pipe.length() > 0 ? READABLE : 0) | (pipe.hasWriter() ? 0 : HUNG_UP);
            int ofWriter = (pipe.isFull() ? 0 : WRITABLE) | (pipe.hasReader() ? 0 : FAILED);
            return (mayRead() ? ofReader : 0) | (mayWrite() ? ofWriter : 0);
        }

        @Override
        public WaitList waiters() {
            return pipe.waiters;
        }

        @Override
        public boolean isTerminal() {
            return isTerminal;
        }

        @Override
        public boolean hasOffsets() {
            return false;
        }

        @Override
        public boolean isPipe() {
            return true;
        }
    }
}
