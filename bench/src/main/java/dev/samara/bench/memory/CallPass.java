// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.OpenOption;
import java.nio.file.Path;

/**
 * Reads and writes through calls of a {@link HostFile} under a memory limit, with the same buffers as {@link
 * ChannelPass}.
 */
final class CallPass extends FilePass {
    private final Machine machine;
    private final HostFile opened;

    CallPass(Path file, long size, long limit, OpenOption[] options) throws IOException {
        super(file, size);
        machine = Machine.builder().memory(2 * limit).cacheLimit(limit).build();
        opened = machine.openFile(file, Geometry.LINUX_X86_64, options);
    }

    private static void check(long expected, long done) {
        if (done != expected) {
            throw new IllegalStateException(done < 0 ? Errno.of(done).toString() : "only " + done + " bytes");
        }
    }

    @Override
    PassThread worker(Kind kind) {
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(kind.isInOrder() ? BUFFER : PAGE).order(ByteOrder.LITTLE_ENDIAN);
        return new PassThread() {
            private int read(long at, long end) {
                int length = (int) Math.min(bytes.capacity(), end - at);
                check(length, opened.pread(bytes.clear().limit(length), at));
                return length;
            }

            private void write(long at, int length) {
                check(length, opened.pwrite(bytes.clear().limit(length), at));
                bytes.clear();
            }

            @Override
            public void readInOrder(long start, long end) {
                for (long at = start; at < end; at += BUFFER) {
                    read(at, end);
                }
            }

            @Override
            public long scanInOrder(long start, long end) {
                long sum = 0;
                for (long at = start; at < end; at += BUFFER) {
                    int length = read(at, end);
                    for (int i = 0; i < length; i += Long.BYTES) {
                        sum += bytes.getLong(i);
                    }
                }
                return sum;
            }

            @Override
            public long readAt(long start) {
                read(start, start + PAGE);
                return bytes.getLong(0);
            }

            @Override
            public void writeInOrder(long start, long end) {
                for (long at = start; at < end; at += BUFFER) {
                    for (int i = 0; i < BUFFER; i += Long.BYTES) {
                        bytes.putLong(i, at + i);
                    }
                    write(at, (int) Math.min(BUFFER, end - at));
                }
            }

            @Override
            public void writeAt(long start) {
                bytes.putLong(0, start);
                write(start, Long.BYTES);
            }

            @Override
            public void writePageAt(long start) {
                bytes.putLong(0, start);
                write(start, PAGE);
            }

            @Override
            public void close() {
                bytes.clear();
            }
        };
    }

    @Override
    void force() {
        check(0, opened.fsync());
    }

    @Override
    public void close() {
        opened.close();
        machine.close();
    }
}
