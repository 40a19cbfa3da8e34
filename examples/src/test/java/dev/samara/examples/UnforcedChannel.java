// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;

/**
 * A file in memory, on a device that loses power: afterwards, any sector that was written but not forced may contain
 * its old bytes. The library uses such a channel only with explicit positions.
 */
final class UnforcedChannel extends FileChannel {
    private static final int SECTOR = 512;

    /** The number of calls that may change the device until its power fails. */
    private int callsLeft;

    private boolean hasFailed;

    private byte[] bytes;
    private byte[] forced;
    private final BitSet written = new BitSet();

    UnforcedChannel(byte[] content, int calls) {
        bytes = content.clone();
        forced = content.clone();
        callsLeft = calls;
    }

    private void count() throws IOException {
        if (callsLeft == 0) {
            hasFailed = true;
            throw new IOException("Input/output error");
        }
        callsLeft--;
    }

    /** Returns whether a call failed because of the power loss. */
    synchronized boolean hasFailed() {
        return hasFailed;
    }

    /** Returns the content of the device after the power loss. */
    synchronized byte[] afterLoss(Random random) {
        callsLeft = 0;
        byte[] left = Arrays.copyOf(forced, random.nextBoolean() ? bytes.length : forced.length);
        for (int sector = written.nextSetBit(0); sector >= 0; sector = written.nextSetBit(sector + 1)) {
            int start = sector * SECTOR;
            int end = Math.min(Math.min(start + SECTOR, left.length), bytes.length);
            if (start < end && random.nextBoolean()) {
                System.arraycopy(bytes, start, left, start, end - start);
            }
        }
        return left;
    }

    @Override
    public synchronized int read(ByteBuffer target, long position) {
        int length = (int) Math.min(target.remaining(), bytes.length - position);
        if (length <= 0) {
            return -1;
        }
        target.put(bytes, (int) position, length);
        return length;
    }

    @Override
    public synchronized int write(ByteBuffer source, long position) throws IOException {
        count();
        int length = source.remaining();
        int start = (int) position;
        if (start + length > bytes.length) {
            bytes = Arrays.copyOf(bytes, start + length);
        }
        source.get(bytes, start, length);
        written.set(start / SECTOR, (start + length + SECTOR - 1) / SECTOR);
        return length;
    }

    @Override
    public synchronized FileChannel truncate(long size) throws IOException {
        count();
        bytes = Arrays.copyOf(bytes, (int) Math.min(size, bytes.length));
        return this;
    }

    @Override
    public synchronized void force(boolean metaData) throws IOException {
        count();
        forced = bytes.clone();
        written.clear();
    }

    @Override
    public synchronized long size() {
        return bytes.length;
    }

    @Override
    protected void implCloseChannel() {
        // Nothing to close.
    }

    @Override
    public int read(ByteBuffer target) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long read(ByteBuffer[] targets, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int write(ByteBuffer source) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long write(ByteBuffer[] sources, int offset, int length) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long position() {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel position(long newPosition) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
        throw new UnsupportedOperationException();
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) {
        throw new UnsupportedOperationException();
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) {
        throw new UnsupportedOperationException();
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) {
        throw new UnsupportedOperationException();
    }
}
