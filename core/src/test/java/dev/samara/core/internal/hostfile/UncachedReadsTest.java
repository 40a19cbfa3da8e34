// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A read of many bytes that are not in memory")
final class UncachedReadsTest extends HostFileFixture {
    /** More pages than one call of the host reads. */
    private static final int PAGES = 300;

    private static final int LENGTH = PAGES * PAGE_BYTES - 100;

    private static final byte STORED = 5;

    private final byte[] content = new byte[LENGTH];

    private HostFile opened() throws IOException {
        new Random(8).nextBytes(content);
        Path path = folder.resolve("f");
        Files.write(path, content);
        channels.isRecording = false;
        return open(path, RW);
    }

    private static int resident(HostFile file) {
        FilePages pages = (FilePages) file.pageCache();
        int count = 0;
        for (int page = 0; page < PAGES; page++) {
            count += pages.frameAt(page) == Frames.NONE ? 0 : 1;
        }
        return count;
    }

    private static byte[] read(HostFile file, ByteBuffer target, long offset) {
        long done = file.pread(target, offset);
        assertEquals(Math.max(done, 0), target.position());
        byte[] bytes = new byte[target.flip().remaining()];
        target.get(bytes);
        return bytes;
    }

    private byte[] content(int from, int length) {
        return Arrays.copyOfRange(content, from, Math.min(from + length, LENGTH));
    }

    private static ByteBuffer buffer(int length, boolean isDirect) {
        return isDirect ? ByteBuffer.allocateDirect(length) : ByteBuffer.allocate(length);
    }

    @ParameterizedTest(name = "direct: {0}")
    @ValueSource(booleans = {true, false})
    @DisplayName("has all bytes up to the end, and brings no page into memory")
    void leavesNoPage(boolean isDirect) throws IOException {
        HostFile file = opened();
        assertArrayEquals(content, read(file, buffer(LENGTH + 5000, isDirect), 0));
        assertArrayEquals(content(777, 200_001), read(file, buffer(200_001, isDirect), 777));
        int more = (1 << 20) + PAGE_BYTES;
        assertArrayEquals(content(0, more), read(file, buffer(more, isDirect), 0));
        assertEquals(0, resident(file));
        file.close();
    }

    @Test
    @DisplayName("brings pages into memory if it is short, or the pages between those in memory are few")
    void fillsTheCache() throws IOException {
        HostFile file = opened();
        assertArrayEquals(content(4096, 32 << 10), read(file, ByteBuffer.allocate(32 << 10), 4096));
        int few = resident(file);
        assertTrue(few >= 8, () -> few + " pages");
        assertArrayEquals(content(0, 80 << 10), read(file, ByteBuffer.allocate(80 << 10), 0));
        int more = resident(file);
        assertTrue(more >= 20, () -> more + " pages");
        file.close();
    }

    @Test
    @DisplayName("has what was written to the pages in memory among them")
    void hasWhatIsInMemory() throws IOException {
        HostFile file = opened();
        for (int page : new int[] {0, 16, 17, 18, 60, 120, PAGES - 1}) {
            byte[] stored = {1, 2, (byte) page};
            assertEquals(3, file.pwrite(ByteBuffer.wrap(stored), page * PAGE + 11));
            System.arraycopy(stored, 0, content, page * PAGE_BYTES + 11, 3);
        }
        assertArrayEquals(content, read(file, ByteBuffer.allocateDirect(LENGTH), 0));
        assertEquals(7 + 15, resident(file), "the pages in memory, and the 15 between the first two of them");
        file.close();
    }

    @ParameterizedTest(name = "the other one saved and evicted after the read of the host: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("sees two writes of another thread in their order, if the later one is on the host before the other")
    void seesWritesInTheirOrder(boolean isSavedToo) throws IOException {
        HostFile file = opened();
        int earlier = 40;
        int later = 20;
        AtomicInteger steps = new AtomicInteger();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.READ && length > PAGE && steps.compareAndSet(0, 1)) {
                // Another thread could do the same, because no lock is held.
                store(file, earlier);
                store(file, later);
                saveAndEvict(file, later);
            }
        };
        channels.afterRead = () -> {
            if (isSavedToo && steps.compareAndSet(1, 2)) {
                saveAndEvict(file, earlier);
            }
        };
        byte[] seen = read(file, ByteBuffer.allocateDirect(LENGTH), 0);
        assertEquals(isSavedToo ? 2 : 1, steps.get());
        assertEquals(STORED, seen[later * PAGE_BYTES]);
        assertEquals(STORED, seen[earlier * PAGE_BYTES], "written before the other page");
        file.close();
    }

    private static void store(HostFile file, int page) {
        byte[] stored = new byte[PAGE_BYTES];
        Arrays.fill(stored, STORED);
        assertEquals(PAGE, file.pwrite(ByteBuffer.wrap(stored), page * PAGE));
    }

    private static void saveAndEvict(HostFile file, int page) {
        assertEquals(0, file.fsync(page * PAGE, PAGE));
        assertEquals(1, HostFilePages.saved(file).evict(true));
    }

    @Test
    @DisplayName(
            "has a page as it was before or after a truncation that cuts the page, also if the host reads it in parts")
    void besideATruncation() throws IOException {
        HostFile file = opened();
        int page = 40 * PAGE_BYTES;
        // The first call of the host ends within the range that the truncation cuts off.
        channels.mostBytes = page + 200;
        AtomicReference<@Nullable CallBeside> cut = new AtomicReference<>();
        channels.afterRead = () -> {
            if (cut.get() == null) {
                cut.set(CallBeside.startUntilItWaits("truncation", () -> {
                    long failed = file.truncate(page + 100);
                    return failed != 0 ? failed : file.truncate(LENGTH);
                }));
            }
        };
        byte[] seen = read(file, ByteBuffer.allocateDirect(page + PAGE_BYTES), 0);
        assertEquals(0, Objects.requireNonNull(cut.get()).result());
        int before = page + 150;
        int after = page + 300;
        assertTrue(content[before] != 0 && content[after] != 0);
        assertEquals(seen[before] == content[before], seen[after] == content[after]);
        file.close();
    }

    @Test
    @DisplayName("ends before a page that the host cannot read, and tells EIO if that is the first one")
    void failing() throws IOException {
        HostFile file = opened();
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.READ && offset <= 30 * PAGE && 30 * PAGE < offset + length) {
                throw new IOException("Input/output error");
            }
        };
        assertArrayEquals(content(0, 30 * PAGE_BYTES), read(file, ByteBuffer.allocate(LENGTH), 0));
        assertEquals(Errno.EIO.result(), file.pread(ByteBuffer.allocate(LENGTH), 30 * PAGE));
        file.close();
    }

    @Test
    @DisplayName("ends where another program has cut the file, and takes the size")
    void cutByAnother() throws IOException {
        HostFile file = opened();
        int cut = 100 * PAGE_BYTES + 50;
        Files.write(folder.resolve("f"), content(0, cut));
        assertArrayEquals(content(0, cut), read(file, ByteBuffer.allocateDirect(LENGTH), 0));
        assertEquals(cut, file.size());
        file.close();
    }

    @ParameterizedTest(name = "{0} bytes")
    @ValueSource(ints = {1, 5000, 65_536, Integer.MAX_VALUE})
    @DisplayName("has all bytes if each call of the host is short")
    void shortCalls(int most) throws IOException {
        HostFile file = opened();
        channels.mostBytes = most;
        int length = most == 1 ? 100_000 : LENGTH;
        assertArrayEquals(content(123, length), read(file, ByteBuffer.allocateDirect(length), 123));
        assertEquals(0, resident(file));
        file.close();
    }
}
