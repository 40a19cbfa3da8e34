// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.Padding;
import org.jspecify.annotations.Nullable;

/**
 * The space that a CPU in LAZY has left but whose page tables it may still walk ({@code active_mm}), and what keeps
 * these tables alive. Each subclass is one means. No other field of a CPU leads to a space that the CPU has left.
 * Flushes are not decided here: a CPU that returns catches up by generations, in {@code tlb.CpuTlb.enterGuest}.
 *
 * <p>A CPU begins to keep a context while it is a user of it. It keeps the context while it is LAZY, and then also
 * while it is a user again. So a CPU that goes to LAZY often has nothing more to note. It stops after it has arrived in
 * another context, in none, or offline. What fails at the end of the stack is made up for by the next call.
 *
 * <pre>
 *                          to LAZY, first time    arrives elsewhere         last put of the users
 *     REFERENCE_COUNT      takes a reference      gives it up               -
 *     SHOOTDOWN            a store                a store                   looks at each CPU before the teardown
 *     HAZARD_POINTER       a store                a store, a load           looks at each CPU after the teardown
 *     NONE                 -                      -                         -
 * </pre>
 */
public abstract class LazyContext extends Padding {
    /**
     * The stack that the last release of a page table needs, in frames. If it may make such a release, {@link #drop}
     * checks the stack.
     */
    public static final int DROP_DEPTH = 24;

    /** Makes one for each CPU of a machine. */
    @FunctionalInterface
    public interface Maker {
        /** Makes what one CPU keeps. */
        LazyContext make();
    }

    /** Begins to keep a context. Called by the CPU's thread, while the CPU is counted as a user of the context. */
    abstract void keep(TlbContext of);

    /** Returns the context that the CPU keeps, or null. For the CPU's thread. */
    abstract @Nullable TlbContext kept();

    /**
     * Stops keeping a context. Called by the CPU's thread, when the CPU is in no state in which it needs the context;
     * if the CPU is {@linkplain CpuOwner gone}, by the thread that takes it offline. If this throws at the end of the
     * stack, the context is kept as before.
     */
    abstract void drop();

    /** Returns whether a drop may give up a reference, for which it needs {@link #DROP_DEPTH}. */
    boolean mayRelease() {
        return false;
    }

    /** Called for each CPU before a context is torn down: it has no user, and is unloaded if this does not keep it. */
    void beforeTeardown(TlbContext ended) {}

    /** Called for each CPU after a context was torn down, and before the users' reference is given up. */
    void afterTeardown(TlbContext ended) {}
}
