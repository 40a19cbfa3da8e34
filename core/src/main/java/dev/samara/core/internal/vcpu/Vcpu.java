// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.event.Report;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.guest.CheckedMemory;
import dev.samara.core.internal.guest.CpuMemory;
import dev.samara.core.internal.guest.TranslatedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.CheckedTlb;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import java.lang.ref.Reference;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A CPU on its way from space to space: what it has of the machine and the page size of a space, and the steps of a
 * switch. A {@code Cpu} of the API has one, and so has each CPU of a pool. For the thread that owns the CPU; {@link
 * OwnerChange} has the ways from thread to thread.
 */
public final class Vcpu {
    /** The stack that the last user of a space needs to leave it, and to have its teardown begun, in frames. */
    public static final int END_DEPTH = 60;

    private final MachineState host;
    private final int number;
    private final int tlbEntries;
    private final Consumer<@Nullable CpuTlb> joins;
    private final CpuOwner owner;
    private final BorrowPlaces places;
    private final CpuMemory memory;

    /** By which the CPU went to its space; null for no space, and in one to which it went without a reference. */
    private @Nullable Object reference;

    /* Of the machine and the page size of the last space; null before the first one. */
    private @Nullable MachineMemory machineMemory;
    private @Nullable PageTableContext context;
    private @Nullable CpuTlb tlb;
    private @Nullable TranslatedMemory translated;

    /** The borrow of its space; null for none. While it has one, {@link #reference} is null. */
    private @Nullable Object borrow;

    /**
     * Makes a CPU in no space, owned by the calling thread.
     *
     * @param host the machine
     * @param number of the CPU in reports and for the delivery of requests
     * @param tlbEntries the number of entries of its TLB
     * @param joins is given each TLB that it has from then on; null after the last use of one
     */
    public Vcpu(MachineState host, int number, int tlbEntries, Consumer<@Nullable CpuTlb> joins) {
        this.host = host;
        this.number = number;
        this.tlbEntries = tlbEntries;
        this.joins = joins;
        owner = new CpuOwner(this, message -> host.report(Report.Kind.CPU_LOST, message, null));
        places = new BorrowPlaces(owner);
        memory = new CpuMemory(toString(), Thread.currentThread());
    }

    /**
     * Goes to another space, or to none, and ends the spaces that it has left.
     *
     * @param by the reference to the space; null for no space
     * @param layout to which the calls of the reference go
     * @return false if the reference is closed, or the space has no user any more
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
     * Goes to a space without a reference to it, or to none.
     *
     * @param isLater whether a thread of the machine tears down the space that it leaves, if it was the last user; else
     *     this call does, and may wait
     * @return false if the space has no user any more; this CPU is in no space then
     */
    boolean switchTo(@Nullable Layout layout, boolean isLater) {
        try {
            return enter(null, layout);
        } finally {
            endLeft(isLater);
        }
    }

    /**
     * Goes to a space, or to none. The caller calls {@link #endLeft} afterwards.
     *
     * @param by the reference that {@link #reference} returns; null for none
     * @return false if the space has no user any more; the CPU is in no space then
     */
    boolean enter(@Nullable Object by, @Nullable Layout layout) {
        if (layout != null && tlb != null && tlb.leaveLazy(layout.pages())) {
            serve(by, layout, tlb);
            return true;
        }
        MachineMemory wanted = layout == null ? machineMemory : layout.memory();
        // A refusal above has changed nothing.
        reference = null;
        memory.rest();
        if (layout == null || wanted == null) {
            leave();
            return true;
        }
        return goTo(by, layout, wanted);
    }

    /**
     * Goes to a space as {@link #enter}, and back to its own one if it cannot arrive. Its own one has another user.
     *
     * @param home the layout of its own one; null if it has no {@link #reference}
     */
    boolean enterOrStay(@Nullable Object by, Layout layout, @Nullable Layout home) {
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

    /** Has a LAZY CPU of a checked machine use the tables that it may have, as hardware does at any time. */
    void speculate() {
        if (reference == null && translated != null) {
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

    private boolean goTo(@Nullable Object by, Layout layout, MachineMemory wanted) {
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

    /** Begins accesses to the space in which the TLB is now. */
    private void serve(@Nullable Object by, Layout layout, CpuTlb used) {
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
        reference = by;
    }

    /** Tears down the spaces that this CPU has left as their last user. The CPU is complete in its new state. */
    public void endLeft() {
        try {
            owner.left().end();
        } finally {
            // The end of each call that moves this CPU, which is lost only after it.
            Reference.reachabilityFence(this);
        }
    }

    void endLeft(boolean isLater) {
        if (isLater) {
            owner.left().endLater();
        } else {
            endLeft();
        }
    }

    /** Joins a memory: makes the TLB and the context for it. */
    private void become(Layout layout, MachineMemory joined) {
        CpuTlb made = newTlb(joined);
        PageTableContext mine = null;
        try {
            mine = joined.contexts().newContext(toString(), owner);
            made.readsAs(mine.reader());
            Faulter faulter = new Faulter(layout, mine);
            AccessChecker checker = joined.accessChecker();
            // Of the machine of the space, which may be another one than this CPU's.
            RefTracker tracker = layout.host().refTracker();
            translated = checker == null
                    ? new TranslatedMemory(made, faulter, joined.frames(), tracker)
                    : new CheckedMemory(made, faulter, joined.frames(), tracker, layout, checker);
            context = mine;
            joins.accept(made);
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

    private CpuTlb newTlb(MachineMemory joined) {
        int pageShift = Integer.numberOfTrailingZeros(joined.frames().pageSize());
        AccessChecker checker = joined.accessChecker();
        // Without this object: what reports must not keep the CPU reachable.
        MachineState to = host;
        CpuTlb made = new CpuTlb(
                joined.cpus(),
                owner,
                this,
                number,
                pageShift,
                checker == null
                        ? new SoftTlb(pageShift, tlbEntries, joined.frames().region())
                        : new CheckedTlb(pageShift, tlbEntries, joined.frames(), checker.newHistory()),
                thrown -> to.report(Report.Kind.CALLBACK_FAILED, "a flush listener", thrown));
        made.countDirtied(joined.frames());
        return made;
    }

    /** Leaves the memory that it has joined. The CPU is in no space. */
    void release() {
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
                // Last: this may throw, and the CPU is complete without it.
                left.contexts().discard(discarded);
            } finally {
                Reference.reachabilityFence(this);
            }
        }
    }

    /** Closes this CPU, which borrows nothing: leaves its space and frees the frames of its magazine. */
    public void close() {
        switchTo(null, null);
        release();
        endLeft();
        places.remove();
    }

    /** Throws unless the caller may take this CPU to another space. */
    public void checkMayMove(String what) {
        checkMayLeave(what);
        if (borrow != null) {
            throw new IllegalStateException(this + " has to end its " + borrow + ", before " + what);
        }
    }

    /** Throws for another thread, in a callback and in GUEST, and where the stack is too short for what may follow. */
    public void checkMayLeave(String what) {
        memory.checkOwner();
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
    void checkUnused(CpuTlb used, String what) {
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

    /** Returns the exception for a CPU that may not enter GUEST. Throws if it has no space. */
    public IllegalStateException mayNotEnter() {
        CpuTlb used = loadedTlb();
        memory.checkQuiet(used);
        return new IllegalStateException(this
                + (used.isGuest()
                        ? " is in GUEST already"
                        : " is in a fault: a backing that it asks must leave it as it is"));
    }

    /** Enters LAZY, and ends the space that it has left. */
    public void enterLazy() {
        checkMayMove("it is LAZY");
        memory.checkServed();
        CpuTlb used = Objects.requireNonNull(tlb);
        try {
            used.enterLazy();
        } finally {
            // Also after a StackOverflowError: these calls need less stack than the one above.
            if (!used.isInSpace()) {
                reference = null;
                restLazy();
            }
            endLeft();
        }
        speculate();
    }

    /** Gives up the users of its space, and keeps what LAZY keeps. */
    void putUsers() {
        loadedTlb().enterLazy();
    }

    /** Refuses accesses in LAZY. */
    void restLazy() {
        memory.restLazy();
        forget();
    }

    /** Refuses accesses in a borrowed space without users. */
    void restWithoutUsers() {
        memory.restWithoutUsers();
        forget();
    }

    /** Notes the borrow by which it is in its space; null for none. */
    void borrows(@Nullable Object begun) {
        borrow = begun;
    }

    /** Returns the borrow by which it is in its space; null for none. */
    public @Nullable Object borrow() {
        return borrow;
    }

    BorrowPlaces places() {
        return places;
    }

    /** Returns the reference by which it went to its space; null for none. */
    public @Nullable Object reference() {
        return reference;
    }

    /** Returns the number, by which reports name this CPU. */
    public int number() {
        return number;
    }

    /** Returns the memory, always the same object. */
    public CpuMemory memory() {
        return memory;
    }

    /** Returns who owns this CPU. */
    public CpuOwner owner() {
        return owner;
    }

    /** Returns the TLB of its space. Throws if the thread is not the owner, or the CPU has no space. */
    public CpuTlb loadedTlb() {
        memory.checkLoaded();
        return Objects.requireNonNull(tlb);
    }

    /** Returns the TLB; null before the first space. */
    @Nullable
    CpuTlb tlb() {
        return tlb;
    }

    /** Returns the page table context; null before the first space. */
    @Nullable
    PageTableContext context() {
        return context;
    }

    /** Returns the memory of its space; null before the first space. */
    @Nullable
    TranslatedMemory translated() {
        return translated;
    }

    /** Returns whether frames are in a store of the embedder, which may make calls in the midst of an access. */
    boolean hasForeignStore() {
        return Objects.requireNonNull(machineMemory).frames().direct() == null;
    }

    @Override
    public String toString() {
        return "cpu " + number;
    }
}
