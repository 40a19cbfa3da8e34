// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.MapFlags.ANONYMOUS;
import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.PRIVATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("P42: the limits of a layout that is divided are those of the whole")
class DistrictLimitsTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int HERE = PRIVATE | ANONYMOUS | FIXED;
    private static final int RW = Protection.READ | Protection.WRITE;

    /** Mappings of four pages with a hole of four pages after each. */
    private static final int MAPPINGS = 40;

    /** The limit of the map count. */
    private static final int MOST = 1200;

    /** The limit of the map count where eight parts are to have a share of it. */
    private static final int MOST_OF_THREADS = 4000;

    /** The first mappings of a thread, among which threads divide the layout. */
    private static final int FIRST_OF_THREAD = 100;

    private AddressSpace space;
    private Layout layout;

    @BeforeEach
    void map() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        Machine machine = Machine.builder().maxMapCount(MOST).build();
        space = machine.newSpace(Geometry.LINUX_X86_64);
        layout = MachineInternals.layoutOf(space);
        for (int i = 0; i < MAPPINGS; i++) {
            assertEquals(at(i), space.mmap(at(i), 4 * PAGE, i % 2 == 0 ? RW : Protection.READ, HERE, null, 0));
        }
    }

    private static long at(int i) {
        return PLACE + i * 8L * PAGE;
    }

    private static long[] everyTenth() {
        return new long[] {at(10) - 2 * PAGE, at(20) - 2 * PAGE, at(30)};
    }

    @Test
    @DisplayName("refusals for the map count are exact, however many mappings each part has added")
    void mapCount() {
        int added = 0;
        long end = at(MAPPINGS);
        Random random = new Random(1);
        while (true) {
            Divisions.divide(layout, everyTenth());
            // Pages of alternating rights, so that no two are joined, in any part.
            long address = random.nextBoolean() ? PLACE - (4 + 2L * added) * PAGE : end + (4 + 2L * added) * PAGE;
            long result = space.mmap(address, PAGE, RW, HERE, null, 0);
            if (Errno.isError(result)) {
                assertEquals(Errno.ENOMEM.result(), result);
                break;
            }
            added++;
        }
        // Linux compares before it adds.
        assertEquals(MOST + 1 - MAPPINGS, added);
        space.validate();
    }

    @Test
    @DisplayName("eight threads at the map limit: it is met and never exceeded, also by way of parts")
    void mapCountOfThreads() {
        int threads = 8;
        AddressSpace shared =
                Machine.builder().maxMapCount(MOST_OF_THREADS).build().newSpace(Geometry.LINUX_X86_64);
        Layout divided = MachineInternals.layoutOf(shared);
        AtomicInteger mapped = new AtomicInteger();
        ThreadsTogether.run(threads, thread -> {
            Random random = new Random(thread);
            for (int i = 0; i < FIRST_OF_THREAD; i++) {
                if (random.nextInt(50) == 0) {
                    Divisions.divide(divided, ownBorders(threads));
                }
                assertEquals(own(thread, i), shared.mmap(own(thread, i), PAGE, RW, HERE, null, 0));
                mapped.incrementAndGet();
            }
        });
        // The last division: each thread has a part, and all shares are taken before the parts are joined.
        assertTrue(Divisions.divide(divided, ownBorders(threads)));
        AtomicInteger refusedEarly = new AtomicInteger();
        ThreadsTogether.run(threads, thread -> {
            for (int i = FIRST_OF_THREAD; ; i++) {
                long result = shared.mmap(own(thread, i), PAGE, RW, HERE, null, 0);
                if (Errno.isError(result)) {
                    assertEquals(Errno.ENOMEM.result(), result);
                    // Each other thread may have mapped one page that it has not counted yet.
                    if (mapped.get() <= MOST_OF_THREADS + 1 - threads) {
                        refusedEarly.incrementAndGet();
                    }
                    return;
                }
                mapped.incrementAndGet();
            }
        });
        assertEquals(MOST_OF_THREADS + 1, mapped.get());
        assertEquals(0, refusedEarly.get());
        assertEquals(MOST_OF_THREADS + 1, shared.usage().maps());
        shared.validate();
    }

    /** Returns the address of a thread's mapping of a number. */
    private static long own(int thread, int number) {
        return 0x2000_0000_0000L + ((long) thread << 32) + 2L * number * PAGE;
    }

    /** Returns the borders between the mappings of threads. */
    private static long[] ownBorders(int threads) {
        long[] borders = new long[threads - 1];
        for (int i = 0; i < borders.length; i++) {
            borders[i] = own(i + 1, 0) - PAGE;
        }
        return borders;
    }

    @Test
    @DisplayName("the limits of total and locked memory are exact")
    void limitsOfPages() {
        space.setLimit(Resource.AS, (4 * MAPPINGS + 100) * PAGE);
        space.setLimit(Resource.MEMLOCK, 10 * PAGE);
        Divisions.divide(layout, everyTenth());
        assertEquals(0, space.mlock(at(1), 4 * PAGE));
        assertEquals(0, space.mlock(at(11), 4 * PAGE));
        assertEquals(0, space.mlock(at(35), 2 * PAGE));
        Divisions.divide(layout, everyTenth());
        assertEquals(Errno.ENOMEM.result(), space.mlock(at(22), PAGE));
        assertEquals(0, space.munlock(at(11), PAGE));
        assertEquals(0, space.mlock(at(22), PAGE));
        for (int i = 0; i < 100; i++) {
            Divisions.divide(layout, everyTenth());
            long address = at(MAPPINGS) + 2L * i * PAGE;
            assertEquals(address, space.mmap(address, PAGE, RW, HERE, null, 0));
        }
        Divisions.divide(layout, everyTenth());
        assertEquals(Errno.ENOMEM.result(), space.mmap(PLACE - PAGE, PAGE, RW, HERE, null, 0));
        assertEquals(10, space.usage().locked());
        space.validate();
    }
}
