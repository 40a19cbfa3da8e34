// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A write by a direct open")
final class UncachedWritesTest extends HostFileFixture {
    static final OpenOption[] DIRECT = {StandardOpenOption.READ, StandardOpenOption.WRITE, HostFileOption.DIRECT};

    private static final int PAGES = 20;
    private static final int LENGTH = PAGES * PAGE_BYTES + 100;

    private byte[] content = new byte[LENGTH];

    private HostFile opened() throws IOException {
        return opened(LENGTH);
    }

    private HostFile opened(int length) throws IOException {
        content = new byte[length];
        new Random(8).nextBytes(content);
        Files.write(path(), content);
        return open(path(), DIRECT);
    }

    private Path path() {
        return folder.resolve("f");
    }

    private static int resident(HostFile file) {
        FilePages pages = (FilePages) file.pageCache();
        int count = 0;
        for (int page = 0; page < pages.pages(); page++) {
            count += pages.frameAt(page) == Frames.NONE ? 0 : 1;
        }
        return count;
    }

    private static ByteBuffer random(int length, int seed, boolean isDirect) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return isDirect
                ? ByteBuffer.allocateDirect(length).put(bytes).flip()
                : ByteBuffer.wrap(bytes).asReadOnlyBuffer();
    }

    /** Writes bytes to the file and to {@link #content}. */
    private void write(HostFile file, ByteBuffer source, int offset) {
        int length = source.remaining();
        content = Arrays.copyOf(content, Math.max(content.length, offset + length));
        source.get(source.position(), content, offset, length);
        assertEquals(length, file.pwrite(source, offset));
        assertEquals(0, source.remaining());
    }

    private static byte[] readAll(HostFile file) {
        ByteBuffer target = ByteBuffer.allocate((int) file.size() + 10);
        assertEquals(file.size(), file.pread(target, 0));
        return Arrays.copyOf(target.array(), target.position());
    }

    private void assertSaved(HostFile file) throws IOException {
        assertArrayEquals(content, readAll(file));
        assertEquals(0, file.fsync());
        assertArrayEquals(content, Files.readAllBytes(path()));
        file.close();
    }

    @ParameterizedTest(name = "direct buffer: {0}")
    @ValueSource(booleans = {true, false})
    @DisplayName("has whole pages with the host when it returns, in one call, and brings no page into memory")
    void wholePages(boolean isDirect) throws IOException {
        HostFile file = opened();
        write(file, random(3 * PAGE_BYTES, 1, isDirect), 2 * PAGE_BYTES);
        assertEquals(List.of("write 8192+12288"), channels.calls);
        assertArrayEquals(content, Files.readAllBytes(path()));
        assertArrayEquals(content, readAll(file));
        assertEquals(0, resident(file));
        assertSaved(file);
        assertEquals(List.of("write 8192+12288", "force"), channels.calls);
    }

    @ParameterizedTest(name = "direct buffer: {0}")
    @ValueSource(booleans = {true, false})
    @DisplayName("writes the parts of pages at its ends in memory, and the pages between them to the host")
    void partsOfPages(boolean isDirect) throws IOException {
        HostFile file = opened();
        write(file, random(3 * PAGE_BYTES, 2, isDirect), PAGE_BYTES + 77);
        assertEquals(List.of("write 8192+8192"), channels.calls);
        assertEquals(2, resident(file));
        assertSaved(file);
    }

    @Test
    @DisplayName("writes the pages in memory there, and the pages between them to the host")
    void pagesInMemory() throws IOException {
        HostFile file = opened();
        HostFile cached = open(path(), RW);
        assertEquals(1, cached.pwrite(random(1, 0, true), 3 * PAGE));
        assertEquals(1, cached.pread(ByteBuffer.allocate(1), 6 * PAGE));
        int before = resident(file);
        write(file, random(8 * PAGE_BYTES, 3, true), 0);
        assertEquals(List.of("write 0+12288", "write 16384+8192", "write 28672+4096"), channels.calls);
        assertEquals(before, resident(file));
        cached.close();
        assertSaved(file);
    }

    @ParameterizedTest(name = "{0} bytes from {1} on")
    @CsvSource({"8192, 81920", "8192, 90112", "12345, 81920", "8192, 82020", "16384, 77824", "5000, 200000"})
    @DisplayName("makes the file larger, and what was stored behind the old end by a mapping is zeros")
    void growing(int length, int offset) throws IOException {
        HostFile file = opened();
        long at = space.mmap(0, (PAGES + 1) * PAGE, Protection.READ | Protection.WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + LENGTH + 50, 99);
        write(file, random(length, 4, true), offset);
        assertEquals(content.length, file.size());
        assertEquals(content.length, Files.size(path()));
        assertEquals(0, space.munmap(at, (PAGES + 1) * PAGE));
        assertSaved(file);
    }

    @Test
    @DisplayName("appends at the end of the file, also beside another open")
    void appending() throws IOException {
        HostFile file = opened(3 * PAGE_BYTES);
        HostFile cached = open(path(), RW);
        assertEquals(3 * PAGE, file.append(random(2 * PAGE_BYTES, 5, true)));
        assertEquals(5 * PAGE, cached.append(random(10, 5, true)));
        assertEquals(5 * PAGE + 10, file.append(random(2 * PAGE_BYTES, 5, true)));
        assertEquals(7 * PAGE + 10, file.size());
        byte[] all = readAll(file);
        assertArrayEquals(
                Arrays.copyOfRange(all, 5 * PAGE_BYTES + 10, 6 * PAGE_BYTES),
                Arrays.copyOfRange(all, 3 * PAGE_BYTES, 4 * PAGE_BYTES - 10));
        cached.close();
        assertEquals(0, file.fsync());
        assertArrayEquals(all, Files.readAllBytes(path()));
        file.close();
    }
}
