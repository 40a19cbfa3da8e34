// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.checkpoint;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import dev.samara.maple.RangeEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A restore brings back the mappings")
final class MappingsTest {
    private SpaceFixture fixture = new SpaceFixture();

    /** A backing that counts its opens. */
    private static final class Counting implements Backing, VmOperations {
        private final AtomicInteger opens = new AtomicInteger();
        private final AtomicInteger asked = new AtomicInteger();

        @Override
        public String name() {
            return "/counting";
        }

        @Override
        public int major() {
            return 0;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 1;
        }

        @Override
        public VmOperations operations() {
            return this;
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            asked.incrementAndGet();
            opens.incrementAndGet();
            return null;
        }

        @Override
        public void close(Vma vma) {
            opens.decrementAndGet();
        }
    }

    /** Returns everything that a restore brings back, as text. */
    private String state() {
        try {
            fixture.machine.awaitQuiescence();
        } catch (InterruptedException interrupted) {
            throw new AssertionError("interrupted", interrupted);
        }
        StringBuilder text = new StringBuilder();
        for (RangeEntry<VmArea> entry : fixture.layout().snapshot()) {
            VmArea vma = entry.value();
            text.append(vma).append(':');
            for (long at = vma.start(); at != vma.end() && vma.has(READ); at += PAGE) {
                int fault = fixture.memory.load(at, 8);
                text.append(' ').append(fault == Fault.NONE ? Long.toHexString(fixture.memory.value()) : "fault");
            }
            text.append('\n');
        }
        return text.append(fixture.space.usage())
                .append(" brk ")
                .append(Long.toHexString(fixture.space.brk(0)))
                .append(" frames ")
                .append(fixture.frames())
                .append(" pages ")
                .append(fixture.layout().pages().residentPages())
                .append(" lock ")
                .append(fixture.layout().defaultLock())
                .toString();
    }

    private void check(Runnable change) {
        String before = state();
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            for (int run = 0; run < 3; run++) {
                change.run();
                assertFalse(before.equals(state()), "nothing was changed");
                checkpoint.restore();
                assertEquals(before, state(), "run " + run);
                fixture.layout().validate();
            }
        }
        assertEquals(before, state());
    }

    private long filled(long pages) {
        long at = fixture.anonymous(pages);
        for (long page = 0; page < pages; page++) {
            fixture.store(at + page * PAGE, 0x100 + page);
        }
        return at;
    }

    @Test
    @DisplayName("as one, if a part in its middle was replaced, and both others were stored to")
    void parts() {
        long at = fixture.map(0, 4, RW, Mman.PRIVATE, fixture.file(4).open(), 0);
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            fixture.map(at + PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
            fixture.store(at, 1);
            fixture.store(at + 2 * PAGE, 2);
            checkpoint.restore();
            List<Vma> vmas = fixture.space.snapshot().vmas();
            assertEquals(1, vmas.size(), vmas::toString);
            assertEquals(0x100, fixture.load(at));
            assertEquals(0x102, fixture.load(at + 2 * PAGE));
        }
        fixture.close();
    }

    @Test
    @DisplayName("that were unmapped, as a whole or in part")
    void unmapped() {
        long at = filled(8);
        check(() -> assertEquals(0, fixture.space.munmap(at, 8 * PAGE)));
        check(() -> {
            fixture.store(at + 7 * PAGE, 9);
            assertEquals(0, fixture.space.munmap(at + 2 * PAGE, 3 * PAGE));
        });
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("and removes those that were made, with their pages")
    void made() {
        long at = filled(2);
        check(() -> {
            long made = fixture.anonymous(4);
            fixture.store(made, 1);
            fixture.store(made + 3 * PAGE, 1);
            long shared = fixture.map(0, 2, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
            fixture.store(shared, 1);
            fixture.store(at, 1);
        });
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("with their rights, which pages lose again")
    void rights() {
        long at = filled(8);
        check(() -> {
            assertEquals(0, fixture.space.mprotect(at + 2 * PAGE, 2 * PAGE, READ));
            assertFault(Fault.ACCERR, fixture.memory.store(at + 2 * PAGE, 8, 1));
        });
        assertEquals(0, fixture.space.mprotect(at, 4 * PAGE, READ));
        MemoryFile file = fixture.file(2);
        long ofFile = fixture.map(0, 2, READ, Mman.SHARED, file.open(), 0);
        fixture.load(ofFile);
        List<String> told = new ArrayList<>();
        Registration registered = fixture.space.addNotifier((start, end, reason) -> {
            if (reason == MmuNotifier.Reason.PROTECTED) {
                told.add((start - at) / PAGE + "-" + (end - at) / PAGE);
            }
        });
        check(() -> {
            assertEquals(0, fixture.space.mprotect(at, 3 * PAGE, RW));
            fixture.store(at + PAGE, 5);
        });
        registered.close();
        assertTrue(told.contains("0-3"), told.toString());
        assertFault(Fault.ACCERR, fixture.memory.store(at, 8, 1));
        assertFault(Fault.ACCERR, fixture.memory.store(at + PAGE, 8, 1));
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            assertEquals(0, fixture.space.mprotect(ofFile, 2 * PAGE, RW));
            fixture.store(ofFile, 7);
            checkpoint.restore();
            assertFault(Fault.ACCERR, fixture.memory.store(ofFile, 8, 1));
            assertEquals(7, fixture.load(ofFile));
        }
        fixture.close();
    }

    @Test
    @DisplayName("in place of others, with other pages")
    void replaced() {
        long at = filled(8);
        MemoryFile file = fixture.file(8);
        check(() -> fixture.map(at + PAGE, 3, RW, Mman.SHARED | Mman.FIXED, file.open(), 0));
        check(() -> {
            fixture.map(at + PAGE, 3, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
            fixture.store(at + 2 * PAGE, 5);
            fixture.map(at + 5 * PAGE, 3, RW, ANONYMOUS | Mman.FIXED, null, 0);
            fixture.store(at + 5 * PAGE, 6);
        });
        long ofFile = fixture.map(0, 8, RW, Mman.PRIVATE, file.open(), 0);
        fixture.store(ofFile + PAGE, 3);
        fixture.load(ofFile);
        check(() -> {
            fixture.map(ofFile, 4, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 2);
            fixture.store(ofFile + PAGE, 4);
            fixture.store(ofFile + 2 * PAGE, 4);
        });
        fixture.close();
        assertEquals(8, fixture.frames(), "those of the file");
    }

    @Test
    @DisplayName("whole, if a part of one was replaced and another one mapped alike")
    void partlyAlike() {
        long at = fixture.anonymous(2);
        MemoryFile file = fixture.file(2);
        check(() -> {
            fixture.map(at, 2, READ, Mman.SHARED | Mman.FIXED, file.open(), 0);
            fixture.map(at, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        });
        check(() -> {
            fixture.map(at, 2, READ, Mman.SHARED | Mman.FIXED, file.open(), 0);
            fixture.map(at + PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
        });
        fixture.store(at, 1);
        // In a child, whose anon_vma no other mapping shares.
        try (AddressSpace child = fixture.space.fork();
                Checkpoint checkpoint = child.checkpoint()) {
            child.throwing().mmap(at, 2 * PAGE, READ, Mman.SHARED | Mman.FIXED, file.open(), 0);
            child.throwing().mmap(at, PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0);
            checkpoint.restore();
            assertEquals(1, child.usage().maps());
        }
        fixture.close();
    }

    @Test
    @DisplayName("that were moved, grown and shrunk, with pages that they share with the place they moved to")
    void moved() {
        long at = filled(4);
        long free = fixture.anonymous(16);
        assertEquals(0, fixture.space.munmap(free, 16 * PAGE));
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        check(() -> assertEquals(free, fixture.space.mremap(at, 4 * PAGE, 4 * PAGE, flags, free)));
        check(() -> {
            fixture.store(at + PAGE, 1);
            assertEquals(free, fixture.space.mremap(at, 2 * PAGE, 6 * PAGE, flags, free));
            fixture.store(free, 8);
            fixture.store(free + 5 * PAGE, 8);
        });
        check(() -> {
            // There and back.
            assertEquals(free, fixture.space.mremap(at, 4 * PAGE, 4 * PAGE, flags, free));
            fixture.store(free + PAGE, 8);
            assertEquals(at, fixture.space.mremap(free, 4 * PAGE, 4 * PAGE, flags, at));
            fixture.store(at + 2 * PAGE, 9);
            assertEquals(0, fixture.space.madvise(at + 3 * PAGE, PAGE, Mman.DONTNEED));
        });
        check(() -> {
            int keeps = Mman.MAYMOVE | Mman.DONTUNMAP;
            long to = fixture.space.mremap(at, 4 * PAGE, 4 * PAGE, keeps, 0);
            assertFalse(Errno.isError(to));
            fixture.store(at, 3);
            fixture.store(to + PAGE, 3);
            fixture.space.fork().close();
        });
        check(() -> assertEquals(at, fixture.space.mremap(at, 4 * PAGE, 2 * PAGE, 0, 0)));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("whose moved page a child of fork shares, which stays the child's")
    void movedAndForked() {
        long at = filled(1);
        long free = fixture.anonymous(4);
        assertEquals(0, fixture.space.munmap(free, 4 * PAGE));
        Checkpoint checkpoint = fixture.space.checkpoint();
        assertEquals(free, fixture.space.mremap(at, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, free));
        try (AddressSpace child = fixture.space.fork()) {
            checkpoint.restore();
            checkpoint.close();
            fixture.store(at, 7);
            fixture.cpu.switchTo(child);
            assertEquals(0x100, fixture.load(free));
            fixture.cpu.switchTo(fixture.space);
            assertEquals(7, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("with their guards")
    void guards() {
        long at = filled(4);
        assertEquals(0, fixture.space.madvise(at + PAGE, PAGE, Mman.GUARD_INSTALL));
        check(() -> assertEquals(0, fixture.space.munmap(at, 4 * PAGE)));
        check(() -> fixture.map(at, 4, RW, ANONYMOUS | Mman.FIXED, null, 0));
        long free = fixture.anonymous(4);
        assertEquals(0, fixture.space.munmap(free, 4 * PAGE));
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        check(() -> assertEquals(free, fixture.space.mremap(at, 4 * PAGE, 4 * PAGE, flags, free)));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("with the heap, locks and names")
    void attributes() {
        long heap = fixture.space.brk(0);
        assertEquals(heap + 4 * PAGE, fixture.space.brk(heap + 4 * PAGE));
        fixture.store(heap, 1);
        long at = filled(4);
        check(() -> {
            assertEquals(heap + 9 * PAGE, fixture.space.brk(heap + 9 * PAGE));
            fixture.store(heap + 8 * PAGE, 1);
        });
        check(() -> assertEquals(heap + PAGE, fixture.space.brk(heap + PAGE)));
        check(() -> assertEquals(heap, fixture.space.brk(heap)));
        check(() -> assertEquals(0, fixture.space.mlock(at + PAGE, PAGE)));
        check(() -> assertEquals(0, fixture.space.mlockall(Mman.FUTURE)));
        assertEquals(0, fixture.space.mlock(at, 4 * PAGE));
        check(() -> assertEquals(0, fixture.space.munlock(at, 2 * PAGE)));
        check(() -> assertEquals(0, fixture.space.munmap(at, 2 * PAGE)));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("whose file pages were locked, and are in memory again")
    void lockedFile() {
        MemoryFile file = fixture.file(4);
        long at = fixture.map(0, 4, READ, Mman.SHARED, file.open(), 0);
        assertEquals(0, fixture.space.mlock(at, 4 * PAGE));
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
            checkpoint.restore();
            assertEquals(4, fixture.mapped(at, 4));
        }
        fixture.close();
    }

    @Test
    @DisplayName("whose pages were locked, zero pages, too")
    void lockedZeroPages() {
        long at = fixture.map(0, 2, READ, ANONYMOUS, null, 0);
        assertEquals(0, fixture.space.mlock(at, 2 * PAGE));
        assertEquals(2, fixture.mapped(at, 2));
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            assertEquals(0, fixture.space.munmap(at, 2 * PAGE));
            checkpoint.restore();
            assertEquals(2, fixture.mapped(at, 2));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("and removes what a notifier mapped during an earlier one")
    void notifierMaps() {
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            fixture.load(fixture.map(0, 1, READ, ANONYMOUS, null, 0));
            AtomicInteger calls = new AtomicInteger();
            Registration registered = fixture.space.addNotifier((start, end, reason) -> {
                if (calls.getAndIncrement() == 0) {
                    fixture.anonymous(1);
                    assertEquals(0, fixture.space.mprotect(at, PAGE, READ));
                }
            });
            checkpoint.restore();
            registered.close();
            assertEquals(2, fixture.space.usage().maps());
            checkpoint.restore();
            assertEquals(1, fixture.space.usage().maps());
            fixture.store(at, 2);
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("and takes rights even if a pin then prevents the rest; a later one brings back the pages")
    void pinned() {
        MemoryFile file = fixture.file(2);
        long ofFile = fixture.map(0, 2, READ, Mman.SHARED, file.open(), 0);
        fixture.load(ofFile);
        long at = fixture.anonymous(1);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            assertEquals(0, fixture.space.mprotect(ofFile, 2 * PAGE, RW));
            fixture.store(ofFile, 7);
            fixture.store(at, 2);
            fixture.store(fixture.anonymous(1), 1);
            List<String> told = new ArrayList<>();
            List<PinnedFrame> pins = new ArrayList<>();
            Registration registered = fixture.space.addNotifier((start, end, reason) -> {
                told.add(reason + " " + Long.toHexString(start - ofFile));
                if (pins.isEmpty()) {
                    pins.add(fixture.pin(at, RW));
                }
            });
            assertThrows(IllegalStateException.class, checkpoint::restore);
            assertTrue(told.contains("PROTECTED 0"), told.toString());
            registered.close();
            assertFault(Fault.ACCERR, fixture.memory.store(ofFile, 8, 1));
            assertEquals(2, fixture.load(at));
            pins.get(0).close();
            checkpoint.restore();
            assertEquals(1, fixture.load(at));
        }
        fixture.close();
    }

    @Test
    @DisplayName("without asking their backings, which are closed when the checkpoint is")
    void opens() throws InterruptedException {
        Counting backing = new Counting();
        long at = fixture.map(0, 4, RW, Mman.PRIVATE, backing, 0);
        assertEquals(1, backing.asked.get());
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            for (int run = 0; run < 3; run++) {
                assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
                fixture.machine.awaitQuiescence();
                assertEquals(1, backing.opens.get());
                checkpoint.restore();
                assertEquals(1, backing.asked.get());
            }
            Checkpoint younger = fixture.space.checkpoint();
            assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
            younger.close();
            fixture.machine.awaitQuiescence();
            assertEquals(1, backing.opens.get());
            checkpoint.restore();
            assertEquals(1, backing.asked.get());
            assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
        }
        fixture.machine.awaitQuiescence();
        assertEquals(0, backing.opens.get());
        long again = fixture.map(0, 4, RW, Mman.PRIVATE, backing, 0);
        fixture.space.checkpoint();
        assertEquals(0, fixture.space.munmap(again, 4 * PAGE));
        fixture.close();
        assertEquals(0, backing.opens.get(), "the end of the space ends the checkpoint");
    }

    @Test
    @DisplayName("of shared memory, with its bytes as they are now")
    void shared() {
        long at = fixture.map(0, 4, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        fixture.store(at, 1);
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            try (Checkpoint younger = fixture.space.checkpoint()) {
                fixture.store(at + PAGE, 2);
                assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
                younger.restore();
                assertEquals(2, fixture.load(at + PAGE));
                assertEquals(0, fixture.space.munmap(at, 4 * PAGE));
            }
            checkpoint.restore();
            assertEquals(1, fixture.load(at));
            assertEquals(2, fixture.load(at + PAGE));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("of one instant within another, in any order")
    void nested() {
        long at = filled(6);
        String first = state();
        Checkpoint oldest = fixture.space.checkpoint();
        assertEquals(0, fixture.space.munmap(at, 2 * PAGE));
        long more = fixture.anonymous(3);
        fixture.store(more, 5);
        String second = state();
        Checkpoint middle = fixture.space.checkpoint();
        assertEquals(0, fixture.space.mprotect(at + 3 * PAGE, PAGE, READ));
        assertEquals(0, fixture.space.munmap(more, 3 * PAGE));
        String third = state();
        Checkpoint youngest = fixture.space.checkpoint();
        assertEquals(0, fixture.space.munmap(at + 2 * PAGE, 4 * PAGE));
        youngest.restore();
        assertEquals(third, state());
        assertEquals(0, fixture.space.munmap(at + 2 * PAGE, 4 * PAGE));
        middle.restore();
        assertEquals(second, state());
        assertEquals(0, fixture.space.munmap(more, PAGE));
        middle.close();
        oldest.restore();
        assertEquals(first, state());
        oldest.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("but not over a sealed one, and a seal stays")
    void sealed() {
        long at = filled(4);
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            fixture.anonymous(1);
            assertEquals(0, fixture.space.mseal(at + PAGE, PAGE, 0));
            fixture.store(at + PAGE, 7);
            checkpoint.restore();
            assertEquals(0x101, fixture.load(at + PAGE));
            SpaceFixture.assertResult(Errno.EPERM, fixture.space.munmap(at + PAGE, PAGE));
            assertEquals(0, fixture.space.munmap(at, PAGE));
            checkpoint.restore();
            assertEquals(0x100, fixture.load(at));
            assertEquals(0, fixture.space.madvise(at + PAGE, PAGE, Mman.RANDOM));
            assertEquals(0, fixture.space.mlock(at + PAGE, PAGE));
            checkpoint.restore();
            assertEquals(0, fixture.space.usage().locked());
            long made = fixture.anonymous(1);
            fixture.store(made, 3);
            assertEquals(0, fixture.space.mseal(made, PAGE, 0));
            fixture.store(at, 9);
            MmException refused = assertThrows(MmException.class, checkpoint::restore);
            assertEquals(Errno.EPERM, refused.errno());
            assertEquals(3, fixture.load(made));
            assertEquals(9, fixture.load(at));
        }
        fixture.close();
    }

    @Test
    @DisplayName("unless others have the commit charge")
    void charged() {
        fixture.close();
        fixture = new SpaceFixture(Machine.builder().memory(1 << 20).commitLimit(16 * PAGE));
        long at = filled(12);
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            assertEquals(0, fixture.space.munmap(at, 12 * PAGE));
            try (var other = fixture.machine.newSpace(SpaceFixture.GEOMETRY)) {
                long taken = other.mmap(0, 8 * PAGE, RW, ANONYMOUS, null, 0);
                assertFalse(Errno.isError(taken));
                MmException refused = assertThrows(MmException.class, checkpoint::restore);
                assertEquals(Errno.ENOMEM, refused.errno());
                assertFault(Fault.MAPERR, fixture.memory.load(at, 8));
            }
            checkpoint.restore();
            assertEquals(0x10b, fixture.load(at + 11 * PAGE));
        }
        fixture.closeEmpty();
    }
}
