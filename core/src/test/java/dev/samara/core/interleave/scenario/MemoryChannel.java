// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.internal.hostfile.HostChannel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A file of the host in an array. Each call is a step before which another thread may run, and changes the bytes at
 * once. A write in one piece is what the library may rely on for a page at most, so a scenario that looks at a file
 * after each call looks at whole pages.
 */
public final class MemoryChannel implements HostChannel {
    /** The calls so far. Another thread may run before each of them. */
    private final AtomicInteger calls = new AtomicInteger();

    /** The channels that are open. */
    private final AtomicInteger open = new AtomicInteger();

    private byte[] bytes;

    /** The call that fails the next time; null for none. The scheduler runs one thread at a time. */
    private @Nullable String failing;

    /** The end of the bytes that may be written. */
    private long end = Long.MAX_VALUE;

    /** What a force has made durable. */
    private byte[] forced;

    /** Makes a file whose page n begins with the number 100 + n. */
    MemoryChannel(int pages) {
        bytes = new byte[pages * (int) SpaceScenario.PAGE];
        for (int page = 0; page < pages; page++) {
            bytes[page * (int) SpaceScenario.PAGE] = (byte) (100 + page);
        }
        forced = bytes.clone();
    }

    /** Opens the file once more. */
    HostChannel opened() {
        open.incrementAndGet();
        return this;
    }

    /** Returns the number of channels that are open. */
    public int open() {
        return open.get();
    }

    /** Has the next call of a name fail once. */
    public void failOnce(String call) {
        failing = call;
    }

    /** Refuses writes behind an offset from here on. */
    public void forbidFrom(long offset) {
        end = offset;
    }

    /** Returns the number with which a page of the file begins, -1 if the file is shorter. */
    public long number(long page) {
        return number(bytes, page);
    }

    /** Returns the number with which a page begins of what was forced, -1 if that is shorter. */
    public long forcedNumber(long page) {
        return number(forced, page);
    }

    private static long number(byte[] of, long page) {
        int at = Math.toIntExact(page * SpaceScenario.PAGE);
        return at + 8 > of.length
                ? -1
                : GroundFile.number(ByteBuffer.wrap(of, at, 8).slice());
    }

    /** Returns the length of what was written. */
    public long length() {
        return bytes.length;
    }

    private void begin(String call) throws IOException {
        calls.incrementAndGet();
        if (call.equals(failing)) {
            failing = null;
            throw new IOException("Input/output error");
        }
    }

    @Override
    public int read(ByteBuffer target, long offset) throws IOException {
        begin("read");
        if (offset >= bytes.length) {
            return -1;
        }
        int length = (int) Math.min(target.remaining(), bytes.length - offset);
        target.put(bytes, (int) offset, length);
        return length;
    }

    @Override
    public int write(ByteBuffer source, long offset) throws IOException {
        begin("write");
        int length = source.remaining();
        if (offset + length > end) {
            throw new AssertionError("written up to " + (offset + length) + ", behind " + end);
        }
        byte[] written = Arrays.copyOf(bytes, Math.max(bytes.length, (int) offset + length));
        source.get(written, (int) offset, length);
        bytes = written;
        return length;
    }

    @Override
    public void force() throws IOException {
        begin("force");
        forced = bytes.clone();
    }

    @Override
    public long size() throws IOException {
        begin("size");
        return bytes.length;
    }

    @Override
    public void truncate(long size) throws IOException {
        begin("truncate");
        if (size < bytes.length) {
            bytes = Arrays.copyOf(bytes, (int) size);
        }
    }

    @Override
    public void close() {
        open.decrementAndGet();
    }
}
