// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.Usage;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("P42: the limits of a layout that is divided are those of the whole")
class DistrictLimitsTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int HERE = PRIVATE | ANONYMOUS | FIXED;
    private static final int RW = Mman.READ | Mman.WRITE;

    /** The number of mappings, each of four pages, and each followed by a hole of four pages. */
    private static final int MAPPINGS = 40;

    /** The limit of the map count. */
    private static final int MOST = 1200;

    private static final int THREADS = 8;

    /** A limit that is large enough for eight parts to get a share. */
    private static final int MOST_OF_THREADS = 4000;

    /** The number of first mappings of a thread, during which threads divide the layout. */
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
            assertEquals(at(i), space.mmap(at(i), 4 * PAGE, i % 2 == 0 ? RW : Mman.READ, HERE, null, 0));
        }
    }

    private static long at(int i) {
        return PLACE + i * 8L * PAGE;
    }

    /** A limit of {@link #MOST_OF_THREADS} that eight threads reach. */
    private enum Limited {
        /** Linux compares before it increments. */
        MAPS(MOST_OF_THREADS + 1),
        TOTAL(MOST_OF_THREADS),
        DATA(MOST_OF_THREADS),
        LOCKED(MOST_OF_THREADS);

        /** The number of calls that succeed. */
        final int most;

        Limited(int most) {
            this.most = most;
        }

        AddressSpace newSpace() {
            MachineBuilder builder = Machine.builder();
            AddressSpace space = (this == MAPS ? builder.maxMapCount(MOST_OF_THREADS) : builder)
                    .build()
                    .newSpace(Geometry.LINUX_X86_64);
            switch (this) {
                case MAPS -> {}
                case TOTAL -> space.setLimit(Resource.AS, MOST_OF_THREADS * PAGE);
                case DATA -> space.setLimit(Resource.DATA, MOST_OF_THREADS * PAGE);
                case LOCKED -> {
                    space.setLimit(Resource.MEMLOCK, MOST_OF_THREADS * PAGE);
                    for (int thread = 0; thread < THREADS; thread++) {
                        long length = own(thread, most + 1) - own(thread, 0);
                        assertEquals(own(thread, 0), space.mmap(own(thread, 0), length, RW, HERE, null, 0));
                    }
                }
            }
            return space;
        }

        /** Maps or locks a page of a thread. Returns false if that is refused. */
        boolean takes(AddressSpace space, int thread, int number) {
            long at = own(thread, number);
            long result = this == LOCKED ? space.mlock(at, PAGE) : space.mmap(at, PAGE, RW, HERE, null, 0);
            if (Errno.isError(result)) {
                assertEquals(Errno.ENOMEM.result(), result);
            }
            return !Errno.isError(result);
        }

        long used(Usage usage) {
            return switch (this) {
                case MAPS -> usage.maps();
                case TOTAL -> usage.total();
                case DATA -> usage.data();
                case LOCKED -> usage.locked();
            };
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("eight threads at a limit: it is met and never exceeded, also by way of parts")
    void ofThreads(Limited limit) {
        AddressSpace shared = limit.newSpace();
        Layout divided = MachineInternals.layoutOf(shared);
        AtomicInteger taken = new AtomicInteger();
        ThreadsTogether.run(THREADS, thread -> {
            Random random = new Random(thread);
            for (int i = 0; i < FIRST_OF_THREAD; i++) {
                if (random.nextInt(50) == 0) {
                    Divisions.divide(divided, ownBorders());
                }
                assertTrue(limit.takes(shared, thread, i));
                taken.incrementAndGet();
            }
        });
        // The last division: each thread has a part, and all shares are taken before the parts are joined.
        assertTrue(Divisions.divide(divided, ownBorders()));
        AtomicInteger refusedEarly = new AtomicInteger();
        ThreadsTogether.run(THREADS, thread -> {
            for (int i = FIRST_OF_THREAD; limit.takes(shared, thread, i); i++) {
                taken.incrementAndGet();
            }
            // Each other thread may have taken a page that it did not count yet.
            if (taken.get() <= limit.most - THREADS) {
                refusedEarly.incrementAndGet();
            }
        });
        assertEquals(limit.most, taken.get());
        assertEquals(0, refusedEarly.get());
        assertEquals(limit.most, limit.used(shared.usage()));
        shared.validate();
    }

    /** Returns the address of a thread's mapping with a number. */
    private static long own(int thread, int number) {
        return 0x2000_0000_0000L + ((long) thread << 32) + 2L * number * PAGE;
    }

    /** Returns the borders between the mappings of threads. */
    private static long[] ownBorders() {
        long[] borders = new long[THREADS - 1];
        for (int i = 0; i < borders.length; i++) {
            borders[i] = own(i + 1, 0) - PAGE;
        }
        return borders;
    }

    /** Divides the layout into two parts. Each gets half of what is left of a limit, without the remainder. */
    private void divideInHalves() {
        assertTrue(Divisions.divide(layout, at(20) - 2 * PAGE));
    }

    /** Moves a mapping of 200 pages over another one, and grows it to 401 pages. */
    private static long growOverNext(AddressSpace of, long at) {
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        return of.mremap(at, 200 * PAGE, 401 * PAGE, flags, at + 1000 * PAGE);
    }

    @ParameterizedTest
    @EnumSource(names = {"AS", "DATA"})
    @DisplayName(
            "what an operation in flight has unmapped counts until its completion, also against the share of a part")
    void unmappedInFlight(Resource resource) {
        AtomicReference<@Nullable CountDownLatch> hold = new AtomicReference<>();
        CountDownLatch isHeld = new CountDownLatch(1);
        Machine machine = MachineInternals.machine(Machine.builder(), range -> {
            CountDownLatch until = hold.getAndSet(null);
            if (until != null) {
                isHeld.countDown();
                Latches.await(until);
            }
        });
        AddressSpace held = machine.newSpace(Geometry.LINUX_X86_64);
        held.setLimit(resource, (2 * 600 + 1) * PAGE);
        long above = PLACE + 10_000 * PAGE;
        assertTrue(Divisions.divide(MachineInternals.layoutOf(held), PLACE + 5000 * PAGE));
        for (long at : new long[] {PLACE, PLACE + 1000 * PAGE, above, above + 1000 * PAGE}) {
            assertEquals(at, held.mmap(at, 200 * PAGE, RW, HERE, null, 0));
        }
        CountDownLatch release = new CountDownLatch(1);
        hold.set(release);
        // 401 pages replace 200, which count until completion, so one page more than the share is needed.
        FutureTask<Long> moved = new FutureTask<>(() -> growOverNext(held, PLACE));
        Thread moving = new Thread(moved, "moving");
        moving.setDaemon(true);
        moving.start();
        Latches.await(isHeld);
        assertEquals(Errno.ENOMEM.result(), growOverNext(held, above), "the remainder is given once");
        release.countDown();
        assertEquals(PLACE + 1000 * PAGE, Await.result("the move", moved, List.of()));
        held.close();
        machine.close();
    }

    @Test
    @DisplayName("of two errors, a call in a part returns the one that it returns in a whole layout")
    void errors() {
        space.setLimit(Resource.MEMLOCK, 8 * PAGE);
        divideInHalves();
        assertEquals(0, space.mlock(at(1), 4 * PAGE));
        assertTrue(Divisions.isDivided(layout));
        // A file that is not readable causes EACCES. The locked memory limit is checked before that.
        Backing writeOnly = new NamedBacking("file", 1) {
            @Override
            public boolean readable() {
                return false;
            }
        };
        int flags = PRIVATE | FIXED | Mman.LOCKED;
        assertEquals(Errno.EAGAIN.result(), space.mmap(at(31), 5 * PAGE, Mman.READ, flags, writeOnly, 0));
        assertEquals(Errno.EACCES.result(), space.mmap(at(31), 4 * PAGE, Mman.READ, flags, writeOnly, 0));
    }
}
