// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.fixture.Rounds;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.PageCache;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Bytes of files:")
final class MemoryFileTest {
    @DisplayName("A file in memory")
    @Nested
    final class OfMemory {
        private static final int PAGE_BYTES = (int) PAGE;

        private final SpaceFixture fixture = new SpaceFixture(3);
        private MemoryFile file = fixture.machine.newFile("/file", 7, SpaceFixture.GEOMETRY, 0);

        @AfterEach
        void everyFrameComesBack() {
            file.close();
            fixture.closeEmpty();
        }

        private static byte[] ones(int length) {
            byte[] bytes = new byte[length];
            Arrays.fill(bytes, (byte) 1);
            return bytes;
        }

        @Test
        @DisplayName("a write without enough memory writes a part, and the file ends behind that part")
        void shortWrite() {
            byte[] bytes = ones(5 * PAGE_BYTES);
            assertEquals(3 * PAGE - 100, file.pwrite(bytes, 0, bytes.length, 100));
            assertEquals(3 * PAGE, file.size());
            assertResult(Errno.ENOSPC, file.pwrite(bytes, 0, 1, 3 * PAGE));
            assertResult(Errno.ENOSPC, file.pwrite(bytes, 0, 10, 20 * PAGE));
            assertEquals(3 * PAGE, file.size(), "nothing was written");
            // A write to existing pages needs no memory.
            assertEquals(10, file.pwrite(bytes, 0, 10, 3 * PAGE - 10));
            assertEquals(10, file.pwrite(bytes, 0, 100, 3 * PAGE - 10));
            assertEquals(3 * PAGE, file.size());
            file.truncate(PAGE);
            assertEquals(2 * PAGE, file.pwrite(bytes, 0, bytes.length, 3 * PAGE), "a hole takes no memory");
            assertEquals(5 * PAGE, file.size());
            assertEquals(3, fixture.frames());
        }

        @Test
        @DisplayName(
                "a file over any page cache consists of zeros where no page is in memory, also around a short write")
        void overAnyCache() {
            file = new MemoryFile("/file", 7, fixture.machine.newPageCache(SpaceFixture.GEOMETRY, 2 * PAGE));
            assertEquals(1, file.pwrite(ones(1), 0, 1, 5));
            byte[] read = ones(2 * PAGE_BYTES);
            assertEquals(read.length, file.pread(read, 0, read.length, 0));
            byte[] expected = new byte[2 * PAGE_BYTES];
            expected[5] = 1;
            assertArrayEquals(expected, read);
        }

        @Test
        @DisplayName("a write of nothing changes nothing, and one beyond the largest offset is EINVAL")
        void writesOfNothing() {
            file = fixture.machine.newFile("/file", 7, SpaceFixture.GEOMETRY, 5);
            assertEquals(0, file.pwrite(new byte[0], 0, 0, 100));
            assertEquals(5, file.size());
            assertResult(Errno.EINVAL, file.pwrite(ones(2), 0, 2, Long.MAX_VALUE));
            assertResult(Errno.EINVAL, file.pwrite(ones(2), 0, 2, -1));
            assertEquals(5, file.size());
            assertEquals(0, fixture.frames());
        }

        @Test
        @DisplayName(
                "bytes written across pages are read back, zeros where none were written, and nothing beyond the end")
        void readsBack() {
            byte[] bytes = new byte[2 * PAGE_BYTES];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) (i * 31 + 1);
            }
            assertEquals(bytes.length - 8, file.pwrite(bytes, 8, bytes.length - 8, 2 * PAGE + 50));
            byte[] read = ones(6 * PAGE_BYTES);
            assertEquals(4 * PAGE + 42, file.pread(read, 1, read.length - 1, 0));
            byte[] expected = ones(6 * PAGE_BYTES);
            Arrays.fill(expected, 1, 1 + 2 * PAGE_BYTES + 50, (byte) 0);
            System.arraycopy(bytes, 8, expected, 1 + 2 * PAGE_BYTES + 50, bytes.length - 8);
            assertArrayEquals(expected, read);
            assertEquals(0, file.pread(read, 0, 10, 5 * PAGE));
        }

        @Test
        @DisplayName("a write beside truncations leaves no byte behind the end, to come back when the file grows again")
        void besideTruncations() throws Exception {
            file = fixture.machine.newFile("/file", 7, SpaceFixture.GEOMETRY, PAGE);
            long at = fixture.map(0, 1, RW, Mman.SHARED, file.open(), 0);
            byte[] bytes = ones(PAGE_BYTES);
            long whole = 0x0101_0101_0101_0101L;
            AtomicInteger begun = new AtomicInteger();
            AtomicInteger written = new AtomicInteger();
            try (RepeatedStep writes = new RepeatedStep("writes", () -> {
                int round = begun.get();
                if (round > written.get()) {
                    assertEquals(PAGE, file.pwrite(bytes, 0, bytes.length, 0));
                    written.set(round);
                } else {
                    Awake.turn();
                }
            })) {
                Rounds rounds = new Rounds(20_000);
                while (rounds.next() && writes.goesOn()) {
                    assertEquals(PAGE, file.pwrite(bytes, 0, bytes.length, 0));
                    begun.set(rounds.count());
                    file.truncate(100);
                    Await.until("both have written", () -> written.get() >= rounds.count() || !writes.goesOn());
                    // Either the write or the truncation may have been last.
                    assertEquals(file.size() == PAGE ? whole : 0, fixture.load(at + PAGE - 8), "behind the end");
                }
            }
        }

        @Test
        @DisplayName("its page cache, too, reads zeros where no page is in memory, and takes a part of such a page")
        void cacheOfZeros() {
            file = fixture.machine.newFile("/file", 7, SpaceFixture.GEOMETRY, PAGE);
            PageCache cache = Objects.requireNonNull(file.open().pageCache());
            byte[] read = ones(10);
            assertEquals(10, cache.pread(read, 0, 10, 5));
            assertArrayEquals(new byte[10], read);
            assertEquals(1, cache.pwrite(ones(1), 0, 1, 7));
            assertEquals(1, cache.pread(read, 0, 1, 7));
            assertEquals(1, read[0]);
        }
    }

    @DisplayName("Numbers in a file of the host")
    @Nested
    final class Numbers {
        private final SpaceFixture fixture = new SpaceFixture();

        private HostFile open(int bytes) {
            return fixture.machine.openFile("numbers", GEOMETRY, ByteBuffer.allocate(bytes));
        }

        @Test
        @DisplayName("of each size are little-endian, at any offset, also across pages")
        void sizes() throws IOException {
            try (HostFile file = open(2 * (int) PAGE)) {
                for (long at : new long[] {0, 3, PAGE - 8, PAGE - 3, 2 * PAGE - 8}) {
                    file.putLong(at, 0x8877_6655_4433_2211L);
                    assertEquals(0x8877_6655_4433_2211L, file.getLong(at));
                    assertEquals(0x4433_2211, file.getInt(at));
                    assertEquals(0x8877_6655, file.getInt(at + 4));
                    assertEquals(0x2211, file.getShort(at));
                    assertEquals((short) 0x8877, file.getShort(at + 6));
                    assertEquals(0x11, file.getByte(at));
                    assertEquals((byte) 0x88, file.getByte(at + 7));
                    file.putInt(at + 4, -1);
                    file.putShort(at + 2, (short) -2);
                    file.putByte(at + 1, (byte) -3);
                    assertEquals(0xffff_ffff_fffe_fd11L, file.getLong(at));
                    file.putLong(at, 0);
                }
            }
            fixture.close();
        }

        @Test
        @DisplayName("are those that a mapping has, and need no CPU")
        void mapping() throws IOException {
            try (HostFile file = open((int) PAGE)) {
                long at = fixture.map(0, 1, RW, Mman.SHARED, file, 0);
                fixture.store(at + 8, 5);
                assertEquals(5, file.getLong(8));
                Thread other = new Thread(() -> {
                    try {
                        file.putLong(8, file.getLong(8) + 1);
                    } catch (IOException failed) {
                        throw new UncheckedIOException(failed);
                    }
                });
                other.start();
                join(other);
                assertEquals(6, fixture.load(at + 8));
            }
            fixture.close();
        }

        private static void join(Thread thread) {
            try {
                thread.join();
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        }

        @Test
        @DisplayName("beyond the end, of a closed file, and in GUEST are no numbers; each error has its errno")
        void errors() {
            HostFile file = open(12);
            assertThrows(EOFException.class, () -> file.getLong(8));
            assertThrows(EOFException.class, () -> file.getByte(12));
            assertEquals(
                    Errno.EINVAL,
                    assertThrows(HostFileException.class, () -> file.getInt(-4)).errno());
            try (OtherCpu other = new OtherCpu(fixture.space)) {
                other.call(cpu -> {
                    cpu.enterGuest();
                    assertThrows(IllegalStateException.class, () -> file.getLong(0));
                    assertThrows(IllegalStateException.class, () -> file.putLong(0, 1));
                    cpu.leaveGuest();
                    return 0;
                });
            }
            file.close();
            assertEquals(
                    Errno.EBADF,
                    assertThrows(HostFileException.class, () -> file.getLong(0)).errno());
            assertEquals(
                    Errno.EBADF,
                    assertThrows(HostFileException.class, () -> file.putByte(0, (byte) 1))
                            .errno());
            HostFile readOnly = fixture.machine.openFile(
                    "constants", GEOMETRY, ByteBuffer.allocate(8).asReadOnlyBuffer());
            assertEquals(
                    Errno.EBADF,
                    assertThrows(HostFileException.class, () -> readOnly.putInt(0, 1))
                            .errno());
            readOnly.close();
            fixture.close();
        }
    }
}
