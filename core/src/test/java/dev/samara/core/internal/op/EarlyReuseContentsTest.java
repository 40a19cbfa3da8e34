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
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I4: early reuse loses no page, and shows none that was there before")
final class EarlyReuseContentsTest {
    private static final int THERE = MOVE | RemapFlags.MREMAP_FIXED;

    /** The value written to a page of the first mapping. */
    private static final long OLD = 0x1000;

    private final HeldOperations holding =
            new HeldOperations(Machine.builder().memory(1 << 22).poisonFrames(true));
    private final AddressSpace space =
            holding.machine().space(LINUX).earlyReuse(true).build();

    @BeforeEach
    void pages() {
        map(space, 0, 32, RW);
        write(space, page(0), 32, OLD);
    }

    /** Writes consecutive numbers to the first words of pages. */
    private void write(AddressSpace to, long address, long pages, long stamp) {
        try (Cpu cpu = holding.machine().claimCpu()) {
            cpu.switchTo(to);
            for (long i = 0; i < pages; i++) {
                assertEquals(Fault.NONE, cpu.memory().store(address + i * PAGE, 8, stamp + i));
            }
        }
    }

    /** Compares the first words of pages with consecutive numbers, or with zeros if the first number is 0. */
    private void assertContents(AddressSpace of, long address, long pages, long stamp) {
        try (Cpu cpu = holding.machine().claimCpu()) {
            cpu.switchTo(of);
            for (long i = 0; i < pages; i++) {
                assertEquals(Fault.NONE, cpu.memory().load(address + i * PAGE, 8));
                assertEquals(stamp == 0 ? 0 : stamp + i, cpu.memory().value(), "page " + i);
            }
        }
    }

    private HeldOperations.Hold unmap(long first, long pages) throws InterruptedException {
        return holding.hold(() -> space.munmap(page(first), pages * PAGE));
    }

    private HeldOperations.Hold move(long first, long pages, long to) throws InterruptedException {
        return holding.hold(() -> space.mremap(page(first), pages * PAGE, pages * PAGE, THERE, page(to)));
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
        HeldOperations.Hold move = move(8, 8, 64);
        HeldOperations.Caller<Long> over = waits(() -> fixed(at, 1));
        assertNull(space.find(page(at)));
        move.endWith(page(64));
        assertEquals(page(at), over.result());
        assertContents(space, page(64), 8, OLD + 8);
        assertContents(space, page(at), 1, 0);
        assertOver();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName(
            "a mapping without an address does not go where an mremap is moving pages from, though no other place is"
                    + " left")
    void movedBesideAPlacement(boolean topDown) throws Exception {
        Geometry small = new Geometry(12, 2, 21, PAGE, 600 * PAGE, 600 * PAGE);
        Vma all = VmArea.describe(
                PAGE, small.limit(), VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS, 1, null, null, null);
        AddressSpaceBuilder builder =
                holding.machine().space(small).earlyReuse(true).load(List.of(all));
        AddressSpace full = (topDown ? builder : builder.bottomUp(true)).build();
        write(full, 300 * PAGE, 8, OLD);
        HeldOperations.Hold move = holding.hold(() -> full.mremap(300 * PAGE, 4 * PAGE, 4 * PAGE, THERE, 400 * PAGE));
        assertEquals(Errno.ENOMEM.result(), atOnce(() -> full.mmap(0, PAGE, RW, RetiringCall.ANONYMOUS, null, 0)));
        HeldOperations.Hold hold = holding.hold(() -> full.munmap(304 * PAGE, 4 * PAGE));
        assertEquals(304 * PAGE, atOnce(() -> full.mmap(0, 4 * PAGE, RW, RetiringCall.ANONYMOUS, null, 0)));
        assertEquals(Errno.ENOMEM.result(), atOnce(() -> full.mmap(0, PAGE, RW, RetiringCall.ANONYMOUS, null, 0)));
        hold.endWith(0);
        move.endWith(400 * PAGE);
        assertContents(full, 400 * PAGE, 4, OLD);
        assertContents(full, 304 * PAGE, 4, 0);
        assertEquals(300 * PAGE, full.mmap(0, 4 * PAGE, RW, RetiringCall.ANONYMOUS, null, 0));
        assertContents(full, 300 * PAGE, 4, 0);
        full.close();
        assertOver();
    }

    @Test
    @DisplayName("a mapping over a munmap's hole is used once that is complete, and begins with zeros")
    void unmapped() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(10), atOnce(() -> fixed(10, 4)));
        HeldOperations.Caller<Long> store = waits(() -> {
            write(space, page(11), 1, 7);
            return 0L;
        });
        hold.endWith(0);
        assertEquals(0, store.result());
        assertContents(space, page(11), 1, 7);
        assertContents(space, page(10), 1, 0);
        assertContents(space, page(12), 2, 0);
        assertContents(space, page(0), 8, OLD);
        assertContents(space, page(16), 16, OLD + 16);
        assertOver();
    }

    @Test
    @DisplayName("a mapping over a munmap's hole can itself not be moved or replaced until that is complete")
    void chain() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(8), atOnce(() -> fixed(8, 8)));
        HeldOperations.Caller<Long> move = waits(() -> space.mremap(page(8), 4 * PAGE, 4 * PAGE, THERE, page(64)));
        HeldOperations.Caller<Long> over = waits(() -> fixed(12, 2));
        HeldOperations.Caller<Long> unmap = waits(() -> space.munmap(page(14), 2 * PAGE));
        hold.endWith(0);
        assertEquals(page(64), move.result());
        assertEquals(page(12), over.result());
        assertEquals(0, unmap.result());
        assertContents(space, page(64), 4, 0);
        assertContents(space, page(12), 2, 0);
        assertNull(space.find(page(8)));
        assertNull(space.find(page(14)));
        assertOver();
    }

    @Test
    @DisplayName("stores to a mapping over a hole move with it, and the next one waits for the" + " move")
    void movedOn() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(8), atOnce(() -> fixed(8, 8)));
        hold.endWith(0);
        write(space, page(8), 8, 77);
        HeldOperations.Hold move = move(8, 8, 64);
        HeldOperations.Caller<Long> over = waits(() -> fixed(8, 8));
        move.endWith(page(64));
        assertEquals(page(8), over.result());
        assertContents(space, page(64), 8, 77);
        assertContents(space, page(8), 8, 0);
        HeldOperations.Hold again = unmap(64, 8);
        assertEquals(page(64), atOnce(() -> fixed(64, 8)));
        again.endWith(0);
        assertContents(space, page(64), 8, 0);
        assertOver();
    }

    @Test
    @DisplayName("an asynchronous munmap and an asynchronous mapping over its hole are complete together, with zeros")
    void asynchronous() throws Exception {
        HeldOperations.Hold hold = holding.holdNext();
        CompletableFuture<Long> unmap = space.munmapAsync(page(8), 8 * PAGE);
        hold.untilEntered();
        CompletableFuture<Long> over = space.mmapAsync(page(8), 8 * PAGE, RW, FIXED, null, 0);
        HeldOperations.Caller<Long> move = waits(() -> space.mremap(page(8), 8 * PAGE, 8 * PAGE, THERE, page(64)));
        assertFalse(unmap.isDone() || over.isDone());
        hold.letGo();
        assertEquals(0, unmap.get());
        assertEquals(page(8), over.get());
        assertEquals(page(64), move.result());
        assertContents(space, page(64), 8, 0);
        assertOver();
    }

    @Test
    @DisplayName("over a munmap's hole and a range that is being discarded it waits for the discarding")
    void besideADiscard() throws Exception {
        HeldOperations.Hold discard = holding.hold(() -> space.madvise(page(16), 8 * PAGE, Advice.DONTNEED));
        HeldOperations.Hold hold = unmap(8, 8);
        HeldOperations.Caller<Long> both = waits(() -> fixed(12, 8));
        hold.endWith(0);
        assertFalse(both.isDone());
        assertNull(space.find(page(12)));
        discard.endWith(0);
        assertEquals(page(12), both.result());
        assertContents(space, page(12), 12, 0);
        assertOver();
    }
}
