// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Watchpoint;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A copy of many bytes out of a mapping of a file of the host that are not in memory")
final class UncachedCopiesTest extends HostFileFixture {
    private static final int PAGES = 300;
    private static final int LENGTH = PAGES * PAGE_BYTES - 100;
    private static final byte STORED = 5;

    private final byte[] content = new byte[PAGES * PAGE_BYTES];

    private HostFile opened() throws IOException {
        byte[] bytes = new byte[LENGTH];
        new Random(8).nextBytes(bytes);
        System.arraycopy(bytes, 0, content, 0, LENGTH);
        Path path = folder.resolve("f");
        Files.write(path, bytes);
        channels.isRecording = false;
        return open(path, RW);
    }

    private long map(HostFile file, int flags) {
        return fixture.map(0, PAGES, READ | WRITE, flags, file, 0);
    }

    private static int inMemory(HostFile file) {
        int count = 0;
        for (int page = 0; page < PAGES; page++) {
            count += file.pageCache().frameAt(page) >= 0 ? 1 : 0;
        }
        return count;
    }

    private byte[] copyOut(long at, int length) {
        byte[] bytes = new byte[length];
        assertEquals(length, fixture.memory.copyOut(at, bytes, 0, length));
        return bytes;
    }

    private byte[] content(int from, int length) {
        return Arrays.copyOfRange(content, from, from + length);
    }

    /** Runs an action during the first read of many bytes. */
    private AtomicInteger during(Runnable something) {
        AtomicInteger reads = new AtomicInteger();
        AtomicBoolean isDone = new AtomicBoolean();
        channels.failure = (call, offset, length) -> {
            if (call == ChannelCall.READ && length > 32 * PAGE && !isDone.getAndSet(true)) {
                reads.incrementAndGet();
                something.run();
            }
        };
        return reads;
    }

    @ParameterizedTest(name = "direct buffer: {0}")
    @ValueSource(booleans = {true, false})
    @DisplayName("has them, and brings into memory only the last pages, which are few")
    void leavesNoPage(boolean isDirect) throws IOException {
        HostFile file = opened();
        for (int flags : new int[] {MapFlags.SHARED, MapFlags.PRIVATE}) {
            long at = map(file, flags);
            int length = 200 * PAGE_BYTES + 77;
            ByteBuffer target = isDirect ? ByteBuffer.allocateDirect(length) : ByteBuffer.allocate(length);
            assertEquals(length, fixture.memory.copyOut(at + 123, target));
            byte[] bytes = new byte[length];
            target.flip().get(bytes);
            assertArrayEquals(content(123, length), bytes);
            assertEquals(0, inMemory(file));
        }
        long at = map(file, MapFlags.SHARED);
        assertArrayEquals(content, copyOut(at, PAGES * PAGE_BYTES));
        assertTrue(inMemory(file) <= 64, () -> inMemory(file) + " pages");
        file.close();
    }

    @Test
    @DisplayName("has what was stored to pages in memory, and to private copies of pages")
    void storedPages() throws IOException {
        HostFile file = opened();
        long shared = map(file, MapFlags.SHARED);
        long own = map(file, MapFlags.PRIVATE);
        for (int page : new int[] {50, 90, 200}) {
            fixture.store(shared + page * PAGE, STORED);
            fixture.store(own + page * PAGE + 8, STORED);
        }
        assertEquals(0, file.fsync());
        while (HostFilePages.saved(file).evict(true) > 0) {
            assertTrue(inMemory(file) < PAGES);
        }
        byte[] of = Files.readAllBytes(folder.resolve("f"));
        System.arraycopy(of, 0, content, 0, LENGTH);
        int length = 250 * PAGE_BYTES;
        assertArrayEquals(content(0, length), copyOut(shared, length));
        for (int page : new int[] {50, 90, 200}) {
            Arrays.fill(content, page * PAGE_BYTES + 8, page * PAGE_BYTES + 16, (byte) 0);
            content[page * PAGE_BYTES + 8] = STORED;
        }
        assertArrayEquals(content(0, length), copyOut(own, length));
        file.close();
    }

    @Test
    @DisplayName("is told to a listener of reads page by page, as one of pages in memory")
    @SuppressWarnings("try") // a watchpoint is active until it is closed
    void told() throws IOException {
        HostFile file = opened();
        long at = map(file, MapFlags.SHARED);
        List<String> parts = new ArrayList<>();
        try (Watchpoint watch = fixture.space.watchReads(
                at + 50 * PAGE + 8,
                PAGE,
                (access, address, bytes, value) -> parts.add((address - at) / PAGE + ": " + bytes))) {
            copyOut(at + 16, 200 * PAGE_BYTES);
        }
        assertEquals(0, inMemory(file));
        assertEquals(List.of("50: " + PAGE, "51: " + PAGE), parts);
        file.close();
    }

    @Test
    @DisplayName("sees two stores of another CPU in their order")
    void storesInTheirOrder() throws Exception {
        HostFile file = opened();
        long at = map(file, MapFlags.SHARED);
        int earlier = 40;
        int later = 20;
        try (OtherCpu other = new OtherCpu(space)) {
            AtomicInteger reads = during(() -> {
                other.call(cpu -> cpu.memory().store(at + earlier * PAGE, 1, STORED));
                other.call(cpu -> cpu.memory().store(at + later * PAGE, 1, STORED));
                assertEquals(0, file.fsync(later * PAGE, PAGE));
            });
            content[earlier * PAGE_BYTES] = (byte) ~STORED;
            byte[] seen = copyOut(at, 100 * PAGE_BYTES);
            assertEquals(1, reads.get());
            assertTrue(seen[later * PAGE_BYTES] != STORED || seen[earlier * PAGE_BYTES] == STORED);
        }
        file.close();
    }

    @Test
    @DisplayName("fails if the mapping is removed in the meantime, and has nothing of it")
    void unmapped() throws Exception {
        HostFile file = opened();
        long at = map(file, MapFlags.SHARED);
        AtomicInteger reads = during(() -> assertEquals(
                0,
                CallBeside.start("munmap", () -> space.munmap(at, PAGES * PAGE)).result()));
        assertEquals(0, fixture.memory.copyOut(at, ByteBuffer.allocate(LENGTH)));
        assertEquals(1, reads.get());
        assertEquals(Fault.MAPERR, fixture.memory.fault());
        file.close();
    }

    @Test
    @DisplayName("ends before a page that may not be read any more")
    void unreadable() throws Exception {
        HostFile file = opened();
        long at = map(file, MapFlags.SHARED);
        assertEquals(0, space.mprotect(at + 100 * PAGE, PAGE, Protection.NONE));
        byte[] target = new byte[LENGTH];
        assertEquals(100 * PAGE, fixture.memory.copyOut(at, target, 0, LENGTH));
        assertEquals(Fault.ACCERR, fixture.memory.fault());
        assertArrayEquals(content(0, 100 * PAGE_BYTES), Arrays.copyOf(target, 100 * PAGE_BYTES));
        file.close();
    }

    @Test
    @DisplayName("has a private copy that another CPU makes in the meantime, or the page before it")
    void copiedOnWrite() throws Exception {
        HostFile file = opened();
        long at = map(file, MapFlags.PRIVATE);
        try (OtherCpu other = new OtherCpu(space)) {
            AtomicInteger reads = during(() -> other.call(cpu -> cpu.memory().store(at + 30 * PAGE, 1, STORED)));
            content[30 * PAGE_BYTES] = STORED;
            assertArrayEquals(content(0, 100 * PAGE_BYTES), copyOut(at, 100 * PAGE_BYTES));
            assertEquals(1, reads.get());
        }
        file.close();
    }
}
