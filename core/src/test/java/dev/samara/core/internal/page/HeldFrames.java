// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.vma.FrameStore;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Frames in which one store, within its reader section, or one filling can be made to stand still before it writes. */
public final class HeldFrames implements FrameStore {
    /** A machine makes frames so many bytes at a time. */
    private static final int CHUNK_SHIFT = 22;

    private final DirectFrames frames;
    private final AtomicReference<@Nullable Hold> next = new AtomicReference<>();
    private final AtomicReference<@Nullable Hold> nextFill = new AtomicReference<>();

    public HeldFrames(int pageShift, int count) {
        frames = new DirectFrames(pageShift, CHUNK_SHIFT - pageShift, count);
    }

    /** A store that stands still. */
    public static final class Hold {
        public final CountDownLatch reached = new CountDownLatch(1);
        public final CountDownLatch released = new CountDownLatch(1);
    }

    /** Has the next store stand still. */
    public Hold holdNextStore() {
        Hold hold = new Hold();
        next.set(hold);
        return hold;
    }

    /** Has the next filling of a frame stand still, as with zeros when it is handed out. */
    public Hold holdNextFill() {
        Hold hold = new Hold();
        nextFill.set(hold);
        return hold;
    }

    private static void stand(@Nullable Hold hold) {
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
        stand(next.getAndSet(null));
        frames.put(frame, offset, size, value);
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
    public void fill(int frame, int offset, int length, byte value) {
        stand(nextFill.getAndSet(null));
        frames.fill(frame, offset, length, value);
    }

    @Override
    public void copy(int from, int to) {
        frames.copy(from, to);
    }

    @Override
    public void read(int frame, int offset, byte[] target, int at, int length) {
        frames.read(frame, offset, target, at, length);
    }

    @Override
    public void write(int frame, int offset, byte[] source, int at, int length) {
        frames.write(frame, offset, source, at, length);
    }
}
