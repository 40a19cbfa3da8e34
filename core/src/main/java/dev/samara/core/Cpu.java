// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.FlushListener;
import dev.samara.core.event.LetGo;
import dev.samara.core.event.Registration;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LentCpu;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.guest.CheckedMemory;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.guest.TranslatedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.lang.ref.Reference;
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
    /** The stack that a change of owners needs, in frames. */
    private static final int OWNER_DEPTH = 40;

    /** The stack that the last user of a space needs to leave it, and to have its teardown begun, in frames. */
    static final int END_DEPTH = 60;

    private final Machine machine;
    private final int number;
    private final int tlbEntries;

    final CpuOwner owner;
    private final BorrowPlaces places;
    private final CpuMemory memory;

    private @Nullable AddressSpace space;

    /* Of the machine and the page size of the last space; null before the first one. */
    private @Nullable MachineMemory machineMemory;
    private @Nullable PageTableContext context;
    private @Nullable CpuTlb tlb;
    private @Nullable TranslatedMemory translated;

    /** The events that were counted with earlier TLBs. */
    private CpuStatistics earlier = CpuStatistics.NONE;

    /** The space that this CPU borrows; {@link #space} is null meanwhile. */
    private @Nullable BorrowedSpace borrowed;

    Cpu(Machine machine, int number, int tlbEntries) {
        this.machine = machine;
        this.number = number;
        this.tlbEntries = tlbEntries;
        owner = new CpuOwner(this, machine.lostCpuReporter());
        places = new BorrowPlaces(owner);
        memory = new CpuMemory("cpu " + number, Thread.currentThread());
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
        checkMayMove("it goes to another space");
        speculate();
        Layout layout = next == null ? null : next.layout();
        if (layout != null && layout.isClosed()) {
            return false;
        }
        try {
            return enter(next, layout);
        } finally {
            endLeft();
        }
    }

    /**
     * Goes to a space, or to none. The caller calls {@link #endLeft} afterwards.
     *
     * @param next the reference that {@link #space} returns; null for none, and in a borrowed space
     * @return false if the space has no user any more; the CPU is in no space then
     */
    private boolean enter(@Nullable AddressSpace next, @Nullable Layout layout) {
        if (layout != null && tlb != null && tlb.leaveLazy(layout.pages())) {
            serve(next, layout, tlb);
            return true;
        }
        MachineMemory wanted = layout == null ? machineMemory : layout.memory();
        // A refusal above has changed nothing.
        space = null;
        memory.rest();
        if (layout == null || wanted == null) {
            leave();
            return true;
        }
        return goTo(next, layout, wanted);
    }

    /**
     * Goes to a space as {@link #enter}, and back to its own one if it cannot arrive. Its own one has another user.
     */
    boolean enterOrStay(@Nullable AddressSpace next, Layout layout) {
        AddressSpace own = space;
        boolean isThere = false;
        try {
            isThere = enter(next, layout);
        } finally {
            if (!isThere && own != null) {
                enter(own, own.own);
            }
        }
        return isThere;
    }

    /** Has a LAZY CPU of a checked machine use the tables that it may have, as hardware does at any time. */
    private void speculate() {
        if (space == null && translated != null) {
            try {
                translated.speculate();
            } finally {
                Reference.reachabilityFence(this);
            }
        }
    }

    private void leave() {
        if (tlb != null) {
            tlb.switchTo(null);
            forget();
        }
    }

    /** Drops what leads to the space that the CPU has left. */
    private void forget() {
        if (translated != null) {
            translated.rest();
        }
    }

    private boolean goTo(@Nullable AddressSpace next, Layout layout, MachineMemory wanted) {
        if (machineMemory != wanted) {
            release();
            become(layout, wanted);
        }
        CpuTlb used = Objects.requireNonNull(tlb);
        if (!used.switchTo(layout.pages())) {
            forget();
            return false;
        }
        serve(next, layout, used);
        return true;
    }

    /** Begins accesses to the space in which the TLB is now. */
    private void serve(@Nullable AddressSpace next, Layout layout, CpuTlb used) {
        TranslatedMemory served = Objects.requireNonNull(translated);
        boolean isServed = false;
        try {
            memory.serve(served, layout);
            isServed = true;
        } finally {
            if (!isServed) {
                memory.rest();
                used.switchTo(null);
                served.rest();
            }
        }
        space = next;
    }

    /** Tears down the spaces that this CPU has left as their last user. The CPU is complete in its new state. */
    void endLeft() {
        try {
            owner.left().end();
        } finally {
            // The end of each call that moves this CPU, which is lost only after it.
            Reference.reachabilityFence(this);
        }
    }

    /** Joins a memory: makes the TLB and the context for it. */
    private void become(Layout layout, MachineMemory joined) {
        CpuTlb made = machine.newProcessor(joined, owner, this, number, tlbEntries);
        PageTableContext mine = null;
        try {
            mine = joined.contexts().newContext("cpu " + number, owner);
            made.readsAs(mine.reader());
            Faulter faulter = new Faulter(layout, mine);
            AccessChecker checker = joined.accessChecker();
            // Of the machine of the space, which may be another one than this CPU's.
            RefTracker tracker = layout.host().refTracker();
            translated = checker == null
                    ? new TranslatedMemory(made, faulter, joined.frames(), tracker)
                    : new CheckedMemory(made, faulter, joined.frames(), tracker, layout, checker);
            context = mine;
        } catch (Throwable thrown) {
            made.close();
            if (mine != null) {
                joined.contexts().discard(mine);
            }
            throw thrown;
        }
        tlb = made;
        machineMemory = joined;
    }

    /** Throws unless the caller may take this CPU to another space. */
    void checkMayMove(String what) {
        checkMayLeave(what);
        if (borrowed != null) {
            throw new IllegalStateException(this + " has to end its " + borrowed + ", before " + what);
        }
    }

    /** Throws for another thread, in a callback and in GUEST, and where the stack is too short for what may follow. */
    void checkMayLeave(String what) {
        checkOwner();
        if (tlb != null) {
            checkUnused(tlb, what);
            if (tlb.mayBeLastUser()) {
                // Before a change: a teardown that is not begun has to wait until this CPU moves again. It also has to
                // wait if the last reference is closed after this look, and the stack is that short.
                StackReserve.check(END_DEPTH);
            }
        }
    }

    /** Throws in a callback and in GUEST. */
    private void checkUnused(CpuTlb used, String what) {
        if (!used.isMovable()) {
            throw mayNotMove(used, what);
        }
    }

    private IllegalStateException mayNotMove(CpuTlb used, String what) {
        memory.checkQuiet(used);
        return new IllegalStateException(this
                + (used.isAt(CpuTlb.FAULTING)
                        ? " is in a fault: a backing that it asks must leave it in its space"
                        : " is in GUEST: it has to leave it before " + what));
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
    public void enterLazy() {
        checkMayMove("it is LAZY");
        memory.checkServed();
        CpuTlb used = Objects.requireNonNull(tlb);
        try {
            used.enterLazy();
        } finally {
            // Also after a StackOverflowError: these calls need less stack than the one above.
            if (!used.isInSpace()) {
                space = null;
                memory.restLazy();
                forget();
            }
            endLeft();
        }
        speculate();
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
    public BorrowedSpace use(AddressSpace space, LetGo letGo) {
        Layout layout = space.layout();
        BorrowedSpace made = layout.isClosed() ? null : BorrowedSpace.begin(this, space.machine(), layout, letGo);
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
    public @Nullable BorrowedSpace tryUse(PageTableRef held, LetGo letGo) {
        return BorrowedSpace.begin(this, held.machine(), held.layout(), letGo);
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
        ExecMmap.exec(this, next);
    }

    /** Goes to a space that it borrows; returns false if it has no user any more. */
    boolean borrow(BorrowedSpace next) {
        AddressSpace home = space;
        MachineState host = next.layout().host();
        MachineState back = home == null ? null : home.own.host();
        places.reserve(host.borrowers(), back == null ? null : back.borrowers());
        if (!enterOrStay(null, next.layout())) {
            return false;
        }
        borrowed = next;
        boolean isBegun = false;
        try {
            places.begin(next.borrower(), back != null && back != host);
            isBegun = true;
        } finally {
            if (!isBegun) {
                endBorrow(home, true);
            }
        }
        return true;
    }

    /** Gives up the users of the borrowed space. */
    void putUsers() {
        loadedTlb().enterLazy();
        memory.restWithoutUsers();
        forget();
    }

    /**
     * Ends the borrow.
     *
     * @param home the space to which it goes; null to be LAZY
     * @param isUser whether it is a user of the borrowed space
     */
    void endBorrow(@Nullable AddressSpace home, boolean isUser) {
        try {
            if (home != null) {
                enter(home, home.own);
            } else {
                if (isUser) {
                    loadedTlb().enterLazy();
                }
                memory.restLazy();
                forget();
            }
        } finally {
            borrowed = null;
            places.end();
        }
    }

    /**
     * Returns the number of this CPU, by which reports and {@link dev.samara.core.event.ShootdownDelivery} name it.
     *
     * @return positive; no other CPU of its machine ever has it
     */
    public int number() {
        return number;
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

    /** Returns the memory of this CPU with the methods that are not exported. */
    CpuMemory cpuMemory() {
        return memory;
    }

    private void checkOwner() {
        memory.checkOwner();
    }

    private CpuTlb loadedTlb() {
        memory.checkLoaded();
        return Objects.requireNonNull(tlb);
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
        checkOwner();
        CpuTlb used = tlb;
        if (used != null) {
            checkUnused(used, "it is handed over");
        }
        speculate();
        StackReserve.check(OWNER_DEPTH);
        disown();
    }

    /** Allocates nothing: a CPU that only some words know as handed over could neither be used nor claimed. */
    private void disown() {
        if (context != null && tlb != null && translated != null) {
            context.reader().ownedBy(null);
            tlb.disown();
            translated.ownedBy(null);
        }
        memory.ownedBy(null);
        owner.disown();
    }

    /**
     * Makes the calling thread the owner of this CPU, which its last owner has {@linkplain #handOver handed over}. All
     * earlier actions of threads with this CPU happen before this call returns. If several threads claim it at once,
     * one becomes the owner.
     *
     * @throws IllegalStateException if a thread owns this CPU, also the caller, or a thread that has ended
     */
    public void claim() {
        Thread caller = Thread.currentThread();
        // An owner that is known to some of the words only could neither run nor give the CPU up.
        StackReserve.check(OWNER_DEPTH);
        Cpus.reserveOwner();
        Thread other = owner.claim();
        if (other != null) {
            Cpus.giveUpReserve();
            if (other == caller && tlb != null) {
                // In GUEST the error names GUEST, like those of all calls that are refused there.
                checkUnused(tlb, "it is handed over");
            }
            throw new IllegalStateException(
                    this + " is claimed by thread " + caller.getName() + " and owned by " + other.getName());
        }
        boolean isOwned = false;
        try {
            if (context != null && tlb != null && translated != null) {
                context.reader().ownedBy(caller);
                tlb.own();
                translated.ownedBy(caller);
            }
            memory.ownedBy(caller);
            isOwned = true;
        } finally {
            if (!isOwned) {
                disown();
            }
        }
    }

    // The methods below are for the CPUs of pools, which a thread gets from its pool alone.

    /**
     * Makes the calling thread the owner of this idle CPU. If this throws, the CPU has no owner. Allocates nothing in
     * the long run. Does not check the stack: a CPU that fails here is lost, and is found so.
     *
     * @param by this CPU in the pool that has lent it
     */
    void lend(LentCpu by) {
        Thread caller = Thread.currentThread();
        owner.own();
        boolean isOwned = false;
        try {
            if (context != null && tlb != null && translated != null) {
                context.reader().ownedBy(caller);
                tlb.ownedAs(by);
                translated.ownedBy(caller);
            }
            memory.ownedBy(caller);
            isOwned = true;
        } finally {
            if (!isOwned) {
                takeBack(by);
            }
        }
        memory.reset();
    }

    /** Ends {@link #lend}. The reader keeps the thread's name for reports: it is in no section. */
    void takeBack(LentCpu by) {
        if (tlb != null && translated != null) {
            tlb.disownedAs(by);
            translated.ownedBy(null);
        }
        memory.ownedBy(null);
        owner.disown();
    }

    /**
     * Goes to a space without a reference to it, or to none.
     *
     * @param isLater whether a thread of the machine tears down the space that it leaves, if it was the last user; else
     *     this call does, and may wait
     * @return false if the space has no user any more; this CPU is in no space then
     */
    boolean goToLent(@Nullable Layout layout, boolean isLater) {
        try {
            return enter(null, layout);
        } finally {
            endLeft(isLater);
        }
    }

    private void endLeft(boolean isLater) {
        if (isLater) {
            owner.left().endLater();
        } else {
            endLeft();
        }
    }

    /** Enters GUEST, from which it leaves by itself for faults of the thread's other CPUs. */
    void enterGuestLent() {
        CpuTlb used = Objects.requireNonNull(tlb);
        if (!used.isIdle()) {
            throw mayNotEnter();
        }
        used.stayAway();
        used.enterGuest();
        leavesGuest(CpuTlb.FOR_FAULTS);
    }

    /**
     * Sets for what it leaves GUEST by itself. With a store of the embedder it never does: the store may make calls in
     * the midst of an access.
     */
    void leavesGuest(int when) {
        MachineMemory of = Objects.requireNonNull(machineMemory);
        Objects.requireNonNull(tlb).leavesGuest(of.frames().direct() == null ? CpuTlb.NEVER : when);
    }

    /** Leaves GUEST for good. Throws, and changes nothing, in an activity that runs callbacks. */
    void leaveGuestLent() {
        CpuTlb used = Objects.requireNonNull(tlb);
        if (used.isInGuest()) {
            used.leaveGuest();
        } else if (!used.isIdle()) {
            throw mayNotMove(used, "the thread leaves the space");
        }
        used.stayAway();
        used.leavesGuest(CpuTlb.NEVER);
    }

    /** Returns whether it is in GUEST, or comes back to it. Throws in an activity that runs callbacks. */
    boolean isInGuestLent() {
        CpuTlb used = Objects.requireNonNull(tlb);
        if (!used.isInGuest() && !used.isIdle()) {
            throw mayNotEnter();
        }
        return used.isInGuest();
    }

    /** Leaves GUEST up to the next poll. */
    void goAway() {
        goAway(CpuTlb.FOR_CALL);
    }

    /** Leaves GUEST, to come back as before. */
    void goAway(int why) {
        Objects.requireNonNull(tlb).goAway(why);
    }

    /** Returns why it has left GUEST, to come back; {@link CpuTlb#NOT_AWAY} if it has not. */
    int away() {
        return Objects.requireNonNull(tlb).away();
    }

    /** Ends this idle CPU, which is lent to the calling thread, and makes no list of the thread's CPUs for that. */
    void end(boolean isLater) {
        Thread caller = Thread.currentThread();
        owner.own();
        if (translated != null) {
            translated.ownedBy(caller);
        }
        memory.ownedBy(caller);
        try {
            enter(null, null);
            release();
        } finally {
            endLeft(isLater);
        }
    }

    /**
     * Enters GUEST, in which the TLB is used. Applies the flushes that were requested since this CPU last was in GUEST.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, has no space, or is
     *     not owned by the caller
     */
    public void enterGuest() {
        checkOwner();
        CpuTlb used = tlb;
        if (used == null || !used.isIdle()) {
            throw mayNotEnter();
        }
        used.enterGuest();
    }

    private IllegalStateException mayNotEnter() {
        CpuTlb used = loadedTlb();
        memory.checkQuiet(used);
        return new IllegalStateException(this
                + (used.isGuest()
                        ? " is in GUEST already"
                        : " is in a fault: a backing that it asks must leave it as it is"));
    }

    /**
     * Leaves GUEST: after this no operation waits for this CPU.
     *
     * @throws IllegalStateException if it is not in GUEST, or not owned by the caller
     */
    public void leaveGuest() {
        checkOwner();
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
    public Registration onFlush(FlushListener listener) {
        Objects.requireNonNull(listener, "listener");
        return new FlushRegistration(listener, loadedTlb().addListener(listener));
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
            checkOwner();
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
        return space;
    }

    /**
     * Returns the numbers of this CPU's events since it was made. {@link Machine#statistics} adds those of all CPUs
     * up, for any thread.
     *
     * @return the numbers
     * @throws IllegalStateException if this CPU is not owned by the caller
     */
    public CpuStatistics statistics() {
        checkOwner();
        return tlb == null ? earlier : earlier.plus(tlb.counters());
    }

    private void release() {
        MachineMemory left = machineMemory;
        PageTableContext discarded = context;
        if (left != null && discarded != null) {
            CpuTlb ended = Objects.requireNonNull(tlb);
            ended.close();
            memory.release();
            earlier = earlier.plus(ended.counters());
            tlb = null;
            context = null;
            machineMemory = null;
            translated = null;
            try {
                // Last: this may throw, and the CPU is complete without it.
                left.contexts().discard(discarded);
            } finally {
                Reference.reachabilityFence(this);
            }
        }
    }

    /**
     * Closes this CPU: ends its borrow, leaves its space and frees the frames of its magazine.
     *
     * @throws IllegalStateException if the CPU is in GUEST, in a fault or in one of its listeners, or is not owned by
     *     the caller
     */
    @Override
    public void close() {
        checkOwner();
        if (borrowed != null) {
            borrowed.close();
        }
        switchTo(null);
        release();
        endLeft();
        places.remove();
    }

    @Override
    public String toString() {
        return "cpu " + number;
    }
}
