// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/** A CPU of no machine in a context. */
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

    /** 1 if it has come back to its context. */
    public int comeBack() {
        return state.leaveLazy(context) ? 1 : 0;
    }

    /** Goes to its context, from LAZY or as from another one. */
    public void goThere() {
        if (comeBack() == 0) {
            leave();
            context.use();
            state.arrive(context);
        }
    }

    /** Goes to no context. */
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

    /** Enters GUEST, and says that it has read the generation, which it has not. */
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

    /** Begins the teardown of its context, which has ended; 1 if it was LAZY, and is not in it. */
    public int takeOff() {
        state.lazy().beforeTeardown(context);
        return state.isIn(context.id()) ? 0 : 1;
    }

    /** Ends the teardown of its context, and gives up the reference of the users. */
    public void endTeardown() {
        state.lazy().afterTeardown(context);
        context.pageTable().release();
    }

    /** References to the page table. */
    public int held() {
        return context.pageTable().count();
    }

    /** Gives up the only reference; 1 if that was the last user, so that there will be none. */
    public int end() {
        return context.users().put() ? 1 : 0;
    }

    public int cpus() {
        return context.cpus();
    }
}
