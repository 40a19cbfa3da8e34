// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.MapFlags;
import java.io.IOException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("An eviction of pages of a file of the host")
final class EvictedPagesTest extends HostFileFixture {
    private static final long AT = 1L << 30;

    /** Opens and maps a file of one page, and reads the page into memory. */
    private HostFile mapped(int type) throws IOException {
        HostFile file = open(write("f", PAGE_BYTES), RW);
        fixture.map(AT, 1, READ | WRITE, type | MapFlags.FIXED, file, 0);
        assertEquals(STAMP, fixture.load(AT));
        return file;
    }

    private static FilePages pages(HostFile file) {
        return (FilePages) file.pageCache();
    }

    @Test
    @DisplayName("leaves the private copy of a page in its mapping, and frees the page")
    void privateCopy() throws IOException {
        HostFile file = mapped(MapFlags.PRIVATE);
        fixture.store(AT, 9);
        long copy = fixture.pte(AT);
        assertEquals(1, HostFilePages.saved(file).evict(true));
        assertEquals(Frames.NONE, pages(file).frameAt(0));
        assertEquals(copy, fixture.pte(AT));
        assertEquals(9, fixture.load(AT));
        file.close();
    }

    @Test
    @DisplayName("removes a page from its mappings first, and frees it the next time unless it is mapped again by then")
    void secondChance() throws IOException {
        HostFile file = mapped(MapFlags.SHARED);
        int frame = pages(file).frameAt(0);
        assertEquals(0, HostFilePages.saved(file).evict(false));
        assertFalse(fixture.isMapped(AT));
        assertEquals(STAMP, fixture.load(AT));
        assertEquals(0, HostFilePages.saved(file).evict(false));
        assertEquals(frame, pages(file).frameAt(0));
        // The page was put back as a used one.
        assertEquals(0, HostFilePages.saved(file).evict(false));
        assertEquals(frame, pages(file).frameAt(0));
        assertEquals(1, HostFilePages.saved(file).evict(false));
        file.close();
    }

    @Test
    @DisplayName("unmaps a page that it frees, though the one before it is locked and stays")
    void besideLocked() throws IOException {
        HostFile file = open(write("f", 3 * PAGE_BYTES), RW);
        fixture.map(AT, 3, READ | WRITE, MapFlags.SHARED | MapFlags.FIXED, file, 0);
        for (int page = 0; page < 3; page++) {
            assertEquals(STAMP + page, fixture.load(AT + page * PAGE));
        }
        assertEquals(0, space.mlock(AT, PAGE));
        assertEquals(2, HostFilePages.saved(file).evict(true));
        assertEquals(1, fixture.mapped(AT, 3));
        for (int page = 0; page < 3; page++) {
            assertEquals(STAMP + page, fixture.load(AT + page * PAGE));
        }
        file.close();
    }
}
