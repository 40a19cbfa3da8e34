// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A collection of written or used pages")
final class CollectionSinkTest extends CollectionFixture {
    @Test
    @DisplayName("whose sink throws throws that exception, and the next one tells of the other pages")
    void throwingSink() {
        long at = fixture.anonymous(4);
        assertEquals(4 * PAGE, cpu.memory().fill(at, 4 * PAGE, (byte) 1));
        assertEquals(0, space.madvise(at + 3 * PAGE, PAGE, Mman.DONTNEED));
        fixture.load(at + 3 * PAGE);
        IllegalCallerException refused = new IllegalCallerException("a full disk");
        List<Long> told = new ArrayList<>();
        for (int round = 0; round < 2; round++) {
            told.clear();
            assertSame(
                    refused,
                    assertThrows(
                            IllegalCallerException.class,
                            () -> space.collectDirty(at, 4 * PAGE, page -> {
                                if (page == at + PAGE) {
                                    throw refused;
                                }
                                told.add(page);
                            })));
            assertEquals(round == 0 ? List.of(at) : List.of(), told);
        }
        assertThrows(
                IllegalCallerException.class,
                () -> space.collectAccessed(at, 4 * PAGE, page -> {
                    throw refused;
                }));
        assertEquals(pages(1, 2), dirty(at, 4));
        assertEquals(pages(0, 1, 2, 3), accessed(at, 4));
    }

    @Test
    @DisplayName("whose sink throws loses no page that was moved, copied, unmapped or discarded by then")
    void throwingSinkThatChanges() {
        MemoryFile file = fixture.file(8);
        long at = fixture.map(0, 8, RW, Mman.SHARED, file.open(), 0);
        long to = fixture.anonymous(8);
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertEquals(8 * PAGE, cpu.memory().fill(at, 8 * PAGE, (byte) 1));
        assertThrows(
                IllegalCallerException.class,
                () -> space.collectDirty(at, 8 * PAGE, page -> {
                    assertEquals(0, space.mprotect(at, 4 * PAGE, READ));
                    assertEquals(to, space.mremap(at, 2 * PAGE, 2 * PAGE, flags, to));
                    assertEquals(0, space.munmap(at + 4 * PAGE, PAGE));
                    fixture.map(at + 5 * PAGE, 1, READ, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
                    fixture.load(at + 5 * PAGE);
                    throw new IllegalCallerException();
                }));
        assertEquals(pages(0, 1), dirty(to, 8));
        assertEquals(pages(2, 3, 6, 7), dirty(at, 8));
        file.close();
    }

    @Test
    @DisplayName("may be made by its sink, which may make any call")
    void callingBack() {
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        fixture.store(at + 2 * PAGE, 1);
        List<Long> told = new ArrayList<>();
        assertEquals(2, space.collectDirty(at, 4 * PAGE, page -> {
            told.add(page);
            fixture.store(page + PAGE, 2);
            assertEquals(0, space.mprotect(page, PAGE, READ));
            assertEquals(1, space.collectDirty(at, 4 * PAGE, told::add));
        }));
        assertEquals(List.of(at, at + PAGE, at + 2 * PAGE, at + 3 * PAGE), told);
    }

    @Test
    @DisplayName("of which the sink blocks delays only its caller")
    void blockingSink() throws Exception {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        try (OtherCpu other = new OtherCpu(space)) {
            CountDownLatch asked = new CountDownLatch(1);
            CountDownLatch answers = new CountDownLatch(1);
            Thread collector = new Thread(() -> space.collectDirty(at, 2 * PAGE, page -> {
                asked.countDown();
                Latches.await(answers);
            }));
            collector.start();
            Latches.await(asked);
            assertFault(Fault.NONE, other.call(of -> of.memory().store(at, 8, 2)));
            assertEquals(pages(0), dirty(at, 2));
            assertEquals(0, space.munmap(at + PAGE, PAGE));
            try (AddressSpace child = space.fork()) {
                assertEquals(1, child.collectAccessed(at, PAGE, page -> {}));
            }
            answers.countDown();
            collector.join();
        }
    }
}
