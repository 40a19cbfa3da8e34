// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.image;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.image.ImageFixture.describe;
import static dev.samara.core.image.ImageFixture.load;
import static dev.samara.core.image.ImageFixture.open;
import static dev.samara.core.image.ImageFixture.save;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("An image")
final class SpaceImageTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    private final MemoryFile file = fixture.file(4);

    @AfterEach
    void leavesNothing() {
        file.close();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    /** Writes to each second page. */
    private long mapped(long pages, int protection, int flags) {
        long at = fixture.map(0, pages, RW, ANONYMOUS | flags, null, 0);
        for (long page = 0; page < pages; page += 2) {
            fixture.store(at + page * PAGE + 8, at + page);
        }
        assertEquals(0, space.mprotect(at, pages * PAGE, protection));
        return at;
    }

    /** Maps private memory of each kind, apart from each other. */
    private void mapKinds() {
        mapped(5, RW, 0);
        mapped(5, READ, 0);
        mapped(5, Mman.NONE, 0);
        mapped(5, READ | EXEC, 0);
        mapped(5, RW, Mman.NORESERVE);
        long gap = fixture.anonymous(1);
        long named = mapped(4, RW, 0);
        assertEquals(0, space.munmap(gap, PAGE));
        assertEquals(0, space.setAnonymousName(named, 4 * PAGE, "pool"));
        long advised = mapped(4, RW, 0);
        assertEquals(0, space.madvise(advised, 2 * PAGE, Mman.SEQUENTIAL));
        assertEquals(0, space.madvise(advised + 2 * PAGE, 2 * PAGE, Mman.DONTDUMP));
        long guarded = mapped(6, RW, 0);
        assertEquals(0, space.madvise(guarded + PAGE, 2 * PAGE, Mman.GUARD_INSTALL));
        long wiped = mapped(3, RW, 0);
        assertEquals(0, space.madvise(wiped, 3 * PAGE, Mman.WIPEONFORK));
        long absent = mapped(3, RW, 0);
        assertEquals(0, space.madvise(absent, 3 * PAGE, Mman.DONTFORK));
        long locked = mapped(3, RW, 0);
        assertEquals(0, space.mlock(locked, 3 * PAGE));
        long sealed = mapped(3, READ, 0);
        assertEquals(0, space.mseal(sealed, 3 * PAGE, 0));
        fixture.map(0x7000_0000_0000L, 3, RW, ANONYMOUS | Mman.FIXED | Mman.GROWSDOWN, null, 0);
        fixture.store(0x7000_0000_2000L, 5);
        fixture.store(0x6fff_ffff_f000L, 6);
        fixture.map(0, 3, RW, Mman.PRIVATE, file.open(), 1);
        long written = fixture.map(0, 3, RW, Mman.PRIVATE, file.open(), 1);
        fixture.store(written + PAGE, 77);
        fixture.map(0, 1000, Mman.NONE, ANONYMOUS, null, 0);
        long moved = mapped(4, RW, 0);
        long target = fixture.anonymous(4);
        assertEquals(
                target, space.mremap(moved, 4 * PAGE, 4 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, target));
        long heap = space.brk(0);
        assertEquals(heap + 4 * PAGE, space.brk(heap + 4 * PAGE));
        fixture.store(heap + 2 * PAGE, 9);
    }

    @Test
    @DisplayName("has the mappings and bytes of a child, of each kind of private memory, mapped or copied")
    void roundTrip() throws IOException {
        mapKinds();
        String expected;
        try (AddressSpace child = space.fork()) {
            expected = describe(child);
        }
        byte[] saved = save(space);
        try (SpaceImage image = open(fixture.machine, saved);
                AddressSpace loaded = load(image, fixture.machine);
                AddressSpace copied = image.copy(fixture.machine.space(GEOMETRY))) {
            assertEquals(expected, describe(copied));
            assertEquals(expected.replaceAll(" \\[anon:pool]", " null"), describe(loaded));
            assertEquals(space.brk(0), loaded.brk(0));
            loaded.validate();
            copied.validate();
            // An image of what was loaded contains the same again, although its pages were not written.
            assertArrayEquals(save(copied), saved);
            byte[] again = save(loaded);
            try (SpaceImage second = open(fixture.machine, again);
                    AddressSpace reloaded = load(second, fixture.machine)) {
                assertEquals(describe(loaded), describe(reloaded));
            }
        }
    }

    @Test
    @DisplayName("keeps sections")
    void sections() throws IOException {
        byte[] saved = save(space, Map.of("registers", new byte[] {1, 2}, "", new byte[0]));
        try (SpaceImage image = open(fixture.machine, saved)) {
            assertEquals(Set.of("registers", ""), image.sections());
            assertArrayEquals(new byte[] {1, 2}, image.section("registers"));
            assertArrayEquals(new byte[0], image.section(""));
            assertNull(image.section("other"));
        }
    }
}
