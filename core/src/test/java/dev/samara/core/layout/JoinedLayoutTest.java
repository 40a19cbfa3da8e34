// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.GROWSDOWN;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.SHARED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Registration;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Compares a space that is divided and joined with one that is not, after the same calls. */
@DisplayName("I6: a join carries over what the parts have counted and listed")
class JoinedLayoutTest {
    private static final long PAGE = 0x1000;
    private static final int HERE = PRIVATE | ANONYMOUS | FIXED;
    private static final int RW = Mman.READ | Mman.WRITE;

    /** The borders. The parts are below, between and above them. */
    private static final long LOWER = 0x2000_0000_0000L;

    private static final long UPPER = 0x3000_0000_0000L;
    private static final long[] INSIDE = {LOWER - 0x1000_0000L, LOWER + 0x1000_0000L, UPPER + 0x1000_0000L};

    private Twin divided;
    private Twin whole;

    private interface Step {
        long call(AddressSpace space);
    }

    private static final class Twin {
        final Machine machine = Machine.builder().memory(512 * PAGE).build();
        final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        final Layout layout = MachineInternals.layoutOf(space);
        final MemoryFile file = machine.newFile("file", 1, Geometry.LINUX_X86_64, 64 * PAGE);

        List<String> vmas() {
            List<String> all = new ArrayList<>();
            for (Vma vma : space.snapshot().vmas()) {
                all.add(vma.toString());
            }
            return all;
        }

        void write(long start, int pages) {
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                for (int i = 0; i < pages; i++) {
                    assertEquals(Fault.NONE, cpu.memory().store(start + i * PAGE, 8, 1));
                }
            }
        }
    }

    @BeforeEach
    void make() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        divided = new Twin();
        whole = new Twin();
        for (long at : INSIDE) {
            both(space -> space.mmap(at, 4 * PAGE, RW, HERE, null, 0));
        }
    }

    private void divide() {
        assertTrue(Divisions.divide(divided.layout, LOWER, UPPER));
    }

    private void both(Step step) {
        assertEquals(step.call(whole.space), step.call(divided.space));
    }

    /** Makes a call within a part, which leaves the layout divided. */
    private void inPart(Step step) {
        both(step);
        assertTrue(Divisions.isDivided(divided.layout));
    }

    private void assertSame() {
        assertEquals(whole.vmas(), divided.vmas());
        assertEquals(whole.space.residency().total(), divided.space.residency().total());
        assertEquals(whole.machine.committed(), divided.machine.committed());
        assertEquals(charged(whole), charged(divided));
        assertEquals(whole.space.usage(), divided.space.usage());
        divided.space.validate();
        whole.space.validate();
    }

    private static long charged(Twin of) {
        return of.layout.lifetime.identity.charged();
    }

    @Test
    @DisplayName("sizes, charges and mapped pages, also of what is mapped and unmapped after the join")
    void counters() {
        for (int round = 0; round < 3; round++) {
            long offset = (1 + round) * 0x10_0000L;
            divide();
            for (long inside : INSIDE) {
                long at = inside + offset;
                inPart(space -> space.mmap(at, 10 * PAGE, RW, HERE, null, 0));
                inPart(space -> space.mprotect(at + PAGE, 2 * PAGE, Mman.READ | Mman.EXEC));
                inPart(space -> space.mlock(at + 4 * PAGE, PAGE));
                inPart(space -> space.munmap(at + 6 * PAGE, 2 * PAGE));
                inPart(space -> space.mmap(at + 20 * PAGE, 3 * PAGE, RW, HERE | GROWSDOWN, null, 0));
                inPart(space -> space.mmap(
                        at + 30 * PAGE,
                        5 * PAGE,
                        RW,
                        SHARED | FIXED,
                        (space == whole.space ? whole : divided).file.open(),
                        0));
            }
            long sealed = INSIDE[round] + offset + 9 * PAGE;
            inPart(space -> space.mseal(sealed, PAGE, 0));
            assertEquals(
                    whole.space.residency().total(), divided.space.residency().total());
            assertEquals(charged(whole), charged(divided));
            Divisions.join(divided.layout);
            assertSame();
            both(space -> space.mmap(LOWER + offset, 100 * PAGE, RW, HERE, null, 0));
            assertEquals(
                    whole.space.residency().total(), divided.space.residency().total());
            assertEquals(charged(whole), charged(divided));
            both(space -> space.munmap(LOWER + offset, 60 * PAGE));
            both(space -> space.munmap(INSIDE[1] + offset, 4 * PAGE));
            assertSame();
        }
    }

    @Test
    @DisplayName("the highest numbers of pages from before the division, and those after the join")
    void peaks() {
        both(space -> space.mmap(LOWER + PAGE, 40 * PAGE, RW, HERE, null, 0));
        whole.write(LOWER + PAGE, 40);
        divided.write(LOWER + PAGE, 40);
        divide();
        inPart(space -> space.munmap(LOWER + PAGE, 40 * PAGE));
        inPart(space -> space.mmap(UPPER + PAGE, 5 * PAGE, RW, HERE, null, 0));
        assertEquals(whole.space.residency(), divided.space.residency());
        Divisions.join(divided.layout);
        assertEquals(whole.space.residency(), divided.space.residency());
        both(space -> space.mmap(UPPER + PAGE, 60 * PAGE, RW, HERE, null, 0));
        whole.write(UPPER + PAGE, 50);
        divided.write(UPPER + PAGE, 50);
        both(space -> space.munmap(UPPER + PAGE, 60 * PAGE));
        assertEquals(whole.space.residency(), divided.space.residency());
        assertEquals(50, divided.space.residency().peak());
    }

    @Test
    @DisplayName("the number of moves")
    void moves() {
        long before = Divisions.moves(divided.layout);
        divided.write(INSIDE[0], 2);
        divided.write(INSIDE[1], 1);
        divide();
        for (long at : new long[] {INSIDE[0], INSIDE[1]}) {
            assertEquals(at + 8 * PAGE, divided.space.mremap(at, 4 * PAGE, 4 * PAGE, 3, at + 8 * PAGE));
            assertTrue(Divisions.isDivided(divided.layout));
        }
        assertEquals(before + 2, Divisions.moves(divided.layout));
        divide();
        assertEquals(before + 2, Divisions.moves(divided.layout));
    }

    @Test
    @DisplayName("measured hold times")
    void holdTimes() {
        divide();
        for (int i = 0; i < 200; i++) {
            assertEquals(0, divided.space.mprotect(INSIDE[i % 3], PAGE, i % 2 == 0 ? RW : Mman.READ));
        }
        long measured = divided.space.holdTimes().count();
        assertTrue(measured >= 3, measured + " holds");
    }

    /**
     * Runs a check in a notifier while the range is in flight. A call there throws if it would have to wait for the
     * range.
     */
    @SuppressWarnings("try") // used only for its close
    private void whileInFlight(long start, long length, Runnable check) {
        AtomicInteger calls = new AtomicInteger();
        try (Registration notifier = divided.space.addNotifier((from, to, reason) -> {
            calls.incrementAndGet();
            check.run();
        })) {
            divide();
            assertEquals(0, divided.space.munmap(start, length));
        }
        assertNotEquals(0, calls.get());
        divided.space.validate();
    }

    private void assertInFlight(long at) {
        assertTrue(Divisions.isInFlight(divided.layout));
        // Not a subclass, which would mean that the range is reserved in the tree, but not listed.
        Exception refused =
                assertThrows(IllegalStateException.class, () -> divided.space.mmap(at, PAGE, RW, HERE, null, 0));
        assertEquals(IllegalStateException.class, refused.getClass());
    }

    @Test
    @DisplayName("a range in flight: calls there wait after a join, and after another division")
    void inFlight() {
        long at = INSIDE[1];
        whileInFlight(at, 4 * PAGE, () -> {
            assertInFlight(at);
            Divisions.join(divided.layout);
            assertInFlight(at);
            // The range ends where a part starts.
            assertTrue(Divisions.divide(divided.layout, at, at + 4 * PAGE));
            assertInFlight(at + PAGE);
            assertTrue(Divisions.divide(divided.layout, at + 8 * PAGE));
            assertInFlight(at + 2 * PAGE);
            assertFalse(Divisions.divide(divided.layout, at + 2 * PAGE), "across the range");
        });
        assertFalse(Divisions.isInFlight(divided.layout));
        assertEquals(at, divided.space.mmap(at, PAGE, RW, HERE, null, 0));
    }

    @Test
    @DisplayName("what a range in flight has unmapped counts until its completion, which the joined layout has")
    void uncharged() {
        long at = INSIDE[1];
        long total = divided.space.usage().total();
        whileInFlight(at, 4 * PAGE, () -> {
            assertEquals(total, divided.space.residency().total());
            assertEquals(total, divided.space.usage().total());
            divide();
            assertEquals(total, divided.space.residency().total());
        });
        assertEquals(total - 4, divided.space.residency().total());
        assertEquals(total - 4, divided.space.usage().total());
    }

    @Test
    @DisplayName("P42: near the cap of its part, a mapping that moves over others and grows has the whole layout")
    void growingMove() {
        long most = divided.space.usage().total() + 3 * 300;
        divided.space.setLimit(Resource.AS, most * PAGE);
        divide();
        long at = INSIDE[1] + 0x10_0000L;
        // Nearly all of the share of 300.
        assertEquals(at, divided.space.mmap(at, 280 * PAGE, RW, HERE, null, 0));
        assertTrue(Divisions.isDivided(divided.layout));
        // The same number of pages as before, once the unmapped ones are no longer in flight.
        assertEquals(at, divided.space.mremap(INSIDE[1], 4 * PAGE, 284 * PAGE, 3, at));
        assertFalse(Divisions.isDivided(divided.layout), "280 new pages, in a share of 300");
        long above = INSIDE[2] + 0x10_0000L;
        long left = most - divided.space.usage().total();
        assertEquals(Errno.ENOMEM.result(), divided.space.mmap(above, (left + 1) * PAGE, RW, HERE, null, 0));
        assertEquals(above, divided.space.mmap(above, left * PAGE, RW, HERE, null, 0));
    }

    @Test
    @DisplayName("P40: a hint below a border is not taken in the guard gap of a stack above it")
    void hintBelowStack() {
        both(space -> space.mmap(LOWER + 4 * PAGE, 4 * PAGE, RW, HERE | GROWSDOWN, null, 0));
        for (int pages = 1; pages < 300; pages += 50) {
            divide();
            long hint = LOWER - pages * PAGE;
            both(space -> space.mmap(hint, PAGE, RW, PRIVATE | ANONYMOUS, null, 0));
        }
        assertSame();
    }

    @Test
    @DisplayName("P40: the heap does not grow into the guard gap of a stack above a border")
    void heapBelowStack() {
        long heap = whole.space.brk(0);
        assertEquals(heap, divided.space.brk(0));
        long gap = 256 * PAGE;
        both(space -> space.brk(heap + PAGE));
        both(space -> space.mmap(heap + gap + 20 * PAGE, PAGE, RW, HERE | GROWSDOWN, null, 0));
        for (int pages = 2; pages < 40; pages += 5) {
            assertTrue(Divisions.divide(divided.layout, heap + gap));
            long end = heap + pages * PAGE;
            both(space -> space.brk(end));
        }
        assertSame();
    }

    @Test
    @DisplayName("results and layouts of random calls are those of a space that is never divided")
    void random() {
        Random random = new Random(1);
        for (int i = 0; i < 300; i++) {
            if (i % 5 == 0) {
                long border = LOWER + random.nextInt(40) * PAGE;
                Divisions.divide(divided.layout, border, border + (1 + random.nextInt(300)) * PAGE);
            }
            long at = LOWER + random.nextInt(40) * PAGE;
            long length = (1 + random.nextInt(4)) * PAGE;
            long other = LOWER + random.nextInt(340) * PAGE;
            int protection = random.nextInt(8);
            int flags = random.nextInt(4) == 0 ? GROWSDOWN : 0;
            int call = random.nextInt(9);
            both(space -> switch (call) {
                case 0, 1 -> space.mmap(at, length, protection, HERE | flags, null, 0);
                case 2 -> space.mmap(other, length, protection, PRIVATE | ANONYMOUS, null, 0);
                case 3 -> space.munmap(other, length);
                case 4 -> space.mprotect(at, length, protection);
                case 5 -> space.mremap(at, length, length, 3, other);
                case 6 -> space.mremap(at, length, length + PAGE, 1, 0);
                case 7 -> space.mmap(other, length, protection, HERE | flags, null, 0);
                default -> space.madvise(at, length, 10 + protection % 2);
            });
            assertEquals(whole.vmas(), divided.vmas());
        }
        assertSame();
    }
}
