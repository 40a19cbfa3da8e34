// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.concurrent.TimeUnit;

/** An unbounded stream of bytes between two threads. A read that waits for too long fails. */
final class ByteStream extends OutputStream {
    private byte[] bytes = new byte[4096];
    private int start;
    private int end;
    private boolean isClosed;
    private final long mostNanos;

    ByteStream(long mostSeconds) {
        mostNanos = TimeUnit.SECONDS.toNanos(mostSeconds);
    }

    @Override
    public void write(int each) {
        write(new byte[] {(byte) each}, 0, 1);
    }

    @Override
    public synchronized void write(byte[] from, int at, int length) {
        if (end + length > bytes.length) {
            byte[] larger = new byte[Math.max(2 * (end - start + length), bytes.length)];
            System.arraycopy(bytes, start, larger, 0, end - start);
            bytes = larger;
            end -= start;
            start = 0;
        }
        System.arraycopy(from, at, bytes, end, length);
        end += length;
        notifyAll();
    }

    @Override
    public synchronized void close() {
        isClosed = true;
        notifyAll();
    }

    /** Returns the reading end. */
    InputStream reader() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] to, int at, int length) throws IOException {
                return take(to, at, length);
            }
        };
    }

    private synchronized int take(byte[] to, int at, int length) throws IOException {
        long deadline = System.nanoTime() + mostNanos;
        while (start == end && !isClosed) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                throw new IOException("no answer in time");
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException();
            }
        }
        int taken = Math.min(length, end - start);
        System.arraycopy(bytes, start, to, at, taken);
        start += taken;
        return taken == 0 ? -1 : taken;
    }
}
