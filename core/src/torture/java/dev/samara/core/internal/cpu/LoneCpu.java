// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/** A CPU of no machine in a context. */
public final class LoneCpu {
    private final TlbContext context = new TlbContext();
    private final CpuState state = new CpuState(0, 1, Thread.currentThread(), () -> {});

    public LoneCpu() {
        context.use();
        state.arrive(context);
    }

    public LoneCpu enterLazy() {
        state.enterLazy();
        return this;
    }

    /** 1 if it has come back to its context. */
    public int comeBack() {
        return state.leaveLazy() ? 1 : 0;
    }

    /** 1 if it was LAZY, and is taken off its context, which has ended. */
    public int takeOff() {
        return state.takeOff(context.id()) ? 1 : 0;
    }

    /** Gives up the only reference; 1 if that was the last user, so that there will be none. */
    public int end() {
        return context.users().put() ? 1 : 0;
    }

    public int cpus() {
        return context.cpus();
    }
}
