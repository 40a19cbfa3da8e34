// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.wait.WaitList;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The bytes between the two ends of a pipe. Each end is a {@link PipeEnd}. */
public final class Pipe {
    private static final int CAPACITY = 64 << 10;

    /** Writes of up to so many bytes are not mixed with others. */
    private static final int ATOMIC = 4096;

    /** The most pipes of a guest, whose bytes are in the heap of the emulator. */
    private static final int MOST = 1024;

    /** The number of pipes of the guest, which the last end of this one lowers. */
    private final AtomicInteger pipes;

    private final WaitList waiters = new WaitList();
    private final byte[] bytes = new byte[CAPACITY];
    private int start;
    private int length;
    private boolean hasReader = true;
    private boolean hasWriter = true;

    private Pipe(AtomicInteger pipes) {
        this.pipes = pipes;
    }

    /** Makes a pipe with two open ends; returns null if there are as many as may be ({@code pipe-user-pages-hard}). */
    public static @Nullable Pipe orNull(AtomicInteger pipes) {
        if (pipes.incrementAndGet() > MOST) {
            pipes.decrementAndGet();
            return null;
        }
        return new Pipe(pipes);
    }

    /** Makes a pipe from the outside of the guest. */
    static Pipe ofHost() {
        return new Pipe(new AtomicInteger(1));
    }

    WaitList waiters() {
        return waiters;
    }

    synchronized int length() {
        return length;
    }

    synchronized boolean isFull() {
        return CAPACITY - length < ATOMIC;
    }

    synchronized boolean hasReader() {
        return hasReader;
    }

    synchronized boolean hasWriter() {
        return hasWriter;
    }

    void endReader() {
        synchronized (this) {
            hasReader = false;
            countOff();
            notifyAll();
        }
        waiters.wakeAll();
    }

    void endWriter() {
        synchronized (this) {
            hasWriter = false;
            countOff();
        }
        waiters.wakeAll();
    }

    /** The caller has ended one of the ends. */
    private void countOff() {
        if (!hasReader && !hasWriter) {
            pipes.decrementAndGet();
        }
    }

    /** Whether a read would not wait. */
    synchronized boolean isReadable() {
        return length > 0 || !hasWriter;
    }

    /** Whether a write of some bytes would not wait. */
    synchronized boolean isWritable(int count) {
        return !hasReader || CAPACITY - length >= Math.min(count, ATOMIC);
    }

    /** Moves bytes to a reader; returns their number. */
    int take(ByteBuffer target) {
        int taken;
        synchronized (this) {
            taken = Math.min(length, target.remaining());
            int first = Math.min(taken, CAPACITY - start);
            target.put(bytes, start, first).put(bytes, 0, taken - first);
            start = (start + taken) % CAPACITY;
            length -= taken;
            notifyAll();
        }
        if (taken > 0) {
            waiters.wakeAll();
        }
        return taken;
    }

    /** Moves bytes from a writer that is no thread of the guest, and waits for room if there is none. */
    void giveOrWait(ByteBuffer source) throws InterruptedException {
        while (give(source) == 0) {
            synchronized (this) {
                if (!hasReader) {
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
        }
        if (given > 0) {
            waiters.wakeAll();
        }
        return given;
    }
}
