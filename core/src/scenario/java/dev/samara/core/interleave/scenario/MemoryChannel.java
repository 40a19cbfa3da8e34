// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.internal.hostfile.HostChannel;
import dev.samara.interleave.failure.HostFault;
import dev.samara.interleave.failure.HostFault.HostCall;
import dev.samara.interleave.failure.HostFault.Way;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A host file in an array. Each call is one step, before which another thread may run, and changes the bytes
 * atomically. The library may rely on atomic writes only up to one page, so a scenario that checks a file after each
 * call checks whole pages.
 *
 * <p>A force makes the pages durable that were written since the previous force. If it fails, these writes are lost, as
 * on Linux: the next force does not make the pages durable unless they were written again.
 */
public final class MemoryChannel implements HostChannel {
    private static final int PAGE = (int) SpaceScenario.PAGE;

    /** The number of calls so far. Another thread may run before each call. */
    private final AtomicInteger calls = new AtomicInteger();

    /** The number of open channels. */
    private final AtomicInteger open = new AtomicInteger();

    private final String name;

    /** The maximum size of the file. */
    private final int most;

    private byte[] bytes;

    /** The fault of the call that does not succeed. The scheduler runs only one thread at a time. */
    private HostFault fault = HostFault.none();

    /** The end of the bytes that may be written. */
    private long end = Long.MAX_VALUE;

    /** The bytes that forces made durable. */
    private byte[] forced;

    /** The pages that were written since the last force. */
    private final BitSet unforced = new BitSet();

    /** The minimum size since the last successful force. */
    private int cut = Integer.MAX_VALUE;

    private boolean isCachedByHost;

    /** Creates a file whose page n starts with the number 100 + n. */
    MemoryChannel(int pages) {
        this("host", numbered(pages), Integer.MAX_VALUE);
    }

    /**
     * Creates a file.
     *
     * @param name distinguishes it from other files of a run
     * @param content its initial bytes, which are durable
     * @param most its maximum size
     */
    public MemoryChannel(String name, byte[] content, int most) {
        this.name = name;
        this.most = most;
        bytes = content.clone();
        forced = content.clone();
    }

    private static byte[] numbered(int pages) {
        byte[] made = new byte[pages * PAGE];
        for (int page = 0; page < pages; page++) {
            made[page * PAGE] = (byte) (100 + page);
        }
        return made;
    }

    /** Opens the file once more. */
    public HostChannel opened() throws IOException {
        Way way = fault.reach(HostCall.OPEN, name, false);
        if (way != null) {
            meet(way);
        }
        open.incrementAndGet();
        return this;
    }

    /** Returns the number of open channels. */
    public int open() {
        return open.get();
    }

    /** Makes a later call of this file, or of another one, meet a fault. */
    public void meet(HostFault next) {
        fault = next;
    }

    /** Rejects later writes beyond an offset. */
    public void forbidFrom(long offset) {
        end = offset;
    }

    /** Returns the number at the start of a page of the file; -1 if the file is shorter. */
    public long number(long page) {
        return number(bytes, page);
    }

    /** Returns the number at the start of a page of the forced bytes; -1 if these are shorter. */
    public long forcedNumber(long page) {
        return number(forced, page);
    }

    private static long number(byte[] of, long page) {
        int at = Math.toIntExact(page * SpaceScenario.PAGE);
        return at + 8 > of.length
                ? -1
                : GroundFile.number(ByteBuffer.wrap(of, at, 8).slice());
    }

    /** Returns the length of the written bytes. */
    public long length() {
        return bytes.length;
    }

    /** Returns the written bytes. */
    public byte[] written() {
        return bytes.clone();
    }

    /** Returns the forced bytes. */
    public byte[] forced() {
        return forced.clone();
    }

    /** Makes reads bypass the page cache. Must be called before the first read. */
    public void cacheByHost() {
        isCachedByHost = true;
    }

    /** Changes the file like another program that forces its changes. */
    public void change(byte[] content) {
        bytes = content.clone();
        forced = content.clone();
        unforced.clear();
        cut = Integer.MAX_VALUE;
    }

    /** Starts a call. Returns how the call deviates; null if it simply succeeds. */
    private @Nullable Way begin(HostCall call, int length) throws IOException {
        calls.incrementAndGet();
        Way way = fault.reach(call, name, length > 1);
        return way == null ? null : meet(way);
    }

    private static @Nullable Way meet(Way way) throws IOException {
        if (way == Way.INTERRUPTED) {
            Thread.currentThread().interrupt();
            return null;
        } else if (way == Way.FAILS || way == Way.FULL) {
            throw way.failure();
        }
        return way;
    }

    private static void end(@Nullable Way way) throws IOException {
        if (way == Way.CUT_OFF) {
            throw way.failure();
        }
    }

    private static int length(@Nullable Way way, int length) {
        return way == null ? length : (length + 1) / 2;
    }

    @Override
    public int read(ByteBuffer target, long offset) throws IOException {
        Way way = begin(HostCall.READ, target.remaining());
        if (offset >= bytes.length) {
            return -1;
        }
        int length = length(way, (int) Math.min(target.remaining(), bytes.length - offset));
        target.put(bytes, (int) offset, length);
        end(way);
        return length;
    }

    @Override
    public int write(ByteBuffer source, long offset) throws IOException {
        if (offset + source.remaining() > most) {
            throw new IOException("File too large");
        }
        Way way = begin(HostCall.WRITE, source.remaining());
        int length = length(way, source.remaining());
        if (offset + length > end) {
            throw new AssertionError("written up to " + (offset + length) + ", behind " + end);
        }
        byte[] written = Arrays.copyOf(bytes, Math.max(bytes.length, (int) offset + length));
        source.get(written, (int) offset, length);
        bytes = written;
        unforced.set((int) offset / PAGE, (int) (offset + length + PAGE - 1) / PAGE);
        end(way);
        return length;
    }

    @Override
    public void force() throws IOException {
        Way way;
        try {
            way = begin(HostCall.FORCE, 0);
        } catch (IOException lost) {
            unforced.clear();
            throw lost;
        }
        forced = Arrays.copyOf(Arrays.copyOf(forced, Math.min(forced.length, cut)), bytes.length);
        cut = Integer.MAX_VALUE;
        for (int page = unforced.nextSetBit(0); page >= 0; page = unforced.nextSetBit(page + 1)) {
            int at = Math.min(page * PAGE, bytes.length);
            System.arraycopy(bytes, at, forced, at, Math.min(PAGE, bytes.length - at));
        }
        unforced.clear();
        end(way);
    }

    @Override
    public long size() throws IOException {
        begin(HostCall.SIZE, 0);
        return bytes.length;
    }

    @Override
    public boolean isCachedByHost() {
        return isCachedByHost;
    }

    @Override
    public void truncate(long size) throws IOException {
        Way way = begin(HostCall.TRUNCATE, 0);
        if (size < bytes.length) {
            bytes = Arrays.copyOf(bytes, (int) size);
            cut = Math.min(cut, bytes.length);
        }
        end(way);
    }

    @Override
    public void close() throws IOException {
        open.decrementAndGet();
        begin(HostCall.CLOSE, 0);
    }
}
