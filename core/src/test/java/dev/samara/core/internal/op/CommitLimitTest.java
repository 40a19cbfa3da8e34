// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Memory charges: when the limit refuses them, and when they end. */
final class CommitLimitTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int SHARED = MapFlags.SHARED | MapFlags.ANONYMOUS | MapFlags.FIXED;

    private final Machine machine = Machine.builder().commitLimit(10 * PAGE).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

    private long committed() {
        return machine.committed() / PAGE;
    }

    @Test
    @DisplayName("private writable memory is charged, up to the limit and no further; the rest is free")
    void whatIsCharged() {
        space.throwing().mmap(PLACE, 10 * PAGE, RW, FIXED, null, 0);
        assertEquals(10, committed());
        long more = PLACE + 64 * PAGE;
        assertEquals(Errno.ENOMEM.result(), space.mmap(more, PAGE, RW, FIXED, null, 0));
        assertEquals(more, space.mmap(more, PAGE, Protection.READ, FIXED, null, 0));
        assertEquals(Errno.ENOMEM.result(), space.mprotect(more, PAGE, RW));
        assertEquals(more, space.mmap(more, PAGE, RW, MapFlags.SHARED | MapFlags.FIXED, OpenFiles.A, 0));
        int privately = MapFlags.PRIVATE | MapFlags.FIXED;
        assertEquals(more, space.mmap(more, PAGE, Protection.READ, privately, OpenFiles.A, 0));
        assertEquals(Errno.ENOMEM.result(), space.mmap(more, PAGE, RW, privately, OpenFiles.A, 0));
        assertEquals(10, committed());
        assertEquals(10, space.usage().accounted());
    }

    @Test
    @DisplayName("with a limit NORESERVE has no effect; without one it saves the charge")
    void noreserve() {
        int noReserve = FIXED | MapFlags.NORESERVE;
        assertEquals(Errno.ENOMEM.result(), space.mmap(PLACE, 11 * PAGE, RW, noReserve, null, 0));
        assertEquals(PLACE, space.mmap(PLACE, 4 * PAGE, RW, noReserve, null, 0));
        assertEquals(4, committed());
        Machine lenient = Machine.builder().build();
        AddressSpace free = lenient.newSpace(Geometry.LINUX_X86_64);
        assertEquals(PLACE, free.mmap(PLACE, 11 * PAGE, RW, noReserve, null, 0));
        assertEquals(PLACE + 64 * PAGE, free.mmap(PLACE + 64 * PAGE, PAGE, RW, SHARED | MapFlags.NORESERVE, null, 0));
        assertEquals(0, lenient.committed());
    }

    @Test
    @DisplayName("every way to unmap uncharges")
    void givenBack() {
        space.throwing().mmap(PLACE, 10 * PAGE, RW, FIXED, null, 0);
        space.throwing().munmap(PLACE + PAGE, PAGE);
        assertEquals(9, committed());
        space.throwing().mmap(PLACE, PAGE, Protection.READ, FIXED, null, 0);
        assertEquals(8, committed());
        space.throwing().mprotect(PLACE + 2 * PAGE, PAGE, Protection.NONE);
        assertEquals(7, committed());
        space.throwing().mremap(PLACE + 3 * PAGE, 3 * PAGE, PAGE, 0, 0);
        assertEquals(5, committed());
        int moveTo = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
        space.throwing().mremap(PLACE + 3 * PAGE, PAGE, PAGE, moveTo, PLACE + 9 * PAGE);
        assertEquals(4, committed(), "the target's page");
        space.throwing().munmap(PLACE, 64 * PAGE);
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("growth is charged by its pages, DONTUNMAP by all, the heap and a stack too")
    void growth() {
        space.throwing().mmap(PLACE, 4 * PAGE, RW, FIXED, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.mremap(PLACE, 4 * PAGE, 11 * PAGE, 0, 0));
        assertEquals(PLACE, space.mremap(PLACE, 4 * PAGE, 6 * PAGE, 0, 0));
        int dontUnmap = RemapFlags.MAYMOVE | RemapFlags.DONTUNMAP;
        assertEquals(Errno.ENOMEM.result(), space.mremap(PLACE, 5 * PAGE, 5 * PAGE, dontUnmap, 0));
        assertEquals(6, committed());
        space.throwing().mmap(PLACE + 700 * PAGE, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        assertEquals(Errno.ENOMEM.result(), space.growStack(PLACE + 696 * PAGE));
        assertEquals(0, space.growStack(PLACE + 698 * PAGE));
        long heap = Geometry.LINUX_X86_64.defaultHeap();
        assertEquals(heap, space.brk(heap + 2 * PAGE));
        assertEquals(heap + PAGE, space.brk(heap + PAGE));
        assertEquals(10, committed());
        space.close();
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("a move is charged after its target was given back")
    void targetGivenBackFirst() {
        space.throwing().mmap(PLACE, 10 * PAGE, RW, FIXED, null, 0);
        int moveTo = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
        assertEquals(PLACE + 4 * PAGE, space.mremap(PLACE, PAGE, 6 * PAGE, moveTo, PLACE + 4 * PAGE));
        assertEquals(9, committed());
        space.validate();
    }

    @Test
    @DisplayName("shared memory is charged when it is made, whole until none of it is mapped")
    void sharedMemory() {
        space.throwing().mmap(PLACE, 6 * PAGE, Protection.NONE, SHARED, null, 0);
        assertEquals(6, committed());
        assertEquals(0, space.usage().accounted());
        assertEquals(Errno.ENOMEM.result(), space.mmap(PLACE + 64 * PAGE, 5 * PAGE, RW, SHARED, null, 0));
        space.throwing().munmap(PLACE, 5 * PAGE);
        assertEquals(6, committed());
        space.throwing().mremap(PLACE + 5 * PAGE, 0, PAGE, 3, PLACE + 32 * PAGE);
        space.throwing().munmap(PLACE + 5 * PAGE, PAGE);
        assertEquals(6, committed(), "a second mapping of it is left");
        space.throwing().munmap(PLACE + 32 * PAGE, PAGE);
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("shared memory outlives the space that made it, in a child")
    void sharedMemoryOfTwo() {
        space.throwing().mmap(PLACE, 6 * PAGE, RW, SHARED, null, 0);
        AddressSpace child = space.fork();
        assertEquals(6, committed(), "shared, not copied");
        space.close();
        assertEquals(6, committed());
        child.throwing().munmap(PLACE, 3 * PAGE);
        AddressSpace grandchild = child.fork();
        child.close();
        assertEquals(6, committed());
        grandchild.close();
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("a fork is charged for the private memory it copies, or refused whole")
    void fork() {
        space.throwing().mmap(PLACE, 4 * PAGE, RW, FIXED, null, 0);
        space.throwing().mmap(PLACE + 8 * PAGE, 2 * PAGE, RW, FIXED, null, 0);
        MmException refused = assertThrows(MmException.class, space::fork);
        assertSame(Errno.ENOMEM, refused.errno());
        assertEquals(6, committed());
        space.throwing().madvise(PLACE + 8 * PAGE, 2 * PAGE, 10);
        AddressSpace child = space.fork();
        assertEquals(10, committed());
        assertEquals(4, child.usage().accounted());
        child.close();
        child.close();
        assertEquals(6, committed());
        space.close();
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("a failed fork uncharges its copies, also of shared memory")
    void failedForkOfSharedMemory() {
        space.throwing().mmap(PLACE, 2 * PAGE, RW, SHARED, null, 0);
        space.throwing().mmap(PLACE + 8 * PAGE, 5 * PAGE, RW, FIXED, null, 0);
        assertThrows(MmException.class, space::fork);
        assertEquals(7, committed());
        space.close();
        assertEquals(0, committed());
    }

    @Test
    @DisplayName("a loaded layout is charged, or refused")
    void loaded() {
        long flags = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT;
        Vma fits = VmArea.describe(PLACE, PLACE + 6 * PAGE, flags, 0, null, null, null);
        Vma tooMuch = VmArea.describe(PLACE + 8 * PAGE, PLACE + 13 * PAGE, flags, 0, null, null, null);
        AddressSpaceBuilder builder = machine.space(Geometry.LINUX_X86_64);
        builder.load(List.of(fits, tooMuch));
        assertThrows(MmException.class, builder::build);
        assertEquals(0, committed());
        AddressSpace full = builder.load(List.of(fits)).build();
        assertEquals(6, committed());
        full.close();
        assertEquals(0, committed());
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

    @Test
    @DisplayName("two spaces share one limit")
    void twoSpaces() {
        AddressSpace other = machine.newSpace(Geometry.LINUX_X86_64);
        assertSame(machine, other.machine());
        space.throwing().mmap(PLACE, 6 * PAGE, RW, FIXED, null, 0);
        assertEquals(Errno.ENOMEM.result(), other.mmap(PLACE, 5 * PAGE, RW, FIXED, null, 0));
        space.throwing().munmap(PLACE, 2 * PAGE);
        assertEquals(PLACE, other.mmap(PLACE, 5 * PAGE, RW, FIXED, null, 0));
        assertEquals(9, committed());
    }

    @Test
    @DisplayName("settings that make no sense are refused")
    void refusedSettings() {
        MachineBuilder builder = Machine.builder();
        assertThrows(IllegalArgumentException.class, () -> builder.commitLimit(-2));
        assertThrows(IllegalArgumentException.class, () -> builder.maxMapCount(0));
        assertThrows(IllegalArgumentException.class, () -> builder.stackGuardGap(-1));
        assertThrows(IllegalArgumentException.class, () -> builder.stackGuardGap((1 << 20) + 1));
    }
}
