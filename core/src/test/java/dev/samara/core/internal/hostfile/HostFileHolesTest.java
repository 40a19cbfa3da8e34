// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.VmOperations;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("MADV_REMOVE of a file of the host")
final class HostFileHolesTest extends HostFileFixture {
    private static final int PAGES = 4;

    private long shared(HostFile file) {
        return fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, file, 0);
    }

    private long remove(long at, long pages) {
        return space.madvise(at, pages * PAGE, Advice.REMOVE);
    }

    @Test
    @DisplayName("makes its range zeros, in memory and in the host, and leaves what lies beside it")
    void zeros() throws IOException {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = shared(file);
        for (int page = 0; page < PAGES; page++) {
            fixture.store(at + page * PAGE, page + 1);
        }
        assertEquals(0, remove(at + PAGE, 2));
        for (int page = 0; page < PAGES; page++) {
            assertEquals(page == 1 || page == 2 ? 0 : page + 1, fixture.load(at + page * PAGE));
        }
        assertEquals(0, number(path, PAGE));
        assertEquals(0, file.fsync());
        assertEquals(0, number(path, 2 * PAGE));
        assertEquals(4, number(path, 3 * PAGE));
        assertEquals(1, number(path, 0));
        file.close();
    }

    @Test
    @DisplayName("needs no open but that of the mapping")
    void closed() throws IOException {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = shared(file);
        file.close();
        assertEquals(0, remove(at, PAGES));
        assertEquals(0, fixture.load(at));
        assertEquals(0, number(path, 3 * PAGE));
    }

    /** An open that an embedder hands out with a weaker access mode than the file's. */
    private static final class WrappedOpen implements Backing {
        private final HostFile file;

        WrappedOpen(HostFile file) {
            this.file = file;
        }

        @Override
        public int major() {
            return file.major();
        }

        @Override
        public int minor() {
            return file.minor();
        }

        @Override
        public long inode() {
            return file.inode();
        }

        @Override
        public String name() {
            return file.name();
        }

        @Override
        public @Nullable VmOperations operations() {
            return file.operations();
        }

        @Override
        public PageCache pageCache() {
            return file.pageCache();
        }

        @Override
        public Backing underlying() {
            return file;
        }

        @Override
        public int fault(PageRequest request) {
            return file.fault(request);
        }
    }

    @Test
    @DisplayName("punches the hole into the file that a backing wraps")
    void wrapped() throws IOException {
        Path path = write("f", PAGES * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, PAGES, READ | WRITE, MapFlags.SHARED, new WrappedOpen(file), 0);
        file.close();
        assertEquals(STAMP + 1, fixture.load(at + PAGE));
        assertEquals(0, remove(at + PAGE, 1));
        assertEquals(0, fixture.load(at + PAGE));
        assertEquals(0, number(path, PAGE));
        assertEquals(STAMP + 2, number(path, 2 * PAGE));
    }

    @Test
    @DisplayName("is refused for a private mapping, a mapping that may never be written, and locked memory")
    void refused() throws IOException {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        assertResult(Errno.EACCES, remove(fixture.map(0, 1, READ | WRITE, MapFlags.PRIVATE, file, 0), 1));
        HostFile readOnly = open(folder.resolve("f"));
        assertResult(Errno.EACCES, remove(fixture.map(0, 1, READ, MapFlags.SHARED, readOnly, 0), 1));
        long at = shared(file);
        assertEquals(0, space.mlock(at, PAGE));
        assertResult(Errno.EINVAL, remove(at, PAGES));
        assertEquals(STAMP, fixture.load(at));
        assertResult(Errno.EINVAL, remove(at + 1, 1));
        readOnly.close();
        file.close();
    }

    @Test
    @DisplayName("tells the error of the host")
    void failure() throws IOException {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        long at = shared(file);
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                throw new IOException("No space left on device");
            }
        };
        assertResult(Errno.ENOSPC, remove(at, PAGES));
        channels.failure = (call, offset, length) -> {};
        assertEquals(STAMP, fixture.load(at));
        file.close();
    }

    @Test
    @DisplayName("in a range with other mappings goes on to the first that refuses it, and past holes")
    void others() throws IOException {
        HostFile file = open(write("f", PAGES * PAGE_BYTES), RW);
        MemoryFile memory = fixture.file(2);
        long at = fixture.anonymous(8);
        int fixed = MapFlags.SHARED | MapFlags.FIXED;
        fixture.map(at, 1, READ | WRITE, fixed, memory.open(), 0);
        assertEquals(0, space.munmap(at + PAGE, PAGE));
        fixture.map(at + 2 * PAGE, 1, READ | WRITE, fixed, file, 0);
        fixture.map(at + 3 * PAGE, 1, READ, MapFlags.PRIVATE | MapFlags.FIXED, file, 1);
        fixture.map(at + 4 * PAGE, 1, READ | WRITE, fixed, file, 2);
        assertResult(Errno.ENOMEM, remove(at, 3));
        assertEquals(0, fixture.load(at));
        assertEquals(0, fixture.load(at + 2 * PAGE));
        assertResult(Errno.EACCES, remove(at + 2 * PAGE, 3));
        assertEquals(STAMP + 2, fixture.load(at + 4 * PAGE));
        memory.close();
        file.close();
    }
}
