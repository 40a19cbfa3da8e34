// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
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

    private static Vma vma(AddressSpace space, long address) {
        return Objects.requireNonNull(space.find(address));
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
        Frames frames = MachineInternals.layoutOf(fixture.space).memory().frames();
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
                MachineInternals.layoutOf(fixture.space).memory().contexts().borrow();
        for (; counted > 0; counted--) {
            frames.drop(frame, context.magazine());
        }
        MachineInternals.layoutOf(fixture.space).memory().contexts().giveBack(context);
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

    /** Forks repeatedly, concurrently with an action, and judges each child by the contents of its pages. */
    private void beside(Callable<Void> meanwhile, Judge judge) throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        FutureTask<?> other = new FutureTask<>(() -> {
            while (!done.get()) {
                meanwhile.call();
            }
            return null;
        });
        Thread thread = new Thread(other, "beside");
        thread.start();
        try {
            for (int i = 0; i < 150; i++) {
                try (AddressSpace child = fixture.space.fork()) {
                    child.validate();
                    fixture.cpu.switchTo(child);
                    judge.judge();
                    fixture.cpu.switchTo(null);
                }
            }
            done.set(true);
            other.get();
        } finally {
            done.set(true);
        }
        // The thread's CPU is a user of the space until the thread ended.
        thread.join();
        fixture.cpu.switchTo(fixture.space);
        fixture.machine.awaitQuiescence();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    /** Checks the child in which the CPU is. */
    private interface Judge {
        void judge() throws Exception;
    }

    /** For each thread that uses it, a CPU in the parent. */
    private final ThreadLocal<Cpu> others = ThreadLocal.withInitial(() -> {
        Cpu cpu = fixture.machine.claimCpu();
        cpu.switchTo(fixture.space);
        return cpu;
    });

    @Test
    @DisplayName("P4: beside stores is each page of some instant, and none that came after its return")
    void besideStores() throws Exception {
        long at = fixture.anonymous(PAGES);
        AtomicLong number = new AtomicLong();
        beside(
                () -> {
                    long next = number.incrementAndGet();
                    for (int page = 0; page < PAGES; page++) {
                        assertFault(Fault.NONE, others.get().memory().store(at + page * PAGE, 8, next));
                    }
                    assertFault(Fault.NONE, others.get().memory().load(at, 8));
                    assertEquals(next, others.get().memory().value());
                    return null;
                },
                () -> {
                    long most = number.get();
                    long[] first = new long[PAGES];
                    for (int page = 0; page < PAGES; page++) {
                        first[page] = fixture.load(at + page * PAGE);
                        assertTrue(first[page] <= most, "from after the fork");
                    }
                    for (int page = 0; page < PAGES; page++) {
                        assertEquals(first[page], fixture.load(at + page * PAGE));
                        fixture.store(at + page * PAGE, -1);
                    }
                });
    }

    @Test
    @DisplayName("P35: beside munmap and mmap of the parent is a whole mapping with its pages, or none")
    void besideMunmap() throws Exception {
        long place = 0x5000_0000L;
        beside(
                () -> {
                    fixture.map(place, PAGES, RW, ANONYMOUS | MapFlags.FIXED, null, 0);
                    for (int page = 0; page < PAGES; page++) {
                        assertFault(Fault.NONE, others.get().memory().store(place + page * PAGE, 8, 0x40 + page));
                    }
                    fixture.space.munmap(place, PAGES * PAGE);
                    return null;
                },
                () -> {
                    for (int page = 0; page < PAGES; page++) {
                        int fault = fixture.memory.load(place + page * PAGE, 8);
                        if (fault == Fault.NONE) {
                            long value = fixture.memory.value();
                            assertTrue(value == 0 || value == 0x40 + page, () -> "read " + value);
                        } else {
                            assertFault(Fault.MAPERR, fault);
                        }
                    }
                });
    }

    @Test
    @DisplayName("P23: beside mremap of the parent has its pages at one of the two places")
    void besideMremap() throws Exception {
        long one = 0x5000_0000L;
        long two = 0x6000_0000L;
        fixture.map(one, PAGES, RW, ANONYMOUS | MapFlags.FIXED, null, 0);
        for (int page = 0; page < PAGES; page++) {
            fixture.store(one + page * PAGE, 0x40 + page);
        }
        int flags = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
        beside(
                () -> {
                    assertEquals(two, fixture.space.mremap(one, PAGES * PAGE, PAGES * PAGE, flags, two));
                    assertEquals(one, fixture.space.mremap(two, PAGES * PAGE, PAGES * PAGE, flags, one));
                    return null;
                },
                () -> {
                    long there = fixture.memory.load(one, 8) == Fault.NONE ? one : two;
                    for (int page = 0; page < PAGES; page++) {
                        assertEquals(0x40 + page, fixture.load(there + page * PAGE));
                    }
                    assertFault(Fault.MAPERR, fixture.memory.load(one + two - there, 8));
                });
    }

    @Test
    @DisplayName("P2: beside DONTNEED of the parent is each page as it was, or zeros")
    void besideDontNeed() throws Exception {
        long at = fixture.anonymous(PAGES);
        beside(
                () -> {
                    for (int page = 0; page < PAGES; page++) {
                        assertFault(Fault.NONE, others.get().memory().store(at + page * PAGE, 8, 0x40 + page));
                    }
                    assertEquals(0, fixture.space.madvise(at, PAGES * PAGE, Advice.DONTNEED));
                    return null;
                },
                () -> {
                    for (int page = 0; page < PAGES; page++) {
                        long value = fixture.load(at + page * PAGE);
                        assertTrue(value == 0 || value == 0x40 + page, () -> "read " + value);
                        fixture.store(at + page * PAGE, 1);
                    }
                });
    }

    @Test
    @DisplayName("P11: beside mprotect has no right that the child's mapping lacks")
    void besideMprotect() throws Exception {
        long at = fixture.anonymous(PAGES);
        fixture.store(at, 1);
        beside(
                () -> {
                    assertEquals(0, fixture.space.mprotect(at, PAGES * PAGE, RW));
                    others.get().memory().store(at, 8, 1);
                    assertEquals(0, fixture.space.mprotect(at, PAGES * PAGE, READ));
                    return null;
                },
                () -> {
                    boolean mayWrite =
                            vma(Objects.requireNonNull(fixture.cpu.space()), at).has(VmaFlags.WRITE);
                    assertFault(mayWrite ? Fault.NONE : Fault.ACCERR, fixture.memory.store(at, 8, 1));
                    assertEquals(1, fixture.load(at));
                });
    }
}
