// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.MOVE;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I4: early reuse loses no page, and shows none that was there before")
final class EarlyReuseContentsTest {
    private static final int THERE = MOVE | Mman.MREMAP_FIXED;

    /** The value written to a page of the first mapping. */
    private static final long OLD = 0x1000;

    private final HeldOperations holding =
            new HeldOperations(Machine.builder().memory(1 << 22).poisonFrames(true));
    private final AddressSpace space =
            holding.machine().space(LINUX).earlyReuse(true).build();

    @BeforeEach
    void pages() {
        map(space, 0, 32, RW);
        write(page(0), 32, OLD);
    }

    /** Writes consecutive numbers to the first words of pages. */
    private void write(long address, long pages, long stamp) {
        try (Cpu cpu = holding.machine().claimCpu()) {
            cpu.switchTo(space);
            for (long i = 0; i < pages; i++) {
                assertEquals(Fault.NONE, cpu.memory().store(address + i * PAGE, 8, stamp + i));
            }
        }
    }

    /** Compares the first words of pages with consecutive numbers, or with zeros if the first number is 0. */
    private void assertContents(long address, long pages, long stamp) {
        try (Cpu cpu = holding.machine().claimCpu()) {
            cpu.switchTo(space);
            for (long i = 0; i < pages; i++) {
                assertEquals(Fault.NONE, cpu.memory().load(address + i * PAGE, 8));
                assertEquals(stamp == 0 ? 0 : stamp + i, cpu.memory().value(), "page " + i);
            }
        }
    }

    private HeldOperations.Hold unmap(long first, long pages) throws InterruptedException {
        return holding.hold(() -> space.munmap(page(first), pages * PAGE));
    }

    private long fixed(long first, long pages) {
        return space.mmap(page(first), pages * PAGE, RW, FIXED, null, 0);
    }

    private void assertOver() throws InterruptedException {
        space.validate();
        space.close();
        holding.machine().awaitQuiescence();
        assertEquals(0, holding.machine().statistics().framesInUse(), "frames in use");
    }

    @ParameterizedTest
    @ValueSource(longs = {8, 10, 15})
    @DisplayName("the pages that an mremap moves arrive, also if a part of its source is mapped over meanwhile")
    void moved(long at) throws Exception {
        HeldOperations.Hold move = holding.hold(() -> space.mremap(page(8), 8 * PAGE, 8 * PAGE, THERE, page(64)));
        HeldOperations.Caller<Long> over = waits(() -> fixed(at, 1));
        assertNull(space.find(page(at)));
        move.endWith(page(64));
        assertEquals(page(at), over.result());
        assertContents(page(64), 8, OLD + 8);
        assertContents(page(at), 1, 0);
        assertOver();
    }

    @Test
    @DisplayName("a mapping over a munmap's hole is used once that is complete, and begins with zeros")
    void unmapped() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(10), atOnce(() -> fixed(10, 4)));
        HeldOperations.Caller<Long> store = waits(() -> {
            write(page(11), 1, 7);
            return 0L;
        });
        hold.endWith(0);
        assertEquals(0, store.result());
        assertContents(page(11), 1, 7);
        assertContents(page(10), 1, 0);
        assertContents(page(12), 2, 0);
        assertContents(page(0), 8, OLD);
        assertContents(page(16), 16, OLD + 16);
        assertOver();
    }

    @Test
    @DisplayName("over a munmap's hole and a range that is being discarded it waits for the discarding")
    void besideADiscard() throws Exception {
        HeldOperations.Hold discard = holding.hold(() -> space.madvise(page(16), 8 * PAGE, Mman.DONTNEED));
        HeldOperations.Hold hold = unmap(8, 8);
        HeldOperations.Caller<Long> both = waits(() -> fixed(12, 8));
        hold.endWith(0);
        assertFalse(both.isDone());
        assertNull(space.find(page(12)));
        discard.endWith(0);
        assertEquals(page(12), both.result());
        assertContents(page(12), 12, 0);
        assertOver();
    }
}
