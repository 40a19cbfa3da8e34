// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.MapFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A scan of a file of the host that is larger than the limit for pages in memory")
final class HostFileScanTest extends HostFileFixture {
    private static final int LIMIT = 2048;

    /** The maximum number of pages that a scan leaves in memory, plus the same number for its windows. */
    private static final int RECENT = LIMIT / 8 * 2;

    private static final int LARGE = 3 * LIMIT;

    HostFileScanTest() {
        super(Machine.builder()
                .memory(4 * LIMIT * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .writeBackEvery(Duration.ZERO));
    }

    private long map(HostFile file, int pages) {
        return fixture.map(0, pages, READ, MapFlags.SHARED, file, 0);
    }

    private void scan(long at, int pages) {
        for (int page = 0; page < pages; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
    }

    private static int inMemory(HostFile file, int pages) {
        int count = 0;
        for (int page = 0; page < pages; page++) {
            count += file.pageCache().frameAt(page) >= 0 ? 1 : 0;
        }
        return count;
    }

    @Test
    @DisplayName("leaves pages in memory that were read one by one, and those of another scan before it")
    void otherPages() throws Exception {
        HostFile random = open(write("random", LIMIT / 4 * PAGE_BYTES));
        long at = map(random, LIMIT / 4);
        assertEquals(0, space.madvise(at, LIMIT / 4 * PAGE, Advice.RANDOM));
        scan(at, LIMIT / 4);
        HostFile before = fixture.machine.openFile(write("before", LIMIT / 4 * PAGE_BYTES), GEOMETRY);
        scan(map(before, LIMIT / 4), LIMIT / 4);
        HostFile large = fixture.machine.openFile(write("large", LARGE * PAGE_BYTES), GEOMETRY);
        scan(map(large, LARGE), LARGE);
        assertEquals(LIMIT / 4, inMemory(random, LIMIT / 4));
        assertEquals(LIMIT / 4, inMemory(before, LIMIT / 4));
        random.close();
        before.close();
        large.close();
    }

    @Test
    @DisplayName("finds a part of the file in memory when it is repeated")
    void repeated() throws Exception {
        HostFile file = open(write("f", LARGE * PAGE_BYTES));
        long at = map(file, LARGE);
        scan(at, LARGE);
        long reads = fixture.machine.statistics().majorFaults();
        scan(at, LARGE);
        assertTrue(inMemory(file, LIMIT - RECENT) == LIMIT - RECENT);
        assertTrue(fixture.machine.statistics().majorFaults() - reads < reads * 7 / 8);
        file.close();
    }

    @Test
    @DisplayName("by small calls does so, too")
    void calls() throws Exception {
        HostFile file = open(write("f", LARGE * PAGE_BYTES));
        ByteBuffer all = ByteBuffer.allocate(LARGE * PAGE_BYTES);
        readInSmallCalls(file, all);
        assertEquals(LIMIT - RECENT, inMemory(file, LIMIT - RECENT));
        readInSmallCalls(file, all.clear());
        assertEquals(STAMP + LARGE - 1, all.order(ByteOrder.LITTLE_ENDIAN).getLong((LARGE - 1) * PAGE_BYTES));
        file.close();
    }

    /** Reads a whole file in small calls, because larger ones bypass the cache. */
    private static void readInSmallCalls(HostFile file, ByteBuffer all) {
        for (int at = 0; at < all.capacity(); at += 8 * PAGE_BYTES) {
            all.limit(at + 8 * PAGE_BYTES);
            assertEquals(8 * PAGE, file.pread(all, at));
        }
    }

    @Test
    @DisplayName("that is repeated takes the place of pages that are not used any more")
    void newPages() throws Exception {
        HostFile old = open(write("old", LIMIT * PAGE_BYTES));
        scan(map(old, LIMIT), LIMIT);
        HostFile file = fixture.machine.openFile(write("new", LIMIT / 2 * PAGE_BYTES), GEOMETRY);
        long at = map(file, LIMIT / 2);
        for (int turn = 0; turn < 4; turn++) {
            scan(at, LIMIT / 2);
        }
        assertEquals(LIMIT / 2, inMemory(file, LIMIT / 2));
        old.close();
        file.close();
    }

    @Test
    @DisplayName("does not free the pages that an advice has had read, before they are needed")
    void advised() throws Exception {
        HostFile file = open(write("f", LARGE * PAGE_BYTES));
        long at = map(file, LARGE);
        scan(at, LIMIT);
        int advised = LIMIT / 2;
        assertEquals(0, space.madvise(at + 2L * LIMIT * PAGE, advised * PAGE, Advice.WILLNEED));
        fixture.machine.awaitQuiescence();
        int found = 0;
        for (int page = 2 * LIMIT; page < 2 * LIMIT + advised; page++) {
            found += file.pageCache().frameAt(page) >= 0 ? 1 : 0;
        }
        assertEquals(advised, found);
        file.close();
    }
}
