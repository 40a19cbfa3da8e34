// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.Padding;
import org.jspecify.annotations.Nullable;

/**
 * The space that a CPU in LAZY left but whose page tables it may still walk ({@code active_mm}), and what keeps these
 * tables alive. Each subclass is one strategy. No other field of a CPU refers to a space that the CPU left. This class
 * does not handle flushes: a CPU that returns catches up by generations, in {@code tlb.CpuTlb.enterGuest}.
 *
 * <p>A CPU starts to keep a context while it is a user of it. It keeps the context while it is LAZY, and also after it
 * becomes a user again. So a CPU that enters LAZY repeatedly records its context only the first time. It stops keeping
 * the context after it has arrived in another context or in none, or has gone offline. If a call fails by a stack
 * overflow, the next call completes it.
 *
 * <pre>
 *                          to LAZY, first time    arrives elsewhere         last put of the users
 *     REFERENCE_COUNT      acquires a reference   releases it               -
 *     SHOOTDOWN            a store                a store                   checks each CPU before the teardown
 *     HAZARD_POINTER       a store                a store, a load           checks each CPU after the teardown
 *     NONE                 -                      -                         -
 * </pre>
 */
public abstract class LazyContext extends Padding {
    /**
     * The stack that the last release of a page table needs, in stack frames. {@link #drop} checks the stack if it may
     * execute such a release.
     */
    public static final int DROP_DEPTH = 24;

    /** Creates one object for each CPU of a machine. */
    @FunctionalInterface
    public interface Maker {
        /** Creates the object for one CPU. */
        LazyContext make();
    }

    /** Starts to keep a context. Called by the CPU's thread, while the CPU is counted as a user of the context. */
    abstract void keep(TlbContext of);

    /** Returns the context that the CPU keeps, or null. Called by the CPU's thread. */
    abstract @Nullable TlbContext kept();

    /**
     * Stops keeping a context. Called by the CPU's thread, when the CPU is not in a state in which it needs the
     * context; if the CPU is {@linkplain CpuOwner gone}, by the thread that takes it offline. If this throws because of
     * a stack overflow, the context is still kept.
     */
    abstract void drop();

    /** Returns whether a drop may release a reference, for which it needs {@link #DROP_DEPTH}. */
    boolean mayRelease() {
        return false;
    }

    /**
     * Called for each CPU before a context without users is torn down. Unloads the context if this strategy does not
     * keep it alive.
     */
    void beforeTeardown(TlbContext ended) {}

    /** Called for each CPU after a context was torn down, and before the users' reference is released. */
    void afterTeardown(TlbContext ended) {}
}
