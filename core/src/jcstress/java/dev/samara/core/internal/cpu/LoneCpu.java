// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/** A CPU that belongs to no machine, and a context for it. */
public final class LoneCpu {
    private final TlbContext context = new TlbContext();
    private final CpuState state;

    public LoneCpu() {
        this(new ShootdownLazy());
    }

    public LoneCpu(LazyContext lazy) {
        state = new CpuState(0, 1, new CpuOwner(this, message -> {}), OwnedCpu.NO_TLB, lazy);
        context.use();
        state.arrive(context);
    }

    public LoneCpu enterLazy() {
        state.enterLazy();
        return this;
    }

    /** Returns 1 if the CPU returned to its context from LAZY. */
    public int comeBack() {
        return state.leaveLazy(context) ? 1 : 0;
    }

    /** Switches to its context: from LAZY if possible, otherwise as from another context. */
    public void goThere() {
        if (comeBack() == 0) {
            leave();
            context.use();
            state.arrive(context);
        }
    }

    /** Switches to no context. */
    public void leave() {
        state.depart();
        state.arrive(null);
    }

    public void enterGuest() {
        state.enterGuest(context.id());
        state.flushedTo(context.generation().current());
    }

    public void leaveGuest() {
        state.leaveGuest(context.id());
    }

    /** Enters GUEST, and claims to have flushed up to a generation without reading the current one. */
    public void enterGuestUnread(long generation) {
        state.enterGuest(context.id());
        state.flushedTo(generation);
    }

    /** Waits until the CPU has executed a full fence, if it is in GUEST. */
    public void fence() {
        long generation = context.generation().advance();
        while (!state.isDone(context.id(), generation)) {
            Thread.onSpinWait();
        }
    }

    /**
     * Starts the teardown of its context, whose last user is gone. Returns 1 if this took the context from the LAZY
     * CPU.
     */
    public int takeOff() {
        state.lazy().beforeTeardown(context);
        return state.isIn(context.id()) ? 0 : 1;
    }

    /** Completes the teardown of its context, and releases the users' reference. */
    public void endTeardown() {
        state.lazy().afterTeardown(context);
        context.pageTable().release();
    }

    /** Returns the number of references to the page table. */
    public int held() {
        return context.pageTable().count();
    }

    /** Drops the only reference. Returns 1 if that was the last user, after which no new user is possible. */
    public int end() {
        return context.users().put() ? 1 : 0;
    }

    public int cpus() {
        return context.cpus();
    }
}
