// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.vma.FrameStore;

/** A frame store without bytes, for tests that never read them. */
final class NoBytes implements FrameStore {
    @Override
    public boolean extend(int first, int count) {
        return true;
    }

    @Override
    public long get(int frame, int offset, int size) {
        return 0;
    }

    @Override
    public void put(int frame, int offset, int size, long value) {}

    @Override
    public long getVolatile(int frame, int offset, int size) {
        return 0;
    }

    @Override
    public void putVolatile(int frame, int offset, int size, long value) {}

    @Override
    public long compareAndExchange(int frame, int offset, int size, long expected, long value) {
        return 0;
    }

    @Override
    public void fill(int frame, int offset, int length, byte value) {}

    @Override
    public void copy(int from, int to) {}

    @Override
    public void read(int frame, int offset, byte[] target, int at, int length) {}

    @Override
    public void write(int frame, int offset, byte[] source, int at, int length) {}
}
