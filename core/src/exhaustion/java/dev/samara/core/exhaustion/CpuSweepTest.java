// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static dev.samara.core.MachineInternals.layoutOf;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.SpaceStatistics;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.cpu.OwnedCpu;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Explored;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A CPU with a FlatMemory enters or leaves GUEST, switches to a space, or is handed to another thread, while the call
 * runs out of stack or heap.
 */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(24)
final class CpuSweepTest {
    private static final long AT = 0x10_0000_0000L;
    private static final int NUMBER = 7;

    private static final class Flat extends FlatMemory {
        Flat(GuestMemory memory) {
            super(memory, ByteOrder.LITTLE_ENDIAN);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new IllegalStateException("fault " + fault);
        }
    }

    /** A CPU in GUEST that the calling thread owns, with the translation of one page. */
    abstract static class Scene implements StackSweep.Scene {
        final Machine machine =
                Machine.builder().memory(1 << 20).reportTo(report -> {}).build();
        final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);

        private @Nullable Cpu made;
        private @Nullable Flat flat;

        final Cpu cpu() {
            return Objects.requireNonNull(made);
        }

        @Override
        public void prepare() {
            int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
            assertEquals(AT, space.mmap(AT, 4096, Mman.READ | Mman.WRITE, flags, null, 0));
            Flat known = claim();
            cpu().switchTo(space);
            cpu().enterGuest();
            known.storeInt(AT, NUMBER);
            assertEquals(NUMBER, known.loadInt(AT));
        }

        final Flat claim() {
            Cpu claimed = machine.claimCpu();
            Flat known = new Flat(claimed.memory());
            made = claimed;
            flat = known;
            return known;
        }

        /**
         * Asserts that a load hits or misses the TLB. The caller does not own the CPU, so a miss throws. On a checked
         * machine no load hits.
         */
        final void assertHits(boolean hits) {
            Flat known = Objects.requireNonNull(flat);
            if (hits && !Boolean.getBoolean("samara.checked")) {
                assertEquals(NUMBER, known.loadInt(AT));
            } else {
                assertThrows(IllegalStateException.class, () -> known.loadInt(AT));
            }
        }
    }

    static final class Leave extends Scene {
        @Override
        public boolean call() {
            cpu().leaveGuest();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            assertHits(thrown != null);
        }
    }

    @Test
    @DisplayName("leaveGuest: the CPU is in GUEST, and its accesses hit, unless the call has returned")
    void leave() throws Exception {
        StackSweep.sweep(Leave.class);
    }

    static final class Enter extends Scene {
        @Override
        public void prepare() {
            super.prepare();
            cpu().leaveGuest();
        }

        @Override
        public boolean call() {
            cpu().enterGuest();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            assertHits(thrown == null);
            if (thrown != null) {
                // This waits for no CPU.
                assertEquals(0, space.munmap(AT, 4096));
            }
        }
    }

    @Test
    @DisplayName("enterGuest: the CPU is not in GUEST, and its accesses miss, unless the call has returned")
    void enter() throws Exception {
        StackSweep.sweep(Enter.class);
    }

    /** An access of a CPU in KERNEL, which first catches up with a change and calls a listener for it. */
    static final class CatchUp extends Scene {
        @Override
        public void prepare() {
            super.prepare();
            cpu().onFlush((start, end, reason, generation) -> {});
            cpu().leaveGuest();
            assertEquals(0, space.mprotect(AT, 4096, Mman.READ));
        }

        @Override
        public boolean call() {
            return cpu().memory().load(AT, 4) == Fault.NONE;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            // Neither waits for the CPU.
            assertEquals(0, space.munmap(AT, 4096));
            space.close();
        }

        @Override
        public void goOn() {
            cpu().enterGuest();
            cpu().leaveGuest();
        }
    }

    @Test
    @DisplayName("load behind a change: the CPU is not in GUEST")
    void catchUp() throws Exception {
        StackSweep.sweep(CatchUp.class);
    }

    /** Switches a CPU to its first space, at which its FlatMemory gets the arrays of the TLB. */
    static final class Switch extends Scene {
        @Override
        public void prepare() {
            claim();
        }

        @Override
        public boolean call() {
            cpu().switchTo(space);
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            if (thrown != null) {
                assertNull(cpu().space());
            }
            assertEquals(thrown == null ? 1 : 0, space.cpus());
        }
    }

    @Test
    @DisplayName("switchTo: the space has no user unless the call has returned")
    void switchTo() throws Exception {
        StackSweep.sweep(Switch.class);
    }

    /** A CPU that counted events leaves its space, and then switches to another space. */
    static class Counts extends Scene {
        private final AddressSpace next = machine.newSpace(Geometry.LINUX_X86_64);
        private @Nullable SpaceStatistics before;

        @Override
        public void prepare() {
            super.prepare();
            cpu().leaveGuest();
            SpaceStatistics counted = space.statistics();
            assertEquals(1, counted.minorFaults());
            before = counted;
        }

        @Override
        public boolean call() {
            cpu().switchTo(null);
            return true;
        }

        @Override
        public void goOn() {
            cpu().switchTo(next);
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            assertEquals(0, space.cpus());
            assertEquals(before, space.statistics(), "events of the space that the CPU has left");
            assertEquals(0, next.statistics().minorFaults(), "events of the next space");
        }
    }

    static final class LazyCounts extends Counts {
        @Override
        public boolean call() {
            cpu().enterLazy();
            return true;
        }
    }

    /** A CPU enters LAZY or does not, and its behaviour afterwards matches its state. */
    static final class Lazy extends Counts {
        @Override
        public boolean call() {
            cpu().enterLazy();
            return true;
        }

        @Override
        public void goOn() {
            if (cpu().space() == null) {
                assertThrows(IllegalStateException.class, cpu()::enterGuest);
                assertThrows(IllegalStateException.class, cpu()::enterLazy);
                assertThrows(IllegalStateException.class, () -> cpu().memory().load(AT, 4));
                cpu().switchTo(space);
            }
            cpu().enterGuest();
            assertEquals(Fault.NONE, cpu().memory().load(AT, 4));
            assertEquals(NUMBER, cpu().memory().value());
            cpu().leaveGuest();
            super.goOn();
        }
    }

    @Test
    @DisplayName("enterLazy: the CPU has its space, or has none and refuses accesses")
    void lazy() throws Exception {
        StackSweep.sweep(Lazy.class);
    }

    @Test
    @DisplayName("enterLazy: no event of the space that the CPU leaves is lost or counted in the next one")
    void countsInLazy() throws Exception {
        StackSweep.sweep(LazyCounts.class);
    }

    @Test
    @DisplayName("switchTo(null): no event of the space that the CPU leaves is lost or counted in the next one")
    void counts() throws Exception {
        StackSweep.sweep(Counts.class);
    }

    /**
     * A CPU switches to a space with a different page size, for which it discards its TLB, and then back to the first
     * size.
     */
    static final class OtherPageSize extends Scene {
        private final AddressSpace other = machine.newSpace(new Geometry(14, 4, 25, 0x10000, 1L << 46, 1L << 47));
        private final AddressSpace next = machine.newSpace(Geometry.LINUX_X86_64);

        @Override
        public void prepare() {
            super.prepare();
            cpu().leaveGuest();
            int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
            assertEquals(AT, next.mmap(AT, 4096, Mman.READ | Mman.WRITE, flags, null, 0));
        }

        @Override
        public boolean call() {
            cpu().switchTo(other);
            return true;
        }

        @Override
        public void goOn() {
            cpu().switchTo(next);
            assertEquals(Fault.NONE, cpu().memory().load(AT, 4));
            assertEquals(0, cpu().memory().value(), "a page of the first space");
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            assertEquals(0, space.cpus());
            assertEquals(0, other.cpus());
            assertEquals(1, next.cpus());
        }
    }

    @Test
    @DisplayName("switchTo another page size: the CPU never finds pages of the space that it has left")
    void otherPageSize() throws Exception {
        StackSweep.sweep(OtherPageSize.class);
    }

    /** A thread claims its first CPU, or the claim fails. */
    static final class FirstClaim implements StackSweep.Scene {
        private final Machine machine = Machine.builder().memory(1 << 20).build();
        private final MachineMemory memory =
                layoutOf(machine.newSpace(Geometry.LINUX_X86_64)).memory();

        @Override
        public boolean call() {
            machine.claimCpu();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            // This ends the contexts of CPUs that are gone.
            PageTableContext next = memory.contexts.newContext("next", OwnedCpu.owner());
            for (PageTableContext idle = memory.contexts.borrowIdle();
                    idle != null;
                    idle = memory.contexts.borrowIdle()) {
                assertNotEquals(next.owner, idle.owner, "was given back twice");
            }
        }
    }

    @Test
    @DisplayName("claimCpu: a page table context is the thread's, or idle, and not both")
    void firstClaim() throws Exception {
        StackSweep.sweep(FirstClaim.class);
    }

    static final class HandOver extends Scene {
        @Override
        public void prepare() {
            super.prepare();
            cpu().leaveGuest();
        }

        @Override
        public boolean call() {
            cpu().handOver();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            if (thrown == null) {
                assertServes(cpu());
            } else {
                assertThrows(IllegalStateException.class, cpu()::claim);
            }
        }
    }

    private static void assertServes(Cpu cpu) {
        cpu.claim();
        assertEquals(Fault.NONE, cpu.memory().load(AT, 4));
        assertEquals(NUMBER, cpu.memory().value());
        cpu.enterGuest();
        cpu.leaveGuest();
        cpu.close();
    }

    @Test
    @DisplayName("handOver: another thread can claim the CPU if the call has returned")
    void handOver() throws Exception {
        StackSweep.sweep(HandOver.class);
    }

    static final class HandOverWithoutNeed extends Scene {
        @Override
        public void prepare() {
            super.prepare();
            cpu().leaveGuest();
        }

        @Override
        public boolean call() {
            cpu().handOver();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            assertNull(thrown);
            assertServes(cpu());
        }
    }

    @Test
    @DisplayName("handOver needs no memory")
    void handOverWithoutMemory() throws Exception {
        HeapSweep.sweepWithoutNeed(HandOverWithoutNeed.class);
    }

    /** A thread without a CPU claims a CPU that was handed over. */
    static final class Claim extends Scene {
        @Override
        public void prepare() {
            super.prepare();
            cpu().leaveGuest();
            cpu().handOver();
        }

        @Override
        public boolean call() {
            cpu().claim();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            if (thrown == null) {
                assertThrows(IllegalStateException.class, cpu()::claim);
            } else {
                assertServes(cpu());
            }
        }
    }

    @Test
    @DisplayName("claim: another thread can claim the CPU unless the call has returned")
    void claims() throws Exception {
        StackSweep.sweep(Claim.class);
    }

    @Test
    @DisplayName("claim at the end of the heap: another thread can claim the CPU unless the call has returned")
    void claimsWithoutMemory() throws Exception {
        HeapSweep.sweep(Claim.class);
    }
}
