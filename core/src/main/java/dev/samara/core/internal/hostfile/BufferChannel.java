// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Presents the bytes of a buffer as a file of fixed size. */
final class BufferChannel implements HostChannel {
    private final ByteBuffer bytes;

    /** Uses the bytes from the buffer's position to its limit. Does not change the position or the limit. */
    BufferChannel(ByteBuffer buffer) {
        bytes = buffer.slice();
    }

    @Override
    public int read(ByteBuffer target, long offset) {
        if (offset >= bytes.limit()) {
            return -1;
        }
        int length = (int) Math.min(target.remaining(), bytes.limit() - offset);
        target.put(target.position(), bytes, (int) offset, length);
        target.position(target.position() + length);
        return length;
    }

    @Override
    public int write(ByteBuffer source, long offset) throws IOException {
        int length = source.remaining();
        if (offset + length > bytes.limit()) {
            throw new IOException("File too large");
        }
        bytes.put((int) offset, source, source.position(), length);
        source.position(source.limit());
        return length;
    }

    @Override
    public void force() {
        // There is nothing to force, because a write already stored its bytes in the buffer.
    }

    @Override
    public long size() {
        return bytes.limit();
    }

    @Override
    public void truncate(long size) throws IOException {
        if (size < bytes.limit()) {
            throw new IOException("the size of a buffer is fixed");
        }
    }

    @Override
    public void close() {
        // The buffer belongs to the embedder, so nothing is closed.
    }
}
