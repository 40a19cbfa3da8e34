// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Reads and writes through a {@link FileChannel} and direct buffers: 128 KiB if sequential, one page if random. */
final class ChannelPass extends FilePass {
    private final FileChannel channel;

    ChannelPass(Path file, long size) throws IOException {
        super(file, size);
        channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    @Override
    PassThread worker(Kind kind) {
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(kind.isInOrder() ? BUFFER : PAGE).order(ByteOrder.LITTLE_ENDIAN);
        return new PassThread() {
            @Override
            public void readInOrder(long start, long end) throws IOException {
                for (long at = start; at < end; at += BUFFER) {
                    channel.read(bytes.clear().limit((int) Math.min(BUFFER, end - at)), at);
                }
            }

            @Override
            public long scanInOrder(long start, long end) throws IOException {
                long sum = 0;
                for (long at = start; at < end; at += BUFFER) {
                    int length = channel.read(bytes.clear().limit((int) Math.min(BUFFER, end - at)), at);
                    for (int i = 0; i < length; i += Long.BYTES) {
                        sum += bytes.getLong(i);
                    }
                }
                return sum;
            }

            @Override
            public long readAt(long start) throws IOException {
                channel.read(bytes.clear(), start);
                return bytes.getLong(0);
            }

            @Override
            public void writeInOrder(long start, long end) throws IOException {
                for (long at = start; at < end; at += BUFFER) {
                    for (int i = 0; i < BUFFER; i += Long.BYTES) {
                        bytes.putLong(i, at + i);
                    }
                    channel.write(bytes.clear().limit((int) Math.min(BUFFER, end - at)), at);
                }
            }

            @Override
            public void writeAt(long start) throws IOException {
                bytes.putLong(0, start);
                channel.write(bytes.clear().limit(Long.BYTES), start);
                bytes.clear();
            }

            @Override
            public void writePageAt(long start) throws IOException {
                bytes.putLong(0, start);
                channel.write(bytes.clear(), start);
            }

            @Override
            public void close() {
                bytes.clear();
            }
        };
    }

    @Override
    void force() throws IOException {
        channel.force(false);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
