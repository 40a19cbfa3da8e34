// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.vma.FrameStore;

/** Frames of which one can be made to throw when it is filled, and that know whether it is filled again after that. */
final class ThrowingFrames implements FrameStore {
    private static final int CHUNK_SHIFT = 22;
    private static final int NONE = -1;

    private final DirectFrames frames;
    private volatile boolean isToThrow;
    private volatile int thrown = NONE;
    private volatile boolean isFilledAgain;

    ThrowingFrames(int pageShift, int count) {
        frames = new DirectFrames(pageShift, CHUNK_SHIFT - pageShift, count);
    }

    /** Has the next filling throw. */
    void throwsOnce() {
        isToThrow = true;
    }

    boolean hasBeenFilledAgain() {
        return isFilledAgain;
    }

    @Override
    public void fill(int frame, int offset, int length, byte value) {
        if (isToThrow) {
            isToThrow = false;
            thrown = frame;
            throw new IllegalStateException("planted");
        }
        isFilledAgain |= frame == thrown;
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
    public void put(int frame, int offset, int size, long value) {
        frames.put(frame, offset, size, value);
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
