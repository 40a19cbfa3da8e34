// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static dev.samara.core.MachineInternals.layoutOf;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.internal.space.ReadyWaitingCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.testing.Explored;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A call that overflows its stack leaves nothing behind, wherever that happens. */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(32)
final class StackSweepTest {
    private static final long A = 0x10_0000_0000L;
    private static final long B = 0x20_0000_0000L;
    private static final long PAGE = 4096;
    private static final long LENGTH = 8 * PAGE;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    /** A space with private pages at A. Afterwards no frame may be in use. */
    abstract static class Scene implements StackSweep.Scene {
        final Machine machine =
                Machine.builder().memory(1 << 20).reportTo(report -> {}).build();
        final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

        Scene() {
            assertEquals(A, space.mmap(A, LENGTH, RW, FIXED, null, 0));
            assertEquals(B, space.mmap(B, LENGTH, RW, FIXED, null, 0));
            touch(0xdead);
        }

        final void touch(long value) {
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                for (long at = A; at < A + LENGTH; at += PAGE) {
                    assertEquals(Fault.NONE, cpu.memory().store(at, 8, value));
                }
            }
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            space.validate();
            assertEquals(0, space.munmap(A, LENGTH));
            assertEquals(A, space.mmap(A, LENGTH, RW, FIXED, null, 0));
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                assertEquals(Fault.NONE, cpu.memory().load(A, 8));
                assertEquals(0, cpu.memory().value());
            }
            space.close();
            machine.awaitQuiescence();
            assertEquals(0, machine.statistics().framesInUse(), "frames in use");
        }

        /** Asserts that the stack overflowed, if at all, before the call started anything. */
        static void assertMetBefore(@Nullable Throwable thrown) {
            if (thrown != null) {
                String innermost = thrown.getStackTrace()[0].getClassName();
                assertEquals("dev.samara.core.internal.sync.StackReserve", innermost, "the end of the stack");
            }
        }

        /** Asserts that no space, and no reference to one, is left. */
        final void assertNoSpace() {
            assertEquals(0, machine.committed(), "committed");
            assertEquals(List.of(), machine.references(), "references");
        }
    }

    static final class Unmap extends Scene {
        @Override
        public boolean call() {
            return space.munmap(A, LENGTH) == 0;
        }
    }

    @Test
    @DisplayName("munmap")
    void unmap() throws Exception {
        StackSweep.sweep(Unmap.class);
    }

    static final class Fork extends Scene {
        @Nullable
        AddressSpace child;

        @Override
        public boolean call() {
            child = space.fork();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertMetBefore(thrown);
            if (child != null) {
                child.close();
            }
            super.judge(thrown);
            assertNoSpace();
        }
    }

    @Test
    @DisplayName("fork: the end of the stack is met before anything is begun")
    void fork() throws Exception {
        StackSweep.sweep(Fork.class);
    }

    /** The open of the last mapping is refused to the child, which contains all pages by then. */
    static final class RefusedFork extends Scene {
        private static final long C = 0x30_0000_0000L;

        private final AtomicBoolean isRefused = new AtomicBoolean();

        RefusedFork() {
            CountingBacking backing = new CountingBacking("/refusing", 1) {
                @Override
                protected @Nullable Errno askedForOpen(Vma vma) {
                    return isRefused.get() ? Errno.EACCES : null;
                }
            };
            assertEquals(C, space.mmap(C, PAGE, RW, Mman.SHARED | Mman.FIXED, backing, 0));
            isRefused.set(true);
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertMetBefore(thrown);
            super.judge(thrown);
            assertNoSpace();
        }

        @Override
        public boolean call() {
            try {
                space.fork();
                return false;
            } catch (MmException refused) {
                return refused.errno() == Errno.EACCES;
            }
        }
    }

    @Test
    @DisplayName("fork that is refused: the child is torn down, also near the end of the stack")
    void refusedFork() throws Exception {
        StackSweep.sweep(RefusedFork.class);
    }

    /** Lists a call that must continue later. */
    static final class Waiting extends Scene {
        private final AtomicBoolean hasRun = new AtomicBoolean();
        private @Nullable ReadyWaitingCall listed = new ReadyWaitingCall(hasRun);
        private final Reference<?> kept = new WeakReference<>(listed);

        @Override
        public boolean call() {
            Objects.requireNonNull(listed).add(layoutOf(space));
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            listed = null;
            // This lists no call, but runs the listed ones.
            assertEquals(0, space.munmap(B, PAGE));
            if (thrown == null) {
                Await.until("the call goes on", hasRun::get);
            } else {
                // The call was not listed, or it continues.
                Await.collected("the call", kept);
            }
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("a call that has to go on later is not listed, or goes on")
    void waiting() throws Exception {
        StackSweep.sweep(Waiting.class);
    }

    /** Claims a CPU with an empty TLB, which walks to its first translation. The thread never returns the CPU. */
    static final class FirstAccess extends Scene {
        @Override
        public boolean call() {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            return cpu.memory().load(A, 8) == Fault.NONE && cpu.memory().value() == 0xdead;
        }
    }

    @Test
    @DisplayName("the first access of a CPU")
    void firstAccess() throws Exception {
        StackSweep.sweep(FirstAccess.class);
    }

    /**
     * A fault on one page of a locked range, so the call does nothing before the fault, and does not probe its stack.
     * The fault uses a borrowed page table context, whose reader section no other thread would leave.
     */
    abstract static class FaultScene extends Scene {
        private final long at;

        FaultScene(long at) {
            this.at = at;
        }

        final void lock() {
            assertEquals(0, space.mlock(at, PAGE));
        }

        /** Locks the range, and discards its page. */
        final void lockEmpty() {
            lock();
            assertEquals(0, space.madvise(at, PAGE, Mman.DONTNEED_LOCKED));
        }

        @Override
        public final boolean call() {
            return space.mlock(at, PAGE) == 0;
        }
    }

    static final class FirstWrite extends FaultScene {
        FirstWrite() {
            super(B);
            lockEmpty();
        }
    }

    @Test
    @DisplayName("the first write to a page")
    void pageMkwrite() throws Exception {
        StackSweep.sweep(FirstWrite.class);
    }

    /** A fault on a page that a child shares. */
    static final class CopyOnWrite extends FaultScene {
        private final AddressSpace child;

        CopyOnWrite() {
            super(A);
            lock();
            child = space.fork();
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            child.close();
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("copy-on-write")
    void copyOnWrite() throws Exception {
        StackSweep.sweep(CopyOnWrite.class);
    }

    /** A fault on a privately mapped page of a file. */
    static final class CopyOfAFile extends FaultScene {
        private static final long C = 0x30_0000_0000L;

        private final MemoryFile file = new MemoryFile("file", 1, machine.newPageCache(Geometry.LINUX_X86_64, LENGTH));

        CopyOfAFile() {
            super(C);
            assertEquals(1, file.pwrite(new byte[] {1}, 0, 1, 0));
            assertEquals(C, space.mmap(C, LENGTH, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0));
            lockEmpty();
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertEquals(0, space.munmap(C, LENGTH));
            assertEquals(0, file.truncate(0));
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("a private copy of a page of a file")
    void copyOfAFile() throws Exception {
        StackSweep.sweep(CopyOfAFile.class);
    }
}
