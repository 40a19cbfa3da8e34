// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.FileAdvice;
import dev.samara.core.mman.MapFlags;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The peak of the resident pages")
final class EvictedPeakTest extends HostFileFixture {
    /** More tables than those with which each removal adds the tables up. */
    private static final int TABLES = 32;

    private static final int PAGES_PER_TABLE = 512;
    private static final int STEP = 64;

    @Test
    @DisplayName("counts pages that only evictions remove, up to a few per table")
    void scattered() throws Exception {
        Path path = folder.resolve("sparse");
        long pages = TABLES * PAGES_PER_TABLE;
        try (RandomAccessFile made = new RandomAccessFile(path.toFile(), "rw")) {
            made.setLength(pages * PAGE);
        }
        HostFile file = open(path, RW);
        long at = fixture.map(0, pages, READ, MapFlags.SHARED, file, 0);
        for (long page = 0; page < pages; page += STEP) {
            assertEquals(0, fixture.load(at + page * PAGE));
        }
        long read = pages / STEP;
        assertEquals(read, space.residency().file());
        assertEquals(0, file.fadvise(0, 0, FileAdvice.POSIX_FADV_DONTNEED));
        assertEquals(0, space.residency().file());
        // Four pages per table, and the upper tables.
        long peak = space.residency().peak();
        assertTrue(peak <= read && peak >= read - 4 * (TABLES + 4), "peak: " + peak);
        file.close();
    }
}
