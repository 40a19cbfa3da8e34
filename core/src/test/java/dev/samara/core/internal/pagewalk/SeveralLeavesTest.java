// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.RemapFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * An operation on a range affects each page of the range, in each leaf, even if a CPU has all of them in its TLB, and
 * no page outside the range.
 */
@DisplayName("A range over several leaves")
final class SeveralLeavesTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final int ROUNDS = 6;

    /** The number of pages in a leaf. */
    private static final int LEAF = 512;

    private static final long AT = 0x10_0000_0000L;
    private static final long AWAY = 0x20_0000_0000L;

    static {
        System.out.println("SeveralLeavesTest: -Dsamara.seed=" + SEED);
    }

    /** An operation, and the state of a page after it. */
    private enum Kind {
        WATCHED {
            @Override
            void run(SpaceFixture fixture, long first, long end) {
                List<Long> told = new ArrayList<>();
                try (Watchpoint watch = fixture.space.watch(
                        address(first), (end - first) * PAGE, (address, length) -> told.add(page(address)))) {
                    assertTrue(watch.toString().startsWith("watchpoint"));
                    for (long page = first - 2; page < end + 2; page++) {
                        fixture.store(address(page), page);
                    }
                }
                assertEquals(numbers(first, end), told);
            }
        },
        COLLECTED {
            @Override
            void run(SpaceFixture fixture, long first, long end) {
                for (int again = 0; again < 2; again++) {
                    List<Long> told = new ArrayList<>();
                    fixture.space.collectDirty(
                            address(first), (end - first) * PAGE, address -> told.add(page(address)));
                    assertEquals(numbers(first, end), told, "collection " + again);
                    for (long page = first - 2; page < end + 2; page++) {
                        fixture.store(address(page), page);
                    }
                }
            }
        },
        NARROWED {
            @Override
            void run(SpaceFixture fixture, long first, long end) {
                assertEquals(0, fixture.space.mprotect(address(first), (end - first) * PAGE, READ));
                for (long page = first - 2; page < end + 2; page++) {
                    boolean isWithin = page >= first && page < end;
                    assertFault(isWithin ? Fault.ACCERR : Fault.NONE, fixture.memory.store(address(page), 8, page));
                }
                assertEquals(0, fixture.space.mprotect(address(first), (end - first) * PAGE, RW));
            }
        },
        DISCARDED {
            @Override
            void run(SpaceFixture fixture, long first, long end) {
                assertEquals(0, fixture.space.madvise(address(first), (end - first) * PAGE, Advice.DONTNEED));
                for (long page = first - 2; page < end + 2; page++) {
                    boolean isWithin = page >= first && page < end;
                    assertEquals(
                            isWithin ? 0 : page, fixture.load(address(page)), () -> "a page of " + first + ".." + end);
                }
            }
        },
        MOVED {
            @Override
            void run(SpaceFixture fixture, long first, long end) {
                long length = (end - first) * PAGE;
                int flags = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
                assertEquals(AWAY, fixture.space.mremap(address(first), length, length, flags, AWAY));
                for (long page = first - 2; page < end + 2; page++) {
                    boolean isWithin = page >= first && page < end;
                    assertFault(isWithin ? Fault.MAPERR : Fault.NONE, fixture.memory.load(address(page), 8));
                }
                for (long page = first; page < end; page++) {
                    assertEquals(page, fixture.load(AWAY + (page - first) * PAGE));
                }
                assertEquals(address(first), fixture.space.mremap(AWAY, length, length, flags, address(first)));
                for (long page = first - 2; page < end + 2; page++) {
                    assertEquals(page, fixture.load(address(page)));
                }
            }
        },
        UNMAPPED {
            @Override
            void run(SpaceFixture fixture, long first, long end) {
                assertEquals(0, fixture.space.munmap(address(first), (end - first) * PAGE));
                for (long page = first - 2; page < end + 2; page++) {
                    boolean isWithin = page >= first && page < end;
                    assertFault(isWithin ? Fault.MAPERR : Fault.NONE, fixture.memory.load(address(page), 8));
                }
                fixture.map(address(first), end - first, RW, ANONYMOUS | MapFlags.FIXED, null, 0);
            }
        };

        /** Performs the operation, and checks once each page of the range and two pages on either side. */
        abstract void run(SpaceFixture fixture, long first, long end);
    }

    private static long address(long page) {
        return AT + page * PAGE;
    }

    private static long page(long address) {
        return (address - AT) / PAGE;
    }

    private static List<Long> numbers(long first, long end) {
        return LongStream.range(first, end).boxed().toList();
    }

    @ParameterizedTest
    @EnumSource
    void everyPage(Kind kind) {
        Random random = new Random(SEED);
        // Each page of three leaves has its own slot in the TLB.
        SpaceFixture fixture =
                new SpaceFixture(Machine.builder().memory(4L * LEAF * PAGE).tlbEntries(4 * LEAF));
        fixture.map(AT, 3 * LEAF, RW, ANONYMOUS | MapFlags.FIXED, null, 0);
        for (int round = 0; round < ROUNDS; round++) {
            int leaves = 2 + round % 2;
            long first = LEAF - 1L - random.nextInt(20);
            long end = (leaves - 1L) * LEAF + 1 + random.nextInt(20);
            for (long page = first - 2; page < end + 2; page++) {
                fixture.store(address(page), page);
            }
            kind.run(fixture, first, end);
        }
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }
}
