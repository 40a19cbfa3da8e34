// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(OneThread.class)
@DisplayName("I3, I8, I9: A page view shows its bytes until it is closed or collected")
final class PageViewTest {
    private static final int PAGE_BYTES = (int) PAGE;
    private static final int FRAMES = 256;

    private static MachineBuilder builder() {
        return Machine.builder().memory(FRAMES * PAGE).poisonFrames(true);
    }

    private static PageView view(SpaceFixture fixture, long address, int length) {
        PageView view = fixture.memory.view(address, length);
        assertFault(Fault.NONE, fixture.memory.fault());
        return Objects.requireNonNull(view);
    }

    private static long read(PageView view) {
        return view.buffer().getLong(0);
    }

    /** Uses all frames that are free, so that a frame that was given away does not keep its bytes. */
    private static void reuse(SpaceFixture fixture) {
        long other = fixture.anonymous(FRAMES / 2);
        for (int page = 0; page < FRAMES / 2; page++) {
            fixture.store(other + page * PAGE, -1);
        }
        assertEquals(0, fixture.space.munmap(other, FRAMES / 2 * PAGE));
    }

    @Test
    @DisplayName("after munmap and after a truncation, on another thread; a partial page gets zeros as in a mapping")
    void oldBytes() throws Exception {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            MemoryFile file = fixture.file(4);
            long at = fixture.map(0, 4, RW, Mman.SHARED, file.open(), 0);
            long own = fixture.anonymous(1);
            fixture.store(at + PAGE, 7);
            fixture.store(at + 16, 8);
            fixture.store(own, 9);
            PageView removed = view(fixture, at + PAGE, PAGE_BYTES);
            PageView partial = view(fixture, at, PAGE_BYTES);
            PageView unmapped = view(fixture, own, 8);
            assertFalse(removed.isCopy() || partial.isCopy() || unmapped.isCopy());
            assertEquals(PAGE_BYTES, removed.buffer().limit());
            assertEquals(0, file.truncate(8));
            assertEquals(0, fixture.space.munmap(own, PAGE));
            reuse(fixture);
            FutureTask<@Nullable Void> other = new FutureTask<>(
                    () -> {
                        assertEquals(7, read(removed));
                        assertEquals(9, read(unmapped));
                        assertEquals(0, partial.buffer().getLong(16), "beyond the end, in the last page");
                        unmapped.close();
                    },
                    null);
            Thread thread = new Thread(other);
            thread.start();
            Await.result("another thread", other, List.of());
            thread.join();
            assertTrue(removed.buffer().isReadOnly());
            assertThrows(IllegalStateException.class, unmapped::buffer);
            unmapped.close();
            assertEquals(2, fixture.machine.statistics().pins());
            removed.close();
            partial.close();
            assertEquals(0, fixture.machine.statistics().pins());
            assertEquals(0, fixture.machine.statistics().viewCopies());
        }
    }

    @Test
    @DisplayName("after its machine is closed")
    void closedMachine() {
        SpaceFixture fixture = new SpaceFixture(builder());
        long at = fixture.anonymous(1);
        fixture.store(at, 7);
        PageView view = fixture.space.view(at, PAGE_BYTES);
        fixture.close();
        fixture.machine.close();
        assertEquals(7, read(view));
        view.close();
        view.close();
    }

    @Test
    @DisplayName("of a page that is stored to in place, the new ones; of a page that the store copies, the old ones")
    void copyOnWrite() {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            long at = fixture.anonymous(3);
            fixture.store(at, 1);
            fixture.store(at + PAGE, 2);
            try (PageView inPlace = view(fixture, at, 8);
                    PageView zeros = view(fixture, at + 2 * PAGE, 8)) {
                fixture.store(at, 3);
                fixture.store(at + 2 * PAGE, 4);
                assertEquals(3, read(inPlace));
                assertEquals(0, read(zeros));
                try (AddressSpace child = fixture.space.fork();
                        PageView shared = view(fixture, at + PAGE, 8)) {
                    fixture.store(at + PAGE, 5);
                    assertEquals(2, read(shared), "shared since the fork");
                    fixture.store(at, 6);
                    assertEquals(6, read(inPlace), "copied for the child");
                    try (PageView childs = child.view(at, 8)) {
                        assertEquals(3, read(childs));
                    }
                }
            }
        }
    }

    @Test
    @DisplayName("of several pages, as far as the frames are adjacent, otherwise a copy; a failure is a fault")
    void severalPages() {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            long at = fixture.anonymous(8);
            // New frames are taken in ascending order.
            for (int page = 0; page < 8; page++) {
                fixture.store(at + page * PAGE, page + 1);
            }
            int length = 4 * PAGE_BYTES;
            try (PageView together = view(fixture, at + 8, length - 8)) {
                assertFalse(together.isCopy());
                assertEquals(4, fixture.machine.statistics().pins());
                assertEquals(3, together.buffer().getLong(2 * PAGE_BYTES - 8));
            }
            assertEquals(0, fixture.machine.statistics().pins());
            long reversed = fixture.anonymous(2);
            fixture.store(reversed + PAGE, 2);
            fixture.store(reversed, 9);
            try (PageView apart = view(fixture, reversed, 2 * PAGE_BYTES)) {
                assertTrue(apart.isCopy());
                assertEquals(9, read(apart));
                assertEquals(2, apart.buffer().getLong(PAGE_BYTES));
                assertEquals(0, fixture.machine.statistics().pins());
                assertEquals(1, fixture.machine.statistics().viewCopies());
            }
            assertEquals(0, fixture.space.munmap(at + 7 * PAGE, PAGE));
            assertNull(fixture.memory.view(at + 6 * PAGE, 2 * PAGE_BYTES));
            assertFault(Fault.MAPERR, fixture.memory.fault());
            assertEquals(at + 7 * PAGE, fixture.memory.faultAddress());
            assertEquals(0, fixture.machine.statistics().pins());
            MmException refused = assertThrows(MmException.class, () -> fixture.space.view(at + 7 * PAGE, 8));
            assertEquals(Errno.EFAULT, refused.errno());
            assertThrows(IllegalArgumentException.class, () -> fixture.memory.view(at, 0));
            assertThrows(IllegalArgumentException.class, () -> fixture.space.view(at, -1));
        }
    }

    @Test
    @DisplayName("as a copy at the bound: an eighth of the memory, and of the limit of host files")
    void bound(@TempDir Path folder) throws Exception {
        int limit = 64;
        try (SpaceFixture fixture = new SpaceFixture(builder().cacheLimit(limit * PAGE))) {
            List<PageView> views = new ArrayList<>();
            Path path = Files.write(folder.resolve("f"), new byte[limit * PAGE_BYTES]);
            try (HostFile file =
                    fixture.machine.openFile(path, GEOMETRY, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                long of = fixture.map(0, limit, READ, Mman.SHARED, file, 0);
                for (int page = 0; page <= limit / 8; page++) {
                    views.add(view(fixture, of + page * PAGE, 8));
                    assertEquals(page == limit / 8, views.get(page).isCopy(), "page " + page);
                }
                long at = fixture.anonymous(FRAMES);
                for (int page = limit / 8; page <= FRAMES / 8; page++) {
                    fixture.store(at + page * PAGE, page);
                    PageView view = view(fixture, at + page * PAGE, 8);
                    assertEquals(page == FRAMES / 8, view.isCopy(), "page " + page);
                    assertEquals(page, read(view));
                    views.add(view);
                }
                assertEquals(2, fixture.machine.statistics().viewCopies());
                views.forEach(PageView::close);
                try (PageView again = view(fixture, of, 8)) {
                    assertFalse(again.isCopy());
                }
                assertEquals(0, fixture.space.munmap(of, limit * PAGE));
            }
            fixture.machine.awaitQuiescence();
        }
    }

    @Test
    @DisplayName("and is released after it was collected, but not while its buffer is reachable")
    void collected() throws Exception {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            long at = fixture.anonymous(2);
            fixture.store(at, 7);
            fixture.store(at + PAGE, 8);
            var kept = view(fixture, at, 8).buffer();
            view(fixture, at + PAGE, 8);
            Await.until("a view is released", () -> {
                System.gc();
                quiesce(fixture.machine);
                return fixture.machine.statistics().pins() == 1;
            });
            assertEquals(0, fixture.space.munmap(at, 2 * PAGE));
            reuse(fixture);
            assertEquals(7, kept.getLong(0));
            assertEquals(1, fixture.machine.statistics().pins());
        }
    }

    @Test
    @DisplayName(
            "leaves the saves of its page as they are, but a page that a call wrote stays dirty until it is closed")
    void dirty(@TempDir Path folder) throws Exception {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            Path path = Files.write(folder.resolve("f"), new byte[3 * PAGE_BYTES]);
            try (HostFile file =
                    fixture.machine.openFile(path, GEOMETRY, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                long at = fixture.map(0, 3, RW, Mman.SHARED, file, 0);
                fixture.store(at, 7);
                assertEquals(1, file.pwrite(ByteBuffer.wrap(new byte[] {8}), PAGE));
                try (PageView stored = view(fixture, at, 8);
                        PageView written = view(fixture, at + PAGE, 8);
                        PageView clean = view(fixture, at + 2 * PAGE, 8)) {
                    assertEquals(15, read(stored) + read(written) + read(clean));
                    for (int value = 9; value < 12; value++) {
                        assertEquals(0, file.fsync());
                        assertEquals(List.of(new HostFile.DirtyRange(PAGE, 2 * PAGE)), dirty(file));
                        fixture.store(at, value);
                        assertEquals(value, read(stored));
                    }
                }
                assertEquals(0, file.fsync());
                assertEquals(List.of(), dirty(file));
                byte[] saved = Files.readAllBytes(path);
                assertEquals(11, saved[0]);
                assertEquals(8, saved[PAGE_BYTES]);
                assertEquals(0, fixture.space.munmap(at, 3 * PAGE));
            }
        }
    }

    private static List<HostFile.DirtyRange> dirty(HostFile file) {
        return file.dirtyRanges(0, 3 * PAGE);
    }

    private static void quiesce(Machine machine) {
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Test
    @DisplayName("whose buffer a checked machine revokes at the close")
    void checked() {
        try (SpaceFixture fixture = new SpaceFixture(builder().checked(true))) {
            long at = fixture.anonymous(1);
            fixture.store(at, 7);
            PageView view = view(fixture, at, 8);
            var buffer = view.buffer();
            view.close();
            assertThrows(IndexOutOfBoundsException.class, () -> buffer.getLong(0));
        }
    }
}
