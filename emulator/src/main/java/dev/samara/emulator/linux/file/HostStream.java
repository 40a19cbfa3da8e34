// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.GuestFile.FileThread;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * An output stream of the emulator that is the guest's standard output or standard error. A write to the host's output
 * cannot be interrupted, so a separate thread makes it, piece by piece. The thread starts with the first write. A write
 * of the guest returns when the host has taken its bytes, so the host has all bytes that the guest has written.
 *
 * <p>A signal or the end of its process ends a write that the host does not take. The piece in flight does not count as
 * written, but the host may still take it. So if the next write starts with the same bytes, as that of a restarted call
 * does, it takes over the piece. If the host has taken the piece in the meantime, it counts as written by the next
 * write of the same thread, if that write starts with the same bytes.
 */
public final class HostStream extends GuestFile {
    /** The maximum size of a piece in bytes. Of a pipe, a write of this size is atomic ({@code PIPE_BUF}). */
    private static final int PIECE = 4096;

    /**
     * How long a signal does not interrupt a write. A write that the host takes immediately must not fail only because
     * a signal is pending.
     */
    private static final long FIRM_NANOS = 500_000_000;

    private final OutputStream out;
    private final boolean isTerminal;
    private final WaitList waiters = new WaitList();

    /** The write whose turn it is; null if there is none. */
    @GuardedBy("this")
    private @Nullable StreamWrite turn;

    /** The last abandoned write whose piece the host has taken since; null if there is none. */
    @GuardedBy("this")
    private @Nullable StreamWrite late;

    @GuardedBy("this")
    private boolean isStarted;

    @GuardedBy("this")
    private boolean isClosed;

    /** The write of one call. Guarded by the monitor of the stream. */
    private static final class StreamWrite {
        private final byte[] bytes;
        private final FileThread thread;

        /** The end of the bytes to write. */
        private int end;

        /** The end of the piece in flight. */
        private int begun;

        private int written;

        /** The start of the piece that was in flight when the write was abandoned. */
        private int kept;

        private boolean isOver;
        private boolean isAbandoned;
        private @Nullable Throwable failure;

        StreamWrite(byte[] bytes, FileThread thread) {
            this.bytes = bytes;
            this.thread = thread;
            end = bytes.length;
        }

        /** Whether this write starts with the piece in flight of an abandoned write. */
        boolean startsWithPieceOf(StreamWrite before) {
            int length = before.begun - before.kept;
            return before.isAbandoned
                    && length <= end
                    && Arrays.equals(bytes, 0, length, before.bytes, before.kept, before.begun);
        }
    }

    public HostStream(OutputStream out, boolean isTerminal) {
        super(isTerminal ? "/dev/tty" : "pipe:[0]", OpenFlags.WRONLY);
        this.out = out;
        this.isTerminal = isTerminal;
    }

    @Override
    public long write(FileThread thread, long offset, long length, WriteSource source) {
        byte[] bytes = new byte[(int) length];
        int got = source.get(0, bytes, bytes.length);
        if (got == 0) {
            return length == 0 ? 0 : LinuxErrno.EFAULT;
        }
        StreamWrite mine = new StreamWrite(Arrays.copyOf(bytes, got), thread);
        long waited = await(thread, () -> begin(mine));
        if (waited == 0) {
            waited = await(thread, () -> isOver(mine));
        }
        long error = waited == 0 ? errorOf(mine) : abandon(mine, waited);
        if (error == LinuxErrno.EPIPE) {
            thread.sendPipeSignal();
        }
        int written = written(mine);
        return written > 0 ? written : error;
    }

    private long await(FileThread thread, BooleanSupplier isDone) {
        long firm = WaitingThread.after(FIRM_NANOS);
        waiters.add(thread);
        try {
            while (!isDone.getAsBoolean()) {
                if (thread.mustEnd() || !thread.park(firm)) {
                    return thread.await(waiters, isDone, WaitingThread.NEVER);
                }
            }
            return 0;
        } finally {
            waiters.remove(thread);
        }
    }

    /** Starts a write if no other one is in the way. */
    private synchronized boolean begin(StreamWrite mine) {
        StreamWrite before = turn;
        if (before != null && !mine.startsWithPieceOf(before)) {
            return false;
        }
        if (!isStarted) {
            Thread writer = new Thread(this::pump, "output of the guest");
            writer.setDaemon(true);
            writer.start();
            isStarted = true;
        }
        StreamWrite taken = late;
        if (taken != null && taken.thread == mine.thread) {
            late = null;
            if (before == null && mine.startsWithPieceOf(taken)) {
                mine.written = taken.begun - taken.kept;
                mine.isOver = mine.written == mine.end;
            }
        }
        if (!mine.isOver) {
            mine.begun = before == null ? mine.written : before.begun - before.kept;
            turn = mine;
            notifyAll();
        }
        return true;
    }

    private synchronized boolean isOver(StreamWrite mine) {
        return mine.isOver;
    }

    private synchronized int written(StreamWrite mine) {
        return mine.written;
    }

    /** Returns the error of a write that is over; 0 if there was none. */
    private synchronized long errorOf(StreamWrite mine) {
        Throwable failure = mine.failure;
        if (failure == null) {
            return 0;
        }
        if (failure instanceof IOException refused) {
            // The errno is found from the JDK's message, if there is one. A pipe without a reader fails with EPIPE.
            return LinuxErrno.of(refused);
        }
        throw new IllegalStateException("an output of the guest", failure);
    }

    /** Ends a write that may not be over. Only its piece in flight may continue. Returns {@code error}. */
    private long abandon(StreamWrite mine, long error) {
        synchronized (this) {
            mine.isAbandoned = true;
            mine.kept = mine.written;
            mine.end = mine.begun;
            if (turn == mine && mine.begun == mine.written) {
                turn = null;
            }
        }
        waiters.wakeAll();
        return error;
    }

    /** Makes the writes, until the stream is closed. The body of the stream's thread. */
    private void pump() {
        try {
            for (StreamWrite next = take(); next != null; next = take()) {
                wrote(write(next));
                waiters.wakeAll();
            }
        } catch (InterruptedException unexpected) {
            throw new IllegalStateException(unexpected);
        }
    }

    /** Waits for a write, and starts its next piece; returns null if the stream was closed. */
    private synchronized @Nullable StreamWrite take() throws InterruptedException {
        while (turn == null && !isClosed) {
            wait();
        }
        StreamWrite next = turn;
        if (next != null) {
            next.begun = Math.min(next.written + PIECE, next.end);
        }
        return next;
    }

    private @Nullable Throwable write(StreamWrite piece) {
        try {
            // Only this thread changes the bounds of a piece in flight.
            synchronized (out) {
                out.write(piece.bytes, piece.written, piece.begun - piece.written);
                out.flush();
            }
            return null;
        } catch (IOException | RuntimeException | Error failure) {
            // Thrown again by the thread whose write this is.
            return failure;
        }
    }

    /** Ends the piece in flight, which another write may have taken over since. */
    private synchronized void wrote(@Nullable Throwable failure) {
        StreamWrite present = Objects.requireNonNull(turn);
        present.failure = failure;
        if (failure == null) {
            present.written = present.begun;
        }
        if (failure != null || present.written == present.end) {
            present.isOver = true;
            turn = null;
            late = failure == null && present.isAbandoned ? present : late;
        }
    }

    @Override
    synchronized void close() {
        isClosed = true;
        notifyAll();
    }

    @Override
    public boolean hasOffsets() {
        return false;
    }

    @Override
    public boolean hasPath() {
        return false;
    }

    @Override
    public FileStatus status() {
        return FileStatus.of((isTerminal ? FileStatus.CHARACTERS : FileStatus.FIFO) | 0620, 3, 0);
    }

    @Override
    public boolean isTerminal() {
        return isTerminal;
    }
}
