// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.event.FlushListener;
import dev.samara.core.event.LetGo;
import dev.samara.core.event.Registration;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.vcpu.ExecMmap;
import dev.samara.core.internal.vcpu.OwnerChange;
import dev.samara.core.internal.vcpu.Vcpu;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A simulated processor: goes to a space, whose mappings its {@linkplain #memory memory} reads and writes through its
 * own TLB.
 *
 * <p>The thread that claimed a CPU owns it, and no other thread may use it. Outside GUEST it can {@linkplain #handOver
 * hand it over} to a thread that {@linkplain #claim claims} it.
 *
 * <p><b>GUEST.</b> A thread that runs guest code {@linkplain #enterGuest enters GUEST}, and {@linkplain #poll polls}
 * often until it {@linkplain #leaveGuest leaves} GUEST: operations that remove pages or rights wait for the poll. In
 * GUEST an access by {@link dev.samara.core.guest.FlatMemory} is one step if the TLB has the translation. Outside
 * GUEST, each access enters GUEST for its duration. Calls that may wait, operations of a space above all, are refused
 * to a thread that has a CPU in GUEST.
 *
 * <p><b>The end.</b> A CPU is to be {@linkplain #close closed}. The machine takes it offline if its thread has ended,
 * or if no thread can reach it any more, which is reported ({@link dev.samara.core.event.Report.Kind#CPU_LOST}). In a
 * space it is reachable as long as its {@link #memory} is, or a {@link dev.samara.core.guest.FlatMemory} of that.
 */
public final class Cpu implements AutoCloseable {
    final Vcpu vcpu;
    private final CpuMemory memory;

    /** That of {@link #vcpu}, which the entry of GUEST reads; null before the first space. */
    private @Nullable CpuTlb tlb;

    /** The events that were counted with earlier TLBs. */
    private CpuStatistics earlier = CpuStatistics.NONE;

    Cpu(MachineState host, int number, int tlbEntries) {
        vcpu = new Vcpu(host, number, tlbEntries, this::joins);
        memory = vcpu.memory();
    }

    private void joins(@Nullable CpuTlb next) {
        CpuTlb before = tlb;
        if (before != null) {
            earlier = earlier.plus(before.counters());
        }
        tlb = next;
    }

    /**
     * Goes to another space: later accesses are made there. The CPU keeps translations of earlier spaces for a while.
     * The way back to the space that the CPU keeps in {@linkplain #enterLazy LAZY} is short: it counts the CPU as a
     * user. With {@link LazyTlb#NONE} it is as long as the way to any other space.
     *
     * <p>A CPU is a {@linkplain AddressSpace#users user} of its space, also after the reference by which it went there
     * was closed. If it leaves a space as its last user, this call tears that space down, and may wait; so may {@link
     * #enterLazy} and {@link #close}.
     *
     * @param next a space of a machine with memory, or null for none
     * @throws IllegalStateException if the thread does not own this CPU, if the CPU is in GUEST, in a fault or in one
     *     of its listeners or borrows a space, or if the machine was built without memory
     * @throws MmException with ESRCH if the reference is closed; the CPU stays in the space that it has. If the space
     *     ends during this call, the CPU may have no space afterwards
     */
    public void switchTo(@Nullable AddressSpace next) {
        if (!trySwitchTo(next)) {
            throw new MmException("switchTo(" + next + ")", Errno.ESRCH);
        }
    }

    /** Goes to another space as {@link #switchTo} does, unless that space is closed. Returns whether it is there. */
    boolean trySwitchTo(@Nullable AddressSpace next) {
        return vcpu.switchTo(next, next == null ? null : next.layout());
    }

    /**
     * Enters LAZY, for a time without accesses ({@code enter_lazy_tlb}). This CPU is then no {@linkplain
     * AddressSpace#users user} of its space, no operation waits for it, and it does not delay the end of the space. Its
     * translations stay until their place is needed. The CPU drops the outdated ones when it is in GUEST again. {@link
     * LazyTlb} says what else it keeps of the space. {@link #switchTo} ends LAZY. Until then accesses are refused and
     * {@link #space} returns null.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in LAZY, in a fault or in one of its listeners, has no
     *     space or a borrowed one, or is not owned by the caller
     */
    @Experimental
    public void enterLazy() {
        vcpu.enterLazy();
    }

    /**
     * Borrows a space, for a thread that works in it on behalf of others ({@code kthread_use_mm}). The CPU goes to the
     * space, and is one of its users from then on, also after the reference was closed. It remains a user of its
     * present space, and goes back there when the borrow ends. Until then {@link #space} returns null, and calls that
     * take this CPU to another space are refused. Only {@link #close} is not: it ends the borrow.
     *
     * @param space a space of a machine with memory
     * @param letGo is called when the borrower has to let go; see there
     * @return the borrow, which ends with its close
     * @throws IllegalStateException if this CPU borrows a space already, is in GUEST, in a fault or in one of its
     *     listeners, or is not owned by the caller; or if the machine was built without memory
     * @throws MmException with ESRCH if the reference is closed, or the space ends during this call; the CPU stays in
     *     its space then, and from LAZY it may have none
     */
    @Experimental
    public BorrowedSpace use(AddressSpace space, LetGo letGo) {
        Layout layout = space.layout();
        BorrowedSpace made = layout.isClosed() ? null : borrow(space.machine(), layout, letGo);
        if (made == null) {
            throw new MmException("use(" + space + ")", Errno.ESRCH);
        }
        return made;
    }

    /**
     * Borrows a space as {@link #use} does, unless the space has no user any more ({@code mmget_not_zero}). A thread
     * that borrows a space from time to time keeps a reference to the page table meanwhile, and does not delay the end.
     *
     * @param held a reference to the page table of a space of a machine with memory; it stays open
     * @param letGo is called when the borrower has to let go; see there
     * @return the borrow, which ends with its close; null if the space has ended. The CPU stays in its space then; from
     *     LAZY it may have none
     * @throws IllegalStateException as {@link #use} throws it
     * @throws MmException with ESRCH if the reference is closed
     */
    @Experimental
    public @Nullable BorrowedSpace tryUse(PageTableRef held, LetGo letGo) {
        return borrow(held.machine(), held.layout(), letGo);
    }

    private @Nullable BorrowedSpace borrow(Machine machine, Layout layout, LetGo letGo) {
        return BorrowedSpace.begin(vcpu, space(), machine, layout, letGo);
    }

    /**
     * Replaces the space of this CPU ({@code execve}): goes to another space, and closes the reference by which it has
     * its space now. All or nothing: while this CPU is between both spaces, it refuses accesses. Other users of the old
     * space stay there. The space is torn down when the last one leaves. If no reference to it is open any more, its
     * {@linkplain #use borrowers} are asked to let go. A CPU without a space, or LAZY, closes no reference.
     *
     * <p>If this is the last user of the old space, this call tears the space down, and may wait. It also tears down
     * the next space, if that is closed meanwhile and this CPU cannot go there.
     *
     * @param next the new space, of a machine with memory
     * @throws IllegalArgumentException if {@code next} is the space in which this CPU is
     * @throws IllegalStateException if this CPU borrows a space, which this call does not replace; if it is in GUEST,
     *     in a fault or in one of its listeners, or is not owned by the caller; or if the machine was built without
     *     memory
     * @throws MmException with ESRCH if the reference is closed or the space has ended; nothing has changed then
     */
    public void exec(AddressSpace next) {
        vcpu.checkMayMove("its own space is replaced");
        AddressSpace old = space();
        if (old != null && old.own == next.own) {
            throw new IllegalArgumentException(this + " is in " + next + " already");
        }
        Runnable closesOld = old == null ? () -> {} : old::close;
        Layout left = old == null ? null : old.own;
        if (!ExecMmap.exec(vcpu, next, next.own, next.layout(), left, closesOld)) {
            throw new MmException("exec(" + next + ")", Errno.ESRCH);
        }
    }

    /**
     * Returns the number of this CPU, by which reports and {@link dev.samara.core.event.ShootdownDelivery} name it.
     *
     * @return positive; no other CPU of its machine ever has it
     */
    public int number() {
        return vcpu.number();
    }

    /**
     * Returns the memory of this CPU: each access goes to the space that the CPU has then. Its {@link GuestMemory#flat}
     * is the {@link dev.samara.core.guest.FlatMemory} of this CPU.
     *
     * @return the memory, always the same object
     */
    public GuestMemory memory() {
        return memory;
    }

    /**
     * Gives this CPU up, so that another thread can {@linkplain #claim claim} it. It keeps its space, its translations,
     * flush listeners, byte order, {@link dev.samara.core.guest.FlatMemory} and the results of its last access. It
     * stays a {@linkplain AddressSpace#users user} of the space. No operation waits for it. The CPU catches up with
     * changes when it next enters GUEST. It may be LAZY.
     *
     * <p>Until a thread claims it, each call but {@link #number}, {@link #memory}, {@link #space}, {@link #toString}
     * and {@code claim} is refused. A CPU whose thread ends without a call of this method cannot be claimed any more,
     * and stops being a user of its space. A CPU that was handed over stays one as long as it is reachable: it has to
     * be claimed to be closed.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, or is not owned by
     *     the caller; its owner is unchanged then
     */
    public void handOver() {
        OwnerChange.handOver(vcpu);
    }

    /**
     * Makes the calling thread the owner of this CPU, which its last owner has {@linkplain #handOver handed over}. All
     * earlier actions of threads with this CPU happen before this call returns. If several threads claim it at once,
     * one becomes the owner.
     *
     * @throws IllegalStateException if a thread owns this CPU, also the caller, or a thread that has ended
     */
    public void claim() {
        OwnerChange.claim(vcpu);
    }

    /**
     * Enters GUEST, in which the TLB is used. Applies the flushes that were requested since this CPU last was in GUEST.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, has no space, or is
     *     not owned by the caller
     */
    public void enterGuest() {
        memory.checkOwner();
        CpuTlb used = tlb;
        if (used == null || !used.isIdle()) {
            throw vcpu.mayNotEnter();
        }
        used.enterGuest();
    }

    /**
     * Leaves GUEST: after this no operation waits for this CPU.
     *
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public void leaveGuest() {
        memory.checkOwner();
        CpuTlb used = tlb;
        if (used == null || !used.isInGuest()) {
            throw memory.notInGuest();
        }
        used.leaveGuest();
    }

    /**
     * Acknowledges changes of other threads: drops the affected translations and calls the flush listeners. If there is
     * no change, it checks the owner and the state of the CPU, and reads one word; {@link
     * dev.samara.core.guest.FlatMemory#poll} reads only the word.
     *
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public void poll() {
        memory.poll();
    }

    /**
     * Adds a listener for the translations that this CPU drops from its TLB. The CPU has to be in a space: {@link
     * #switchTo} comes first. The listener is called for all spaces with the machine and the page size of the CPU's
     * space. That ends when the CPU is closed, or goes to a space of another machine or page size, even if it does not
     * arrive there. When the CPU enters GUEST for the first time after it has come to a space of which it had no
     * translations, the listener is called for all addresses, 0 to -1, with the reason UNMAPPED.
     *
     * <p>The thread that owns this CPU may close the registration at any time, also in GUEST, in a flush listener, and
     * after the CPU was closed. Another thread gets an {@code IllegalStateException}. The listener is not called after
     * that, not even for the rest of the flush whose listeners are being called.
     *
     * @param listener the listener
     * @return the registration
     * @throws IllegalStateException if the CPU has no space, or is not owned by the caller
     */
    @Experimental
    public Registration onFlush(FlushListener listener) {
        Objects.requireNonNull(listener, "listener");
        return new FlushRegistration(listener, vcpu.loadedTlb().addListener(listener));
    }

    /** One addition of a flush listener. */
    private final class FlushRegistration implements Registration {
        private final FlushListener listener;
        private final Runnable removal;

        FlushRegistration(FlushListener listener, Runnable removal) {
            this.listener = listener;
            this.removal = removal;
        }

        @Override
        public void close() {
            memory.checkOwner();
            removal.run();
        }

        @Override
        public String toString() {
            return "registration of " + listener.getClass().getName() + " with " + Cpu.this;
        }
    }

    /**
     * Returns the reference by which this CPU went to its space. It may be closed; the CPU is a user of the space until
     * it leaves.
     *
     * @return the reference, or null for no space, as in LAZY, and in a {@linkplain #use borrowed} one
     */
    public @Nullable AddressSpace space() {
        return (AddressSpace) vcpu.reference();
    }

    /**
     * Returns the numbers of this CPU's events since it was made. {@link Machine#statistics} adds those of all CPUs
     * up, for any thread.
     *
     * @return the numbers
     * @throws IllegalStateException if this CPU is not owned by the caller
     */
    public CpuStatistics statistics() {
        memory.checkOwner();
        return tlb == null ? earlier : earlier.plus(tlb.counters());
    }

    /**
     * Closes this CPU: ends its borrow, leaves its space and frees the frames of its magazine.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, or is not owned by
     *     the caller
     */
    @Override
    public void close() {
        memory.checkOwner();
        if (vcpu.borrow() instanceof BorrowedSpace borrowed) {
            borrowed.close();
        }
        vcpu.close();
    }

    @Override
    public String toString() {
        return vcpu.toString();
    }
}
