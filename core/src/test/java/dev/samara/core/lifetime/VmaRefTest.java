// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.VmaRef;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.testing.Share;
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

final class VmaRefTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int ROUNDS =
            TORTURE ? 200_000 : Share.of("VmaRefTest", 4).steps(5_000);
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int READ = Mman.READ;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

    private final CountingBacking backing = new CountingBacking("/referenced", 1);

    private AddressSpace space(Machine machine) {
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        assertEquals(PLACE, space.mmap(PLACE, 4 * PAGE, READ, FIXED, backing, 0));
        return space;
    }

    private static VmaRef acquire(AddressSpace space, long address) {
        VmaRef reference = space.acquire(address);
        assertNotNull(reference);
        return reference;
    }

    @Test
    @DisplayName(
            "a reference names its VMA, holds its backing open when that is unmapped, and lets it close at its release")
    void reference() throws InterruptedException {
        Machine machine = Machine.builder().build();
        AddressSpace space = space(machine);
        VmaRef reference = acquire(space, PLACE + PAGE + 5);
        assertSame(space.find(PLACE), reference.vma());
        assertEquals(1, VmArea.of(reference.vma()).references());
        assertTrue(reference.toString().startsWith("reference to 10000000-10004000"));
        assertEquals(0, space.munmap(PLACE, 4 * PAGE));
        machine.awaitQuiescence();
        assertTrue(reference.vma().isDetached());
        assertEquals(1, backing.stillOpen());
        reference.close();
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
        assertTrue(reference.toString().startsWith("released reference to 10000000-10004000"));
    }

    @Test
    @DisplayName("P16: threads that each hold a reference unmap in each other's space, and neither waits")
    void crossed() throws Exception {
        Machine machine = Machine.builder().build();
        AddressSpace[] spaces = {space(machine), space(machine)};
        CyclicBarrier bothHold = new CyclicBarrier(2);
        CyclicBarrier bothUnmapped = new CyclicBarrier(2);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        List<Future<Long>> ended = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            AddressSpace own = spaces[i];
            AddressSpace other = spaces[1 - i];
            ended.add(threads.submit(() -> {
                VmaRef reference = acquire(own, PLACE);
                bothHold.await();
                long result = other.munmap(PLACE, 4 * PAGE);
                bothUnmapped.await();
                assertTrue(reference.vma().isDetached());
                reference.close();
                return result;
            }));
        }
        for (Future<Long> end : ended) {
            assertEquals(0, Await.result("an munmap", end, List.of()));
        }
        threads.shutdown();
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
    }

    @Test
    @DisplayName("no reference can be acquired where nothing is mapped, or no longer")
    void nothing() {
        AddressSpace space = space(Machine.builder().trackReferences(true).build());
        assertNull(space.acquire(0));
        assertNull(space.acquire(PLACE - 1));
        assertNull(space.acquire(PLACE + 4 * PAGE));
        assertNull(space.acquire(-1));
        space.close();
        assertNull(space.acquire(PLACE));
        assertEquals(List.of(), space.machine().outstandingReferences());
    }

    @Test
    @DisplayName("a second release is refused and counts for nothing")
    void secondRelease() {
        AddressSpace space = space(Machine.builder().build());
        VmaRef first = acquire(space, PLACE);
        VmaRef second = acquire(space, PLACE);
        first.close();
        IllegalStateException refused = assertRefused(
                IllegalStateException.class,
                first::close,
                "reference to 10000000-10004000",
                "a second time",
                Thread.currentThread().getName(),
                "tracks references");
        assertNull(refused.getCause());
        assertEquals(1, VmArea.of(second.vma()).references());
        second.close();
        assertEquals(0, VmArea.of(second.vma()).references());
        assertRefused(IllegalStateException.class, second::close, "a second time");
        assertEquals(0, VmArea.of(second.vma()).references());
    }

    @Test
    @DisplayName("a machine that tracks references shows where each was released first, and where it was acquired")
    void trackedSecondRelease() {
        AddressSpace space = space(Machine.builder().trackReferences(true).build());
        VmaRef reference = acquiredHere(space);
        releasedHere(reference);
        IllegalStateException refused = assertRefused(
                IllegalStateException.class, reference::close, "a second time", "its first release is the cause");
        Throwable release = refused.getCause();
        assertNotNull(release);
        assertTrue(mentions(release, "releasedHere"));
        assertTrue(String.valueOf(release.getMessage())
                .contains(Thread.currentThread().getName()));
        Throwable acquiring = release.getCause();
        assertNotNull(acquiring);
        assertTrue(mentions(acquiring, "acquiredHere"));
        assertTrue(String.valueOf(acquiring.getMessage()).contains("10000000-10004000"));
    }

    private static VmaRef acquiredHere(AddressSpace space) {
        return acquire(space, PLACE);
    }

    private static void releasedHere(VmaRef reference) {
        reference.close();
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
    @DisplayName("references that have not been released are listed with the stacks that acquired them")
    void outstanding() {
        Machine machine = Machine.builder().trackReferences(true).build();
        AddressSpace space = space(machine);
        assertEquals(List.of(), machine.outstandingReferences());
        VmaRef one = acquiredHere(space);
        VmaRef other = acquire(space, PLACE);
        assertEquals(2, machine.outstandingReferences().size());
        other.close();
        List<Throwable> left = machine.outstandingReferences();
        assertEquals(1, left.size());
        assertTrue(mentions(left.get(0), "acquiredHere"));
        space.close();
        assertEquals(1, machine.outstandingReferences().size(), "the space has gone, the reference has not");
        one.close();
        assertEquals(List.of(), machine.outstandingReferences());
    }

    @Test
    @DisplayName("a machine that does not track references refuses to list them")
    void untracked() {
        Machine machine = Machine.builder().build();
        assertRefused(IllegalStateException.class, machine::outstandingReferences, "does not track references");
    }

    @Test
    @DisplayName("what replaces something in flight can be acquired, without waiting")
    void gated() throws InterruptedException {
        AtomicReference<@Nullable AddressSpace> space = new AtomicReference<>();
        AtomicReference<@Nullable VmaRef> acquired = new AtomicReference<>();
        Machine machine = MachineInternals.machine(Machine.builder(), range -> {
            AddressSpace at = space.get();
            if (at != null) {
                acquired.set(at.acquire(PLACE));
            }
        });
        AddressSpace mapped = space(machine);
        space.set(mapped);
        CountingBacking other = new CountingBacking("/other", 2);
        assertEquals(PLACE, mapped.mmap(PLACE, 4 * PAGE, READ, FIXED, other, 0));
        space.set(null);
        VmaRef reference = acquired.get();
        assertNotNull(reference);
        assertSame(other, reference.vma().backing());
        assertSame(mapped.find(PLACE), reference.vma());
        mapped.close();
        machine.awaitQuiescence();
        assertEquals(1, other.stillOpen());
        reference.close();
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
    @DisplayName("of two threads that release one reference at once, one is refused")
    void twoReleases() throws Exception {
        for (boolean tracked : new boolean[] {false, true}) {
            MachineBuilder builder = Machine.builder();
            AddressSpace space = space((tracked ? builder.trackReferences(true) : builder).build());
            int rounds = ROUNDS / 5;
            List<VmaRef> references = new ArrayList<>();
            for (int i = 0; i < rounds; i++) {
                references.add(acquire(space, PLACE));
            }
            boolean[][] refused = new boolean[2][rounds];
            CyclicBarrier barrier = new CyclicBarrier(2);
            List<Callable<@Nullable Void>> bodies = new ArrayList<>();
            for (boolean[] mine : refused) {
                bodies.add(() -> {
                    barrier.await();
                    for (int i = 0; i < rounds; i++) {
                        try {
                            references.get(i).close();
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
            assertEquals(0, VmArea.of(references.get(0).vma()).references());
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
                    int rights = i % 2 == 0 ? Mman.NONE : READ;
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
                VmaRef reference = acquire(space, PLACE + PAGE);
                Vma vma = reference.vma();
                assertTrue(vma.contains(PLACE + PAGE));
                assertSame(backing, vma.backing());
                assertTrue(backing.stillOpen() > 0);
                reference.close();
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
