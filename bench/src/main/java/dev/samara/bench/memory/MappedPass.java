// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Reads through the host's own mapping, without a memory limit. Each buffer maps at most 1 GiB. */
final class MappedPass extends FilePass {
    private static final long PART = 1L << 30;

    private final FileChannel channel;
    private final MappedByteBuffer[] parts;

    MappedPass(Path file, long size) throws IOException {
        super(file, size);
        channel = FileChannel.open(file, StandardOpenOption.READ);
        parts = new MappedByteBuffer[(int) ((size + PART - 1) / PART)];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = channel.map(FileChannel.MapMode.READ_ONLY, i * PART, Math.min(PART, size - i * PART));
            parts[i].order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    @Override
    PassThread worker(Kind kind) {
        return new PassThread() {
            @Override
            public void readInOrder(long start, long end) {
                ByteBuffer bytes = ByteBuffer.allocateDirect(BUFFER);
                for (long at = start; at < end; ) {
                    int from = (int) (at % PART);
                    MappedByteBuffer part = parts[(int) (at / PART)];
                    int length = (int) Math.min(Math.min(BUFFER, end - at), part.capacity() - from);
                    bytes.put(0, part, from, length);
                    at += length;
                }
            }

            @Override
            public long scanInOrder(long start, long end) {
                long sum = 0;
                for (long at = start; at < end; ) {
                    MappedByteBuffer part = parts[(int) (at / PART)];
                    int from = (int) (at % PART);
                    int to = (int) Math.min(part.capacity(), from + end - at);
                    sum += sum(part, from, to);
                    at += to - from;
                }
                return sum;
            }

            @Override
            public long readAt(long start) {
                return parts[(int) (start / PART)].getLong((int) (start % PART));
            }

            @Override
            public long sumPages(int count) {
                ByteBuffer bytes = parts[0];
                long sum = 0;
                for (int i = 0; i < count; i++) {
                    int from = (i & PAGES_IN_MEMORY - 1) * PAGE;
                    sum += sum(bytes, from, from + PAGE);
                }
                return sum;
            }
        };
    }

    private static long sum(ByteBuffer bytes, int from, int to) {
        long sum = 0;
        for (int i = from; i < to; i += Long.BYTES) {
            sum += bytes.getLong(i);
        }
        return sum;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
