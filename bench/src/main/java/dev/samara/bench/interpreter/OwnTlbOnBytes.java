// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.nio.MappedByteBuffer;

/** Physical memory whose indexes refer to a little-endian buffer outside the heap. */
abstract class OwnTlbOnBytes extends OwnTlbRam {
    private final MappedByteBuffer bytes;

    OwnTlbOnBytes(MappedByteBuffer bytes) {
        this.bytes = bytes;
    }

    @Override
    final long getLong(int at) {
        return bytes.getLong(at);
    }

    @Override
    final int getInt(int at) {
        return bytes.getInt(at);
    }

    @Override
    final short getShort(int at) {
        return bytes.getShort(at);
    }

    @Override
    final byte getByte(int at) {
        return bytes.get(at);
    }

    @Override
    final void putLong(int at, long value) {
        bytes.putLong(at, value);
    }

    @Override
    final void putInt(int at, int value) {
        bytes.putInt(at, value);
    }

    @Override
    final void putShort(int at, short value) {
        bytes.putShort(at, value);
    }

    @Override
    final void putByte(int at, byte value) {
        bytes.put(at, value);
    }
}
