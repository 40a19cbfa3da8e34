// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A file of the host that is written here, and one that is written by mappings of the host's kernel,")
final class HostFileKernelTest extends HostFileFixture {
    private static final int MOST = 24;

    @Test
    @DisplayName("have the same bytes after each save, and the same bytes are seen through both mappings")
    void sameBytes() throws Exception {
        Random random = new Random(Long.getLong("samara.seed", 11));
        Path ours = write("ours", 8 * PAGE_BYTES);
        Path theirs = write("theirs", 8 * PAGE_BYTES);
        HostFile file = open(ours, RW);
        long at = fixture.map(0, MOST, READ | WRITE, MapFlags.SHARED, file, 0);
        long copy = fixture.map(0, MOST, READ | WRITE, MapFlags.PRIVATE, file, 0);
        try (FileChannel channel = FileChannel.open(theirs, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer mapped = map(channel);
            for (int step = 0; step < 3_000; step++) {
                int size = (int) file.size();
                assertEquals(channel.size(), size);
                int offset = random.nextInt(size - 8);
                switch (random.nextInt(20)) {
                    case 0 -> {
                        int bytes = 16 + random.nextInt(MOST * PAGE_BYTES - 16);
                        assertEquals(0, file.truncate(bytes));
                        resize(channel, bytes);
                        mapped = map(channel);
                    }
                    case 1, 2 -> {
                        byte[] bytes = new byte[1 + random.nextInt(2 * PAGE_BYTES)];
                        random.nextBytes(bytes);
                        int to = Math.min(random.nextInt(size + PAGE_BYTES), MOST * PAGE_BYTES - bytes.length);
                        assertEquals(bytes.length, file.pwrite(ByteBuffer.wrap(bytes), to));
                        assertEquals(bytes.length, channel.write(ByteBuffer.wrap(bytes), to));
                        if (channel.size() != size) {
                            mapped = map(channel);
                        }
                    }
                    case 3 -> {
                        assertEquals(0, space.msync(at, MOST * PAGE, SyncFlags.SYNC));
                        mapped.force();
                        assertArrayEquals(Files.readAllBytes(theirs), Files.readAllBytes(ours), "step " + step);
                    }
                    case 4 -> {
                        long page = at + (offset & -PAGE);
                        assertEquals(0, space.madvise(page, PAGE, Advice.DONTNEED));
                    }
                    case 5, 6 -> {
                        long inCopy = copy + (offset & -8);
                        assertEquals(Fault.NONE, fixture.memory.store(inCopy, 8, step));
                        assertEquals(0, space.madvise(copy, MOST * PAGE, Advice.DONTNEED));
                        assertEquals(mapped.getLong(offset & -8), fixture.load(inCopy));
                    }
                    case 7, 8, 9 -> assertEquals(mapped.getLong(offset & -8), fixture.load(at + (offset & -8)));
                    default -> {
                        fixture.store(at + (offset & -8), step);
                        mapped.putLong(offset & -8, step);
                    }
                }
            }
        }
        file.close();
    }

    private static MappedByteBuffer map(FileChannel channel) throws IOException {
        MappedByteBuffer mapped = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size());
        mapped.order(ByteOrder.LITTLE_ENDIAN);
        return mapped;
    }

    private static void resize(FileChannel channel, int bytes) throws IOException {
        if (bytes < channel.size()) {
            channel.truncate(bytes);
        } else if (bytes > channel.size()) {
            channel.write(ByteBuffer.allocate(1), bytes - 1);
        }
    }
}
