// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.event.FlushListener;
import dev.samara.core.event.Registration;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.vcpu.Vcpu;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A simulated processor. It switches to a space, and its {@linkplain #memory memory} reads and writes the mappings of
 * that space through the CPU's own TLB.
 *
 * <p>The thread that claimed a CPU owns it, and no other thread may use it. Outside GUEST it can {@linkplain #handOver
 * hand it over} to a thread that {@linkplain #claim claims} it.
 *
 * <p><b>GUEST.</b> A thread that runs guest code {@linkplain #enterGuest enters GUEST}, and must {@linkplain #poll
 * poll} often until it {@linkplain #leaveGuest leaves} GUEST, because operations that remove pages or rights wait for
 * the poll. In GUEST, an access through {@link dev.samara.core.guest.FlatMemory} is a single step if it hits the TLB.
 * Outside GUEST, each access enters GUEST for its duration. Calls that may wait, above all the operations of a space,
 * are refused to a thread with a CPU in GUEST.
 *
 * <p><b>The end.</b> A CPU must be {@linkplain #close closed}. The machine takes it offline if its thread has ended, or
 * if it has become unreachable, which is reported ({@link dev.samara.core.event.Report.Kind#CPU_LOST}). While it is in
 * a space, it is reachable as long as its {@link #memory} is, or a {@link dev.samara.core.guest.FlatMemory} of that.
 */
public final class Cpu implements AutoCloseable {
    final Vcpu vcpu;
    private final CpuMemory memory;

    /** The TLB of {@link #vcpu}, which {@link #enterGuest} reads; null before the first space. */
    private @Nullable CpuTlb tlb;

    /** The events that earlier TLBs counted. */
    private CpuStatistics earlier = CpuStatistics.NONE;

    Cpu(MachineState host, int number, int tlbEntries) {
        vcpu = new Vcpu(host, number, tlbEntries, this::joins);
        memory = vcpu.memory;
    }

    private void joins(@Nullable CpuTlb next) {
        CpuTlb before = tlb;
        if (before != null) {
            earlier = earlier.plus(before.state.counters);
        }
        tlb = next;
    }

    /**
     * Switches to another space: later accesses go there. The CPU keeps translations of the spaces that it used most
     * recently. Returning to the space that the CPU keeps in {@linkplain #enterLazy LAZY} is cheap: it only counts the
     * CPU as a user. With {@link LazyTlb#NONE} it costs as much as switching to any other space.
     *
     * <p>A CPU is a {@linkplain AddressSpace#users user} of its space, even after the reference that it was given is
     * closed. If it is the last user of the space that it leaves, this call tears that space down, and may wait; so may
     * {@link #enterLazy} and {@link #close}.
     *
     * @param next a space of a machine with memory, or null to leave the current space without entering another
     * @throws IllegalStateException if the thread does not own this CPU, if the CPU is in GUEST, in a fault or in one
     *     of its listeners or borrows a space, or if the machine was built without memory
     * @throws MmException with ESRCH if the reference is closed; the CPU stays in its present space. If the space ends
     *     during this call, the CPU may be without a space afterwards
     */
    public void switchTo(@Nullable AddressSpace next) {
        if (!trySwitchTo(next)) {
            throw new MmException("switchTo(" + next + ")", Errno.ESRCH);
        }
    }

    /**
     * Switches to another space as {@link #switchTo} does, unless that space is closed. Returns whether the CPU is now
     * in that space.
     */
    boolean trySwitchTo(@Nullable AddressSpace next) {
        return vcpu.switchTo(next, next == null ? null : next.layout());
    }

    /**
     * Enters LAZY, for a period without accesses ({@code enter_lazy_tlb}). In LAZY, this CPU is not a {@linkplain
     * AddressSpace#users user} of its space, no operation waits for it, and it does not delay the end of the space. Its
     * translations stay until their slots are needed; the CPU drops stale ones when it next enters GUEST. {@link
     * LazyTlb} describes what else it keeps of the space. {@link #switchTo} ends LAZY. Until then accesses are refused
     * and {@link #space} returns null.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in LAZY, in a fault or in one of its listeners, has no
     *     space or a borrowed one, or is not owned by the caller
     */
    @Experimental
    public void enterLazy() {
        vcpu.enterLazy();
    }

    /**
     * Borrows a space, for a thread that works in it on behalf of others ({@code kthread_use_mm}). The CPU switches to
     * the space and becomes one of its users, even after the reference is closed. It remains a user of its present
     * space, and returns there when the borrow ends. Until then {@link #space} returns null, and calls that would
     * switch this CPU to another space are refused, except {@link #close}, which ends the borrow.
     *
     * <p>When the last {@link AddressSpace} of the space is closed, {@code letGo} asks the borrower to end its borrow,
     * soon, on the thread that owns the CPU. The space ends when its last CPU has left it, and no CPU will return to it
     * from a borrow of another space. A background task of the machine calls {@code letGo}, once per borrow, some time
     * after that close. No lock is held, and no operation waits for it: a callback that blocks delays only its own
     * task. It may set a flag, wake the thread that owns the CPU, or enqueue a message for it. It cannot end the borrow
     * itself, unless the task's thread owns the CPU. An exception is reported to the machine's reporter. The call may
     * race with the end of the borrow, but does not start after it.
     *
     * @param space a space of a machine with memory
     * @param letGo is called when the borrower should end the borrow
     * @return the borrow, which ends with its close
     * @throws IllegalStateException if this CPU borrows a space already, is in GUEST, in a fault or in one of its
     *     listeners, or is not owned by the caller; or if the machine was built without memory
     * @throws MmException with ESRCH if the reference is closed, or the space ends during this call; the CPU then stays
     *     in its space, or, if it was LAZY, may be without a space afterwards
     */
    @Experimental
    public BorrowedSpace use(AddressSpace space, Runnable letGo) {
        Layout layout = space.layout();
        BorrowedSpace made = layout.isClosed() ? null : borrow(space.machine(), layout, letGo);
        if (made == null) {
            throw new MmException("use(" + space + ")", Errno.ESRCH);
        }
        return made;
    }

    /**
     * Borrows a space as {@link #use} does, unless its last user is gone ({@code mmget_not_zero}). A thread that
     * repeatedly borrows a space can hold a page table reference in between, which does not delay the end of the space.
     *
     * @param held a reference to the page table of a space of a machine with memory; it stays open
     * @param letGo is called when the borrower should end the borrow
     * @return the borrow, which ends with its close; null if the space has ended. The CPU then stays in its space, or,
     *     if it was LAZY, may be outside all spaces
     * @throws IllegalStateException as {@link #use} throws it
     * @throws MmException with ESRCH if the reference is closed
     */
    @Experimental
    public @Nullable BorrowedSpace tryUse(PageTableRef held, Runnable letGo) {
        return borrow(held.machine(), held.layout(), letGo);
    }

    private @Nullable BorrowedSpace borrow(Machine machine, Layout layout, Runnable letGo) {
        return BorrowedSpace.begin(vcpu, space(), machine, layout, letGo);
    }

    /**
     * Replaces the space of this CPU ({@code execve}): switches to another space, and closes the reference to its
     * present one. All or nothing: while this CPU is between the two spaces, it refuses accesses. Other users of the
     * old space stay there, and the last one to leave tears it down. If no reference to the old space is open any more,
     * its {@linkplain #use borrowers} are asked to end the borrow. A CPU without a space, or in LAZY, closes no
     * reference.
     *
     * <p>If this is the last user of the old space, this call tears the space down, and may wait. It also tears down
     * the next space if that is closed concurrently and this CPU cannot switch to it.
     *
     * @param next the new space, of a machine with memory
     * @throws IllegalArgumentException if {@code next} is the space in which this CPU is
     * @throws IllegalStateException if this CPU borrows a space, which this call does not replace; if it is in GUEST,
     *     in a fault or in one of its listeners, or is not owned by the caller; or if the machine was built without
     *     memory
     * @throws MmException with ESRCH if the reference is closed or the space has ended, with nothing changed
     */
    public void exec(AddressSpace next) {
        vcpu.checkMayMove("its own space is replaced");
        AddressSpace old = space();
        if (old != null && old.own == next.own) {
            throw new IllegalArgumentException(this + " is in " + next + " already");
        }
        Runnable closesOld = old == null ? () -> {} : old::close;
        Layout left = old == null ? null : old.own;
        if (!vcpu.exec(next, next.own, next.layout(), left, closesOld)) {
            throw new MmException("exec(" + next + ")", Errno.ESRCH);
        }
    }

    /**
     * Returns the number of this CPU, by which reports and {@link dev.samara.core.event.ShootdownDelivery} name it.
     *
     * @return positive; no other CPU of the machine ever has this number
     */
    public int number() {
        return vcpu.number;
    }

    /**
     * Returns the memory of this CPU: each access goes to the space that the CPU is in at that time. Its {@link
     * GuestMemory#flat} is the {@link dev.samara.core.guest.FlatMemory} of this CPU.
     *
     * @return the memory, always the same object
     */
    public GuestMemory memory() {
        return memory;
    }

    /**
     * Releases this CPU, so that another thread can {@linkplain #claim claim} it. It keeps its space, its translations,
     * flush listeners, byte order, {@link dev.samara.core.guest.FlatMemory} and the results of its last access. It
     * stays a {@linkplain AddressSpace#users user} of the space. No operation waits for it. The CPU catches up with
     * changes when it next enters GUEST. It may be LAZY.
     *
     * <p>Until a thread claims it, all methods except {@link #number}, {@link #memory}, {@link #space}, {@link
     * #toString} and {@code claim} throw. A CPU whose thread ends without calling this method can no longer be claimed,
     * and stops being a user of its space. A CPU that was handed over remains a user as long as it is reachable: to
     * close it, a thread must claim it first.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, or is not owned by
     *     the caller; its owner is unchanged then
     */
    public void handOver() {
        vcpu.handOver();
    }

    /**
     * Makes the calling thread the owner of this CPU, which its last owner {@linkplain #handOver handed over}. All
     * actions with this CPU prior to the hand-over <i>happen-before</i> this call returns. If several threads claim it
     * concurrently, one becomes the owner.
     *
     * @throws IllegalStateException if a thread owns this CPU, even if that thread is the caller or has ended
     */
    public void claim() {
        vcpu.claim();
    }

    /**
     * Enters GUEST, in which the TLB is used. Applies the flushes that were requested since this CPU was last in GUEST.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, has no space, or is
     *     not owned by the caller
     */
    public void enterGuest() {
        memory.checkOwner();
        CpuTlb used = tlb;
        if (used == null || !used.isIdle()) {
            throw vcpu.memory.mayNotEnter();
        }
        memory.entersGuest();
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
     * Acknowledges changes by other threads: drops the affected translations and calls the flush listeners. Without a
     * change, it only checks the CPU's owner and state, and reads one word; {@link
     * dev.samara.core.guest.FlatMemory#poll} reads only that word.
     *
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public void poll() {
        memory.poll();
    }

    /**
     * Adds a listener for the translations that this CPU drops from its TLB. The CPU must be in a space: call {@link
     * #switchTo} first. The listener is called for all spaces with the machine and page size of the CPU's present
     * space, until the CPU is closed, or switches to a space with another machine or page size, even if that switch
     * fails. When the CPU first enters GUEST after switching to a space of which it had no translations, the listener
     * is called for all addresses, 0 to -1, with the reason UNMAPPED.
     *
     * <p>The thread that owns this CPU may close the registration at any time, even in GUEST, in a flush listener, and
     * after the CPU was closed. Closing it on another thread throws {@code IllegalStateException}. The listener is not
     * called after the close, not even for the rest of a flush whose listeners are currently being called.
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

    /** The registration of one flush listener. A listener that was added twice has two registrations. */
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
     * Returns the reference with which this CPU switched to its space. It may be closed; the CPU is a user of the space
     * until it leaves.
     *
     * @return the reference; null if the CPU is not in a space, as in LAZY, or is in a {@linkplain #use borrowed} space
     */
    public @Nullable AddressSpace space() {
        return (AddressSpace) vcpu.reference();
    }

    /**
     * Returns this CPU's event counts since its creation. {@link Machine#statistics} returns the sums over all CPUs,
     * for any thread.
     *
     * @return the numbers
     * @throws IllegalStateException if this CPU is not owned by the caller
     */
    public CpuStatistics statistics() {
        memory.checkOwner();
        return tlb == null ? earlier : earlier.plus(tlb.state.counters);
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
