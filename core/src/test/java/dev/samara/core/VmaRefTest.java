// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
final class VmaRefTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int ROUNDS = TORTURE ? 200_000 : 5_000;
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Protection.READ;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.FIXED;

    private final CountingBacking backing = new CountingBacking("/kept", 1);

    private AddressSpace space(Machine machine) {
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        assertEquals(PLACE, space.mmap(PLACE, 4 * PAGE, READ, FIXED, backing, 0));
        return space;
    }

    private static VmaRef keep(AddressSpace space, long address) {
        VmaRef keep = space.keep(address);
        assertNotNull(keep);
        return keep;
    }

    @Test
    @DisplayName("a keep says what it keeps, holds it open when that is unmapped, and lets it be closed at its release")
    void keeps() throws InterruptedException {
        Machine machine = Machine.builder().build();
        AddressSpace space = space(machine);
        VmaRef keep = keep(space, PLACE + PAGE + 5);
        assertSame(space.find(PLACE), keep.vma());
        assertEquals(1, VmArea.of(keep.vma()).references());
        assertTrue(keep.toString().startsWith("keep of 10000000-10004000"));
        assertEquals(0, space.munmap(PLACE, 4 * PAGE));
        machine.awaitQuiescence();
        assertTrue(keep.vma().isDetached());
        assertEquals(1, backing.stillOpen());
        keep.close();
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
        assertTrue(keep.toString().startsWith("released keep of 10000000-10004000"));
    }

    @Test
    @DisplayName("nothing can be kept where nothing is mapped, or no longer")
    void nothing() {
        AddressSpace space = space(Machine.builder().trackKeeps().build());
        assertNull(space.keep(0));
        assertNull(space.keep(PLACE - 1));
        assertNull(space.keep(PLACE + 4 * PAGE));
        assertNull(space.keep(-1));
        space.close();
        assertNull(space.keep(PLACE));
        assertEquals(List.of(), space.machine().outstandingKeeps());
    }

    @Test
    @DisplayName("a second release is refused and counts for nothing")
    void secondRelease() {
        AddressSpace space = space(Machine.builder().build());
        VmaRef first = keep(space, PLACE);
        VmaRef second = keep(space, PLACE);
        first.close();
        IllegalStateException refused = assertRefused(
                IllegalStateException.class,
                first::close,
                "keep of 10000000-10004000",
                "a second time",
                Thread.currentThread().getName(),
                "tracks keeps");
        assertNull(refused.getCause());
        assertEquals(1, VmArea.of(second.vma()).references());
        second.close();
        assertEquals(0, VmArea.of(second.vma()).references());
        assertRefused(IllegalStateException.class, second::close, "a second time");
        assertEquals(0, VmArea.of(second.vma()).references());
    }

    @Test
    @DisplayName("a machine that tracks keeps shows where the first release was, and where the keep was taken")
    void trackedSecondRelease() {
        AddressSpace space = space(Machine.builder().trackKeeps().build());
        VmaRef keep = takenHere(space);
        releasedHere(keep);
        IllegalStateException refused = assertRefused(
                IllegalStateException.class, keep::close, "a second time", "its first release is the cause");
        Throwable release = refused.getCause();
        assertNotNull(release);
        assertTrue(mentions(release, "releasedHere"));
        assertTrue(String.valueOf(release.getMessage())
                .contains(Thread.currentThread().getName()));
        Throwable taking = release.getCause();
        assertNotNull(taking);
        assertTrue(mentions(taking, "takenHere"));
        assertTrue(String.valueOf(taking.getMessage()).contains("10000000-10004000"));
    }

    private static VmaRef takenHere(AddressSpace space) {
        return keep(space, PLACE);
    }

    private static void releasedHere(VmaRef keep) {
        keep.close();
    }

    private static boolean mentions(Throwable where, String method) {
        for (StackTraceElement frame : where.getStackTrace()) {
            if (frame.getMethodName().equals(method)) {
                return true;
            }
        }
        return false;
    }

    @Test
    @DisplayName("the keeps that have not been released are listed with where they were taken")
    void outstanding() {
        Machine machine = Machine.builder().trackKeeps().build();
        AddressSpace space = space(machine);
        assertEquals(List.of(), machine.outstandingKeeps());
        VmaRef one = takenHere(space);
        VmaRef other = keep(space, PLACE);
        assertEquals(2, machine.outstandingKeeps().size());
        other.close();
        List<Throwable> left = machine.outstandingKeeps();
        assertEquals(1, left.size());
        assertTrue(mentions(left.get(0), "takenHere"));
        space.close();
        assertEquals(1, machine.outstandingKeeps().size(), "the space has gone, the keep has not");
        one.close();
        assertEquals(List.of(), machine.outstandingKeeps());
    }

    @Test
    @DisplayName("a machine that does not track keeps refuses to list them")
    void untracked() {
        Machine machine = Machine.builder().build();
        assertRefused(IllegalStateException.class, machine::outstandingKeeps, "not told to track keeps");
    }

    @Test
    @DisplayName("what replaces something in flight can be kept, without waiting")
    void gated() throws InterruptedException {
        AtomicReference<@Nullable AddressSpace> space = new AtomicReference<>();
        AtomicReference<@Nullable VmaRef> kept = new AtomicReference<>();
        Machine machine = MachineInternals.machine(Machine.builder(), transit -> {
            AddressSpace at = space.get();
            if (at != null) {
                kept.set(at.keep(PLACE));
            }
        });
        AddressSpace mapped = space(machine);
        space.set(mapped);
        CountingBacking other = new CountingBacking("/other", 2);
        assertEquals(PLACE, mapped.mmap(PLACE, 4 * PAGE, READ, FIXED, other, 0));
        space.set(null);
        VmaRef keep = kept.get();
        assertNotNull(keep);
        assertSame(other, keep.vma().backing());
        assertSame(mapped.find(PLACE), keep.vma());
        mapped.close();
        machine.awaitQuiescence();
        assertEquals(1, other.stillOpen());
        keep.close();
        machine.awaitQuiescence();
        assertEquals(0, other.stillOpen());
        assertEquals(0, backing.stillOpen());
    }

    private static void together(List<Callable<@Nullable Void>> bodies) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(bodies.size());
        try {
            for (Future<@Nullable Void> result : pool.invokeAll(bodies)) {
                result.get();
            }
        } finally {
            pool.shutdown();
        }
    }

    @Test
    @DisplayName("of two threads that release one keep at once, one is refused")
    void twoReleases() throws Exception {
        for (boolean tracked : new boolean[] {false, true}) {
            Machine.Builder builder = Machine.builder();
            AddressSpace space = space((tracked ? builder.trackKeeps() : builder).build());
            int rounds = ROUNDS / 5;
            List<VmaRef> keeps = new ArrayList<>();
            for (int i = 0; i < rounds; i++) {
                keeps.add(keep(space, PLACE));
            }
            boolean[][] refused = new boolean[2][rounds];
            CyclicBarrier barrier = new CyclicBarrier(2);
            List<Callable<@Nullable Void>> bodies = new ArrayList<>();
            for (boolean[] mine : refused) {
                bodies.add(() -> {
                    barrier.await();
                    for (int i = 0; i < rounds; i++) {
                        try {
                            keeps.get(i).close();
                        } catch (IllegalStateException expected) {
                            mine[i] = true;
                            boolean says = String.valueOf(expected.getMessage()).contains("the cause");
                            assertEquals(says, expected.getCause() != null);
                        }
                    }
                    return null;
                });
            }
            together(bodies);
            for (int i = 0; i < rounds; i++) {
                assertTrue(refused[0][i] ^ refused[1][i]);
            }
            assertEquals(0, VmArea.of(keeps.get(0).vma()).references());
        }
    }

    @Test
    @DisplayName("beside a thread that goes on replacing it, a mapping always gives a reference to one that was there")
    void besideReplacing() throws Exception {
        Machine machine = Machine.builder().build();
        AddressSpace space = space(machine);
        AtomicBoolean over = new AtomicBoolean();
        List<Callable<@Nullable Void>> bodies = new ArrayList<>();
        bodies.add(() -> {
            try {
                for (int i = 0; i < ROUNDS; i++) {
                    int rights = i % 2 == 0 ? Protection.NONE : READ;
                    assertEquals(0, space.mprotect(PLACE, 2 * PAGE, rights));
                    assertEquals(PLACE + PAGE, space.mmap(PLACE + PAGE, PAGE, READ, FIXED, backing, PAGE));
                }
            } finally {
                over.set(true);
            }
            return null;
        });
        bodies.add(() -> {
            Vma before = space.find(PLACE);
            while (!over.get()) {
                VmaRef keep = keep(space, PLACE + PAGE);
                Vma vma = keep.vma();
                assertTrue(vma.contains(PLACE + PAGE));
                assertSame(backing, vma.backing());
                assertTrue(backing.stillOpen() > 0);
                keep.close();
                before = vma;
            }
            assertNotNull(before);
            return null;
        });
        together(bodies);
        space.validate();
        assertFalse(space.snapshot().vmas().isEmpty());
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
    }
}
