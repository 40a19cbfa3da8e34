// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.event.Report;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.IdleCpus;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.guest.CheckedMemory;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.guest.CpuMemory.TranslatedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.space.Borrowers;
import dev.samara.core.internal.space.Borrowers.Borrower;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.tlb.SoftTlb.CheckedTlb;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The internal part of a CPU: its TLB and page table context for the memory of a machine and page size, and all steps
 * by which it moves between spaces and between threads. Each {@code Cpu} of the API contains one, and so does each CPU
 * of a pool. Used by the thread that owns the CPU.
 *
 * <ol>
 *   <li><em>Switch</em> ({@link #switchTo}, {@link #enterLazy}). The CPU arrives in a space only if the space has
 *   users;
 *       otherwise it is in none. The spaces that it left as their last user are torn down last, when the CPU is
 *       completely in its new state, because a callback of a teardown may move it ({@link #endLeft}).
 *   <li><em>Replacement</em> ({@link #exec}). During the switch, both spaces have a user besides the CPU, so the CPU
 *       either arrives or stays.
 *   <li><em>Borrow</em> ({@link #useMm}, {@link #unuseMm}). The CPU switches to a space without a reference to it, and
 *       back. Both machines can find a borrow whose CPU is gone, by its places in their lists of borrowers.
 *   <li><em>Owner</em> ({@link #handOver}, {@link #claim}; a pool's {@link #lend}, {@link #disown}). The CPU keeps
 *   its
 *       space and its translations. An owner that is stored in only some of the words could neither use the CPU nor
 *       hand it over, so these steps check the stack first and allocate nothing afterwards.
 * </ol>
 */
public final class Vcpu {
    /** The stack that the last user of a space needs to leave the space and to start its teardown, in stack frames. */
    public static final int END_DEPTH = 60;

    /** The stack that is needed until the reference to the old space is closed, in stack frames. */
    private static final int EXEC_DEPTH = 120;

    /** The stack that a change of owners needs, in stack frames. */
    private static final int OWNER_DEPTH = 40;

    private final MachineState host;
    /** The number that identifies this CPU in reports. */
    public final int number;

    private final int tlbEntries;
    private final Consumer<@Nullable CpuTlb> joins;
    /** The owner of this CPU. */
    public final CpuOwner owner;
    /** The memory; always the same object. */
    public final CpuMemory memory;

    /**
     * The reference with which the CPU entered its space; null if it is not in a space, or entered the space without a
     * reference.
     */
    private @Nullable Object reference;

    /* These belong to the machine and the page size of the last space; null before the first space. */
    private @Nullable MachineMemory machineMemory;
    private @Nullable PageTableContext context;
    private @Nullable CpuTlb tlb;
    private @Nullable TranslatedMemory translated;

    /**
     * The name of the thread that the reader of {@code context} has; null if that may be another one. Compared here,
     * because a CPU that is lent to the same thread again need not read the cache lines of its context and reader.
     */
    private @Nullable String readerName;

    /** The borrow of the CPU's space; null if there is none. During a borrow, {@link #reference} is null. */
    private @Nullable Object borrow;

    /** The place in the list of the machine whose space the CPU borrows; null before the first borrow. */
    private Borrowers.@Nullable BorrowPlace borrowing;

    /**
     * The place in the list of the machine to whose space the CPU returns; null before the first borrow across
     * machines.
     */
    private Borrowers.@Nullable BorrowPlace home;

    /**
     * Creates a CPU that is not in a space, owned by the calling thread.
     *
     * @param host the machine
     * @param number the number of the CPU in reports and for the delivery of requests
     * @param tlbEntries the number of entries of the TLB
     * @param joins is called with each TLB that the CPU gets, and with null after the last use of a TLB
     */
    public Vcpu(MachineState host, int number, int tlbEntries, Consumer<@Nullable CpuTlb> joins) {
        this.host = host;
        this.number = number;
        this.tlbEntries = tlbEntries;
        this.joins = joins;
        // Weak, because the memory, which an embedder may keep, refers to the owner.
        WeakReference<MachineState> to = new WeakReference<>(host);
        owner = new CpuOwner(this, message -> {
            MachineState of = to.get();
            if (of != null) {
                of.report(Report.Kind.CPU_LOST, message, null);
            }
        });
        memory = new CpuMemory(toString(), owner);
    }

    /**
     * Switches to another space, or to none, and ends the spaces that the CPU left as their last user.
     *
     * @param by the reference to the space; null to enter no space
     * @param layout the layout that serves calls made through the reference
     * @return false if the reference is closed, or if the space has no users any more
     */
    public boolean switchTo(@Nullable Object by, @Nullable Layout layout) {
        checkMayMove("it goes to another space");
        speculate();
        if (layout != null && layout.isClosed()) {
            return false;
        }
        try {
            return enter(by, layout);
        } finally {
            endLeft();
        }
    }

    /**
     * Switches to a space without a reference to it, or to none.
     *
     * @param isLater if the CPU was the last user of the space that it leaves, whether a thread of the machine tears
     *     the space down; otherwise, this call does so, and may wait
     * @return false if the space has no users any more; this CPU is then not in any space
     */
    boolean switchTo(@Nullable Layout layout, boolean isLater) {
        try {
            return enter(null, layout);
        } finally {
            endLeft(isLater);
        }
    }

    /**
     * Switches to a space, or to none. The caller calls {@link #endLeft} afterwards.
     *
     * @param by the reference that {@link #reference} then returns; null if there is none
     * @return false if the space has no users any more; the CPU is then not in any space
     */
    private boolean enter(@Nullable Object by, @Nullable Layout layout) {
        if (layout != null && tlb != null && tlb.leaveLazy(layout.pages())) {
            serve(by, layout, tlb);
            return true;
        }
        MachineMemory wanted = layout == null ? null : layout.memory();
        // This is the first change, so if a check above throws, nothing is changed.
        reference = null;
        memory.rest(CpuMemory.NO_SPACE);
        if (layout == null || wanted == null) {
            if (tlb != null) {
                tlb.switchTo(null);
                forget();
            }
            return true;
        }
        if (machineMemory != wanted) {
            release();
            become(layout, wanted);
        }
        CpuTlb used = Objects.requireNonNull(tlb);
        if (!used.switchTo(layout.pages())) {
            forget();
            return false;
        }
        serve(by, layout, used);
        return true;
    }

    /**
     * Switches to a space as {@link #enter} does, and back to the CPU's own space if it cannot arrive. The own space
     * has another user.
     *
     * @param home the layout of the CPU's own space; null if the CPU has no {@link #reference}
     */
    private boolean enterOrStay(@Nullable Object by, Layout layout, @Nullable Layout home) {
        Object before = reference;
        boolean isThere = false;
        try {
            isThere = enter(by, layout);
        } finally {
            if (!isThere && home != null) {
                enter(before, home);
            }
        }
        return isThere;
    }

    /**
     * On a checked machine, makes a LAZY CPU walk the page tables that it may still have, as hardware does at any time.
     */
    private void speculate() {
        if (reference == null && translated != null) {
            try {
                translated.speculate();
            } finally {
                Reference.reachabilityFence(this);
            }
        }
    }

    /** Refuses accesses until the CPU is in a space with users again. */
    private void rest(int why) {
        memory.rest(why);
        forget();
    }

    /** Drops all references to the space that the CPU left. */
    private void forget() {
        if (translated != null) {
            translated.rest();
        }
    }

    /** Starts to serve accesses to the space that the TLB is now in. */
    private void serve(@Nullable Object by, Layout layout, CpuTlb used) {
        TranslatedMemory served = Objects.requireNonNull(translated);
        boolean isServed = false;
        try {
            memory.serve(served, layout);
            isServed = true;
        } finally {
            if (!isServed) {
                memory.rest(CpuMemory.NO_SPACE);
                used.switchTo(null);
                served.rest();
            }
        }
        reference = by;
    }

    /** Tears down the spaces that this CPU left as their last user. The CPU is completely in its new state. */
    public void endLeft() {
        try {
            owner.endLeft(true);
        } finally {
            // This is the end of each call that moves this CPU, so the CPU cannot be lost before.
            Reference.reachabilityFence(this);
        }
    }

    private void endLeft(boolean isLater) {
        if (isLater) {
            owner.endLeft(false);
        } else {
            endLeft();
        }
    }

    /** Creates the TLB and the page table context for a memory. */
    private void become(Layout layout, MachineMemory joined) {
        CpuTlb made = newTlb(joined);
        PageTableContext mine = null;
        try {
            mine = joined.contexts.newContext(toString(), owner);
            made.state.readsAs(mine.reader);
            Faulter faulter = new Faulter(layout, mine);
            AccessChecker checker = joined.accessChecker;
            // The tracker of the space's machine, which may differ from this CPU's machine.
            RefTracker tracker = layout.host.refTracker();
            translated = checker == null
                    ? new TranslatedMemory(made, faulter, joined, tracker)
                    : new CheckedMemory(made, faulter, joined, tracker, layout, checker);
            context = mine;
            joins.accept(made);
        } catch (Throwable thrown) {
            made.close();
            if (mine != null) {
                joined.contexts.discard(mine);
            }
            throw thrown;
        }
        tlb = made;
        machineMemory = joined;
        readerName = null;
    }

    private CpuTlb newTlb(MachineMemory joined) {
        int pageShift = Integer.numberOfTrailingZeros(joined.frames.pageSize);
        AccessChecker checker = joined.accessChecker;
        // Copied, so that the reporters do not refer to this object and keep the CPU reachable.
        MachineState to = host;
        return new CpuTlb(
                joined.cpus,
                owner,
                this,
                number,
                checker == null
                        ? new SoftTlb(pageShift, tlbEntries, joined.frames.region())
                        : new CheckedTlb(pageShift, tlbEntries, joined.frames, checker.newHistory()),
                joined.frames,
                thrown -> to.report(Report.Kind.CALLBACK_FAILED, "a flush listener", thrown));
    }

    /** Releases the TLB and the page table context of the current memory. The CPU is not in any space. */
    private void release() {
        MachineMemory left = machineMemory;
        PageTableContext discarded = context;
        if (left != null && discarded != null) {
            Objects.requireNonNull(tlb).close();
            memory.release();
            joins.accept(null);
            tlb = null;
            context = null;
            machineMemory = null;
            translated = null;
            try {
                // Last, because this may throw, and the CPU does not need it any more.
                left.contexts.discard(discarded);
            } finally {
                Reference.reachabilityFence(this);
            }
        }
    }

    /** Closes this CPU, which must not be in a borrow: leaves its space and frees the frames of its magazine. */
    public void close() {
        switchTo(null, null);
        release();
        endLeft();
        if (borrowing != null) {
            borrowing.remove();
            borrowing = null;
        }
        if (home != null) {
            home.remove();
            home = null;
        }
    }

    /** Throws unless the caller may switch this CPU to another space. */
    public void checkMayMove(String what) {
        checkMayLeave(what);
        if (borrow != null) {
            throw new IllegalStateException(this + " has to end its " + borrow + ", before " + what);
        }
    }

    /**
     * Throws if another thread owns this CPU, if the CPU is in a callback or in GUEST, or if too little stack is left
     * for what may follow.
     */
    public void checkMayLeave(String what) {
        memory.checkOwner();
        if (tlb != null) {
            checkUnused(tlb, what);
            if (tlb.mayBeLastUser()) {
                // Checked before any change, because a teardown that is not started has to wait until this CPU moves
                // again. The same happens if the last reference is closed after this check while too little stack is
                // left.
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

    IllegalStateException mayNotMove(CpuTlb used, String what) {
        memory.checkQuiet(used);
        return new IllegalStateException(this
                + (used.isAt(CpuTlb.FAULTING)
                        ? " is in a fault: a backing that it asks must leave it in its space"
                        : " is in GUEST: it has to leave it before " + what));
    }

    /** Enters LAZY, and ends the space that the CPU left if it was the last user. */
    public void enterLazy() {
        checkMayMove("it is LAZY");
        memory.checkServed();
        CpuTlb used = Objects.requireNonNull(tlb);
        try {
            used.enterLazy();
        } finally {
            // Runs also after a StackOverflowError, because these calls need less stack than the call above.
            if (!used.isInSpace()) {
                reference = null;
                rest(CpuMemory.LAZY);
            }
            endLeft();
        }
        speculate();
    }

    /**
     * Replaces the space of this CPU, which may move ({@code exec_mmap}).
     *
     * @param next the reference to the new space
     * @param own the layout of the new space
     * @param called the layout that serves calls made through {@code next}: {@code own}, or a closed layout once the
     *     reference is closed
     * @param old the layout of the space that the CPU entered with a reference; null if there is none
     * @param closesOld closes the reference with which the CPU entered its old space
     * @return false, with nothing changed, if the reference is closed, or if the space has no users any more
     */
    public boolean exec(Object next, Layout own, Layout called, @Nullable Layout old, Runnable closesOld) {
        StackReserve.check(EXEC_DEPTH);
        Lifetime to = own.lifetime;
        if (called.isClosed() || !to.context.tryGet()) {
            return false;
        }
        try {
            if (old != null) {
                old.passMdweOn(called);
            }
            replace(old, next, called, closesOld);
        } finally {
            to.put();
        }
        return true;
    }

    private void replace(@Nullable Layout old, Object next, Layout layout, Runnable closesOld) {
        // Succeeds, because the CPU is a user of the old space.
        boolean isKept = old != null && old.lifetime.context.tryGet();
        try {
            if (enterOrStay(next, layout, old) && old != null) {
                closesOld.run();
            }
        } finally {
            if (old != null && isKept) {
                old.lifetime.put();
            }
            endLeft();
        }
    }

    /**
     * Switches to a space that the CPU borrows ({@code kthread_use_mm}).
     *
     * @param back the layout of the space that the CPU entered with a reference; null if there is none
     * @param begun the borrow, for messages
     * @return false if the space has no users any more; the CPU then stays where it is
     */
    public boolean useMm(Layout layout, @Nullable Layout back, Borrower borrower, Object begun) {
        Object before = reference;
        Borrowers of = layout.host.borrowers;
        Borrowers own = back == null ? of : back.host.borrowers;
        // Created first, so that starting and ending the borrow allocates nothing.
        borrowing = placeIn(of, borrowing);
        if (own != of) {
            home = placeIn(own, home);
        }
        if (!enterOrStay(null, layout, back)) {
            return false;
        }
        borrow = begun;
        boolean isBegun = false;
        try {
            borrowing.begin(borrower);
            if (own != of) {
                Objects.requireNonNull(home).keep(borrower);
            }
            isBegun = true;
        } finally {
            if (!isBegun) {
                unuseMm(before, back, true);
            }
        }
        return true;
    }

    private Borrowers.BorrowPlace placeIn(Borrowers of, Borrowers.@Nullable BorrowPlace known) {
        if (known != null && known.isIn(of)) {
            return known;
        }
        Borrowers.BorrowPlace made = of.add(owner);
        if (known != null) {
            known.remove();
        }
        return made;
    }

    /** Stops being a user of the borrowed space, keeps what a CPU in LAZY keeps, and refuses accesses. */
    public void putUsers() {
        loadedTlb().enterLazy();
        rest(CpuMemory.WITHOUT_USERS);
    }

    /**
     * Ends the borrow ({@code kthread_unuse_mm}).
     *
     * @param before the reference with which the CPU was in a space before
     * @param back the layout of that space, to which the CPU returns; null if the CPU becomes LAZY
     * @param isUser whether the CPU is a user of the borrowed space
     */
    public void unuseMm(@Nullable Object before, @Nullable Layout back, boolean isUser) {
        try {
            if (back != null) {
                enter(before, back);
            } else {
                if (isUser) {
                    loadedTlb().enterLazy();
                }
                rest(CpuMemory.LAZY);
            }
        } finally {
            borrow = null;
            if (borrowing != null) {
                borrowing.end();
            }
            if (home != null) {
                home.end();
            }
        }
    }

    /** Hands a CPU over, so that another thread can {@linkplain #claim claim} it. */
    public void handOver() {
        memory.checkOwner();
        if (tlb != null) {
            checkUnused(tlb, "it is handed over");
        }
        speculate();
        StackReserve.check(OWNER_DEPTH);
        disown(null);
    }

    /**
     * Takes the CPU from its owner. The reader of a pool's CPU keeps the thread's name for reports, so that the next
     * loan to the same thread need not store it.
     *
     * @param by the element of the pool to which the CPU is given back; null if there is none
     */
    void disown(IdleCpus.@Nullable LentCpu by) {
        if (context != null && tlb != null && translated != null) {
            if (by == null) {
                context.reader.ownedBy(null);
                readerName = null;
                ThreadCpus.remove(tlb.state);
            } else {
                by.unlist(tlb.state);
            }
        }
        if (by == null) {
            owner.disown();
        } else {
            owner.rest();
        }
    }

    /** Makes the calling thread the owner of a CPU that was {@linkplain #handOver handed over}. */
    public void claim() {
        StackReserve.check(OWNER_DEPTH);
        ThreadCpus.reserve();
        if (!owner.claim()) {
            ThreadCpus.giveUpReserve();
            throw mayNotClaim();
        }
        boolean isOwned = false;
        try {
            own(null);
            isOwned = true;
        } finally {
            if (!isOwned) {
                disown(null);
            }
        }
    }

    private IllegalStateException mayNotClaim() {
        Thread caller = Thread.currentThread();
        Thread other = owner.thread();
        if (other == caller && tlb != null) {
            // In GUEST, the error names GUEST, like the errors of all calls that are not allowed there.
            checkUnused(tlb, "it is handed over");
        }
        return new IllegalStateException(this + " is claimed by thread " + caller.getName() + " and owned by "
                + (other == null ? "another thread" : other.getName()));
    }

    /** Stores the calling thread, which owns the CPU, in all other words. */
    private void own(IdleCpus.@Nullable LentCpu by) {
        if (context != null && tlb != null && translated != null) {
            Thread caller = Thread.currentThread();
            String name = caller.getName();
            if (!Objects.equals(name, readerName)) {
                context.reader.ownedBy(caller);
                readerName = name;
            }
            if (by == null) {
                ThreadCpus.add(tlb.state);
            } else {
                by.list(tlb.state);
            }
        }
    }

    /**
     * Makes the calling thread the owner of an idle CPU of a pool. If this throws, the CPU has no owner. Allocates
     * nothing in the steady state. Does not check the stack, because a CPU for which this fails is lost, and is
     * detected as lost.
     *
     * @param by the element of the pool that lends the CPU
     */
    void lend(IdleCpus.LentCpu by) {
        by.own();
        boolean isOwned = false;
        try {
            own(by);
            isOwned = true;
        } finally {
            if (!isOwned) {
                disown(by);
            }
        }
        memory.reset();
    }

    /**
     * Ends an idle CPU of a pool without creating a list of the thread's CPUs for it.
     *
     * @param isLater see {@link #switchTo(Layout, boolean)}
     */
    void endIdle(boolean isLater) {
        owner.own();
        try {
            enter(null, null);
            release();
        } finally {
            endLeft(isLater);
        }
    }

    /**
     * Makes an idle CPU of a pool leave its space, without creating a list of the thread's CPUs for it. If this throws
     * because a teardown failed, the CPU is in no space and has no owner.
     *
     * @param isLater see {@link #switchTo(Layout, boolean)}
     */
    void leaveIdle(boolean isLater) {
        owner.own();
        try {
            enter(null, null);
        } finally {
            try {
                endLeft(isLater);
            } finally {
                owner.rest();
            }
        }
    }

    /** Returns the borrow of the CPU's space; null if there is none. */
    public @Nullable Object borrow() {
        return borrow;
    }

    /** Returns the reference with which the CPU entered its space; null if there is none. */
    public @Nullable Object reference() {
        return reference;
    }

    /** Returns the TLB of its space. Throws if the thread is not the owner, or the CPU has no space. */
    public CpuTlb loadedTlb() {
        memory.loaded();
        return Objects.requireNonNull(tlb);
    }

    /** Returns the TLB; null before the first space. */
    @Nullable
    CpuTlb tlb() {
        return tlb;
    }

    /** Returns whether frames are in an embedder's store, which may make calls in the middle of an access. */
    boolean hasForeignStore() {
        return Objects.requireNonNull(machineMemory).frames.direct() == null;
    }

    @Override
    public String toString() {
        return "cpu " + number;
    }
}
