// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Charges of loaded mappings and of calls of two threads; {@code LayoutModelTest} compares those of all other calls.
 */
final class CommitLimitTest {
    private static final int ROUNDS = Boolean.getBoolean("samara.torture")
            ? 2_000_000
            : Share.of("CommitLimitTest", 4).steps(100_000);
    private static final int LIMIT = 10;
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int SHARED = Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED;

    private final Machine machine = Machine.builder().commitLimit(LIMIT * PAGE).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

    private long committed() {
        return machine.committed() / PAGE;
    }

    @Test
    @DisplayName("growth is charged by its pages, DONTUNMAP by all, the heap and a stack too")
    void growth() {
        space.throwing().mmap(PLACE, 4 * PAGE, RW, FIXED, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.mremap(PLACE, 4 * PAGE, 11 * PAGE, 0, 0));
        assertEquals(PLACE, space.mremap(PLACE, 4 * PAGE, 6 * PAGE, 0, 0));
        int dontUnmap = Mman.MAYMOVE | Mman.DONTUNMAP;
        assertEquals(Errno.ENOMEM.result(), space.mremap(PLACE, 5 * PAGE, 5 * PAGE, dontUnmap, 0));
        assertEquals(6, committed());
        space.throwing().mmap(PLACE + 700 * PAGE, PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.growStack(PLACE + 696 * PAGE));
        assertEquals(0, space.growStack(PLACE + 698 * PAGE));
        long heap = Geometry.LINUX_X86_64.defaultHeap();
        assertEquals(heap, space.brk(heap + 2 * PAGE));
        assertEquals(heap + PAGE, space.brk(heap + PAGE));
        assertEquals(LIMIT, committed());
        space.close();
        assertEquals(0, committed());
    }

    @Test
    @DisplayName(
            "mremap to a named place may use the charge of its old target, and gives it back even if it is refused")
    void moveOntoWhatIsCharged() {
        long target = PLACE + 20 * PAGE;
        int moveTo = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        space.throwing().mmap(PLACE, 3 * PAGE, RW, FIXED, null, 0);
        space.throwing().mmap(target, 2 * PAGE, RW, FIXED, null, 0);
        space.throwing().mmap(target + 2 * PAGE, 5 * PAGE, RW, SHARED, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.mremap(PLACE, 3 * PAGE, 11 * PAGE, moveTo, target));
        assertEquals(3, committed(), "the private target, and all of the shared object");
        space.throwing().mmap(target, 2 * PAGE, RW, FIXED, null, 0);
        space.throwing().mmap(target + 2 * PAGE, 5 * PAGE, RW, SHARED, null, 0);
        assertEquals(target, space.mremap(PLACE, 3 * PAGE, LIMIT * PAGE, moveTo, target));
        assertEquals(LIMIT, committed());
        space.validate();
    }

    @Test
    @DisplayName("a shared object that was kept and is mapped again is charged again, on its own machine only")
    void sharedMemoryThatComesBack() {
        space.throwing().mmap(PLACE, 6 * PAGE, RW, SHARED, null, 0);
        List<Vma> kept = space.snapshot().vmas();
        space.close();
        assertEquals(0, committed());
        AddressSpace again = machine.space(Geometry.LINUX_X86_64).load(kept).build();
        assertEquals(6, committed());
        AddressSpaceBuilder elsewhere =
                Machine.builder().build().space(Geometry.LINUX_X86_64).load(kept);
        assertThrows(IllegalArgumentException.class, elsewhere::build);
        again.close();
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("a load that is refused in the end has charged nothing, for shared objects neither")
    void refusedLoadOfSharedMemory() {
        space.throwing().mmap(PLACE, 4 * PAGE, RW, SHARED, null, 0);
        Vma shared = space.snapshot().vmas().get(0);
        long flags = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT;
        Vma charged = VmArea.describe(PLACE + 8 * PAGE, PLACE + 9 * PAGE, flags, 0, null, null, null);
        Vma odd = VmArea.describe(PLACE + 16 * PAGE, PLACE + 17 * PAGE + 1, flags, 0, null, null, null);
        AddressSpaceBuilder builder = machine.space(Geometry.LINUX_X86_64).load(List.of(shared, charged, odd));
        assertThrows(IllegalArgumentException.class, builder::build);
        assertEquals(4, committed());
        space.close();
        assertEquals(0, committed());
        assertThrows(IllegalArgumentException.class, builder::build);
        assertEquals(0, committed());
    }

    private static void together(Stream<Runnable> rounds) throws Exception {
        List<Callable<Boolean>> bodies = new ArrayList<>();
        rounds.forEach(round -> bodies.add(() -> {
            for (int i = 0; i < ROUNDS; i++) {
                round.run();
            }
            return true;
        }));
        ExecutorService threads = Executors.newFixedThreadPool(bodies.size());
        try {
            for (Future<Boolean> end : threads.invokeAll(bodies)) {
                end.get();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    @DisplayName("two spaces that map and unmap one object at the same time give it back once, in the end")
    void sharedByTwoThreads() throws Exception {
        space.throwing().mmap(PLACE, 5 * PAGE, RW, SHARED, null, 0);
        AddressSpace child = space.fork();
        long copy = PLACE + 30 * PAGE;
        int moveTo = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        together(Stream.of(space, child).map(one -> () -> {
            assertEquals(copy, one.mremap(PLACE, 0, PAGE, moveTo, copy));
            assertEquals(0, one.munmap(copy, PAGE));
        }));
        assertEquals(0, space.munmap(PLACE, 5 * PAGE));
        assertEquals(5, committed(), "the child has it still");
        assertEquals(0, child.munmap(PLACE, 5 * PAGE));
        assertEquals(0, committed());
    }

    @ParameterizedTest
    @ValueSource(ints = {FIXED, SHARED})
    @DisplayName("a call within the limit is never refused, whatever another thread does within the limit")
    void fitsBesideAnother(int flags) throws Exception {
        AddressSpace other = machine.newSpace(Geometry.LINUX_X86_64);
        long half = LIMIT / 2 * PAGE;
        together(Stream.of(space, other).map(one -> () -> {
            assertEquals(PLACE, one.mmap(PLACE, half, RW, one == space ? flags : FIXED, null, 0));
            assertEquals(0, one.munmap(PLACE, half));
        }));
        assertEquals(0, committed());
    }
}
