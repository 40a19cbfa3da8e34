// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("The memory of a fork")
final class ForkedMemoryTest {
    private static final int PAGES = 16;

    private final SpaceFixture fixture = new SpaceFixture();

    private long read(AddressSpace space, long address) {
        fixture.cpu.switchTo(space);
        return fixture.load(address);
    }

    private void write(AddressSpace space, long address, long number) {
        fixture.cpu.switchTo(space);
        fixture.store(address, number);
    }

    @Test
    @DisplayName("is the parent's of that instant, whatever either stores after it")
    void apart() throws InterruptedException {
        long at = fixture.anonymous(4);
        fixture.store(at, 1);
        fixture.store(at + PAGE, 2);
        try (AddressSpace child = fixture.space.fork()) {
            assertEquals(2, fixture.frames());
            write(fixture.space, at, 10);
            write(child, at + PAGE, 20);
            write(fixture.space, at + 2 * PAGE, 30);
            assertEquals(1, read(child, at));
            assertEquals(10, read(fixture.space, at));
            assertEquals(20, read(child, at + PAGE));
            assertEquals(2, read(fixture.space, at + PAGE));
            assertEquals(0, read(child, at + 2 * PAGE));
            write(child, at, 11);
            write(fixture.space, at + PAGE, 21);
            assertEquals(List.of(11L, 20L), List.of(read(child, at), read(child, at + PAGE)));
            assertEquals(List.of(10L, 21L), List.of(read(fixture.space, at), read(fixture.space, at + PAGE)));
            // The last space that maps a page writes to it in place.
            assertEquals(5, fixture.frames());
            fixture.cpu.switchTo(fixture.space);
        }
        assertEquals(3, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("in a chain of forks is that of each one's instant; every frame comes back, in whatever order they are"
            + " closed")
    void chain() throws InterruptedException {
        long at = fixture.anonymous(PAGES);
        List<AddressSpace> generations = new ArrayList<>(List.of(fixture.space));
        for (int generation = 0; generation < 8; generation++) {
            AddressSpace youngest = generations.get(generation);
            for (int page = generation; page < PAGES; page++) {
                write(youngest, at + page * PAGE, 100L * generation + page);
            }
            generations.add(youngest.fork());
            write(youngest, at, -generation);
        }
        for (int generation = 1; generation <= 8; generation++) {
            for (int page = 0; page < PAGES; page++) {
                long last = Math.min(Math.min(generation, 7), page);
                long expected = page == 0 && generation < 8 ? -generation : 100 * last + page;
                assertEquals(expected, read(generations.get(generation), at + page * PAGE));
            }
        }
        fixture.cpu.switchTo(null);
        for (int i : new int[] {4, 8, 1, 0, 7, 2, 6, 3, 5}) {
            generations.get(i).close();
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("costs the translations of the pages that were written since the fork before")
    void flushes() {
        long at = fixture.anonymous(2000);
        for (int page = 0; page < 2000; page++) {
            fixture.store(at + page * PAGE, 1);
        }
        fixture.space.fork().close();
        fixture.store(at + 20 * PAGE, 2);
        fixture.store(at + 900 * PAGE, 2);
        List<String> told = new ArrayList<>();
        fixture.cpu.onFlush((start, end, reason, generation) ->
                told.add((start - at) / PAGE + " " + (end - at) / PAGE + " " + reason));
        fixture.space.fork().close();
        fixture.load(at);
        assertEquals(List.of("20 21 WRITE_PROTECTED", "900 901 WRITE_PROTECTED"), told);
    }

    @Test
    @DisplayName("has the rights of the child's mapping")
    void rights() throws InterruptedException {
        long at = fixture.anonymous(2);
        fixture.store(at, 1);
        assertEquals(0, fixture.space.mprotect(at, PAGE, READ));
        try (AddressSpace child = fixture.space.fork()) {
            assertEquals(0, fixture.space.mprotect(at, PAGE, RW));
            fixture.store(at, 2);
            fixture.cpu.switchTo(child);
            assertFault(Fault.ACCERR, fixture.memory.store(at, 8, 3));
            assertEquals(1, fixture.load(at));
            fixture.cpu.switchTo(fixture.space);
            assertEquals(2, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a pinned page is copied for the child at once, and stays the parent's in place")
    void pinned() throws InterruptedException {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        PinnedFrame pinned = fixture.pin(at, WRITE);
        try (AddressSpace child = fixture.space.fork()) {
            assertEquals(2, fixture.frames());
            SpaceFixture.write(pinned, 5);
            assertEquals(5, fixture.load(at));
            fixture.store(at + 8, 6);
            assertEquals(pinned.frame(), Pte.frame(fixture.pte(at)));
            assertEquals(1, read(child, at));
            write(child, at, 9);
            assertEquals(5, read(fixture.space, at));
        }
        pinned.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("a page that too many mappings have to count one more is copied for the child at once")
    void tooOftenMapped() throws InterruptedException {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        Frames frames = MachineInternals.layoutOf(fixture.space).memory().frames;
        int frame = Pte.frame(fixture.pte(at));
        long counted = 0;
        while (frames.share(frame)) {
            counted++;
        }
        try (AddressSpace child = fixture.space.fork()) {
            assertEquals(2, fixture.frames());
            fixture.store(at, 5);
            assertEquals(frame, Pte.frame(fixture.pte(at)), "the parent's in place");
            assertEquals(1, read(child, at));
            write(child, at, 9);
            assertEquals(5, read(fixture.space, at));
        }
        PageTableContext context =
                MachineInternals.layoutOf(fixture.space).memory().contexts.borrow();
        for (; counted > 0; counted--) {
            frames.drop(frame, context.magazine);
        }
        MachineInternals.layoutOf(fixture.space).memory().contexts.giveBack(context);
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that cannot be had, since there is no frame for a pinned page, fails with ENOMEM and leaves nothing")
    void pinnedWithoutMemory() throws InterruptedException {
        SpaceFixture small = new SpaceFixture(2);
        long at = small.anonymous(3);
        small.store(at, 1);
        small.store(at + PAGE, 2);
        PinnedFrame pinned = small.pin(at + PAGE, WRITE);
        long committed = small.machine.committed();
        for (int i = 0; i < 3; i++) {
            MmException refused = assertThrows(MmException.class, small.space::fork);
            assertEquals(Errno.ENOMEM, refused.errno());
        }
        assertEquals(2, small.frames());
        assertEquals(committed, small.machine.committed());
        // The failed fork left no trace, so the parent writes in place.
        small.store(at, 3);
        assertEquals(2, small.frames());
        pinned.close();
        small.closeEmpty();
        fixture.close();
    }
}
