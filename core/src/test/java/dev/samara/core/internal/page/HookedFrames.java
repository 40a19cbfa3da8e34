// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Frames in which a test can stop the next store, the next fill, the next copy, or the next read or write of bytes
 * before it is performed, or make the next fill throw.
 */
public final class HookedFrames implements FrameStore {
    /** The binary logarithm of the number of bytes that a machine adds at a time. */
    private static final int CHUNK_SHIFT = 22;

    private static final int NONE = -1;

    private final DirectFrames frames;
    private final AtomicReference<@Nullable Hold> next = new AtomicReference<>();
    private final AtomicReference<@Nullable Hold> nextFill = new AtomicReference<>();
    private final AtomicReference<@Nullable Hold> nextRead = new AtomicReference<>();
    private final AtomicReference<@Nullable Hold> nextWrite = new AtomicReference<>();
    private final AtomicReference<@Nullable Hold> nextCopy = new AtomicReference<>();
    private volatile boolean nextFillThrows;
    private volatile int thrownAt = NONE;
    private volatile boolean filledAgain;

    public HookedFrames(int pageShift, int count) {
        frames = new DirectFrames(pageShift, CHUNK_SHIFT - pageShift, count);
    }

    /** A call that is stopped. */
    public static final class Hold {
        public final CountDownLatch reached = new CountDownLatch(1);
        public final CountDownLatch released = new CountDownLatch(1);
    }

    /** Stops the next store, within its reader section. */
    public Hold holdNextStore() {
        Hold hold = new Hold();
        next.set(hold);
        return hold;
    }

    /** Stops the next fill of a frame, e.g. with zeros when it is allocated. */
    public Hold holdNextFill() {
        Hold hold = new Hold();
        nextFill.set(hold);
        return hold;
    }

    /** Stops the next read of several bytes, within its reader section. */
    public Hold holdNextRead() {
        Hold hold = new Hold();
        nextRead.set(hold);
        return hold;
    }

    /** Stops the next write of several bytes. */
    public Hold holdNextWrite() {
        Hold hold = new Hold();
        nextWrite.set(hold);
        return hold;
    }

    /** Stops the next copy of a page, whose entry is then busy. */
    public Hold holdNextCopy() {
        Hold hold = new Hold();
        nextCopy.set(hold);
        return hold;
    }

    /** Makes the next fill of a frame throw. */
    public void throwOnNextFill() {
        nextFillThrows = true;
    }

    /** Returns whether the frame whose fill threw was filled again afterwards. */
    public boolean isFilledAgain() {
        return filledAgain;
    }

    private static void stop(@Nullable Hold hold) {
        if (hold != null) {
            hold.reached.countDown();
            try {
                hold.released.await();
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
        }
    }

    @Override
    public void put(int frame, int offset, int size, long value) {
        stop(next.getAndSet(null));
        frames.put(frame, offset, size, value);
    }

    @Override
    public void fill(int frame, int offset, int length, byte value) {
        stop(nextFill.getAndSet(null));
        if (nextFillThrows) {
            nextFillThrows = false;
            thrownAt = frame;
            throw new IllegalStateException("planted");
        }
        filledAgain |= frame == thrownAt;
        frames.fill(frame, offset, length, value);
    }

    @Override
    public boolean extend(int first, int count) {
        return frames.extend(first, count);
    }

    @Override
    public long get(int frame, int offset, int size) {
        return frames.get(frame, offset, size);
    }

    @Override
    public long getVolatile(int frame, int offset, int size) {
        return frames.getVolatile(frame, offset, size);
    }

    @Override
    public void putVolatile(int frame, int offset, int size, long value) {
        frames.putVolatile(frame, offset, size, value);
    }

    @Override
    public long compareAndExchange(int frame, int offset, int size, long expected, long value) {
        return frames.compareAndExchange(frame, offset, size, expected, value);
    }

    @Override
    public void copy(int from, int to) {
        stop(nextCopy.getAndSet(null));
        frames.copy(from, to);
    }

    @Override
    public void read(int frame, int offset, byte[] target, int at, int length) {
        stop(nextRead.getAndSet(null));
        frames.read(frame, offset, target, at, length);
    }

    @Override
    public void write(int frame, int offset, byte[] source, int at, int length) {
        stop(nextWrite.getAndSet(null));
        frames.write(frame, offset, source, at, length);
    }
}
