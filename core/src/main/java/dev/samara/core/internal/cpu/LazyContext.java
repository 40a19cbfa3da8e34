// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.Padding;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The space that a CPU in LAZY left but whose page tables it may still walk ({@code active_mm}), and what keeps these
 * tables alive. Each subclass is one strategy. This class is the strategy {@code NONE}: a CPU that enters LAZY unloads
 * its context immediately, and returns as from any other space. No other field of a CPU refers to a space that the CPU
 * left. Flushes are not handled here: a CPU that returns catches up by generations, in {@code tlb.CpuTlb.enterGuest}.
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
public class LazyContext extends Padding {
    /**
     * The stack that the last release of a page table needs, in stack frames. {@link #drop} checks the stack if it may
     * execute such a release.
     */
    public static final int DROP_DEPTH = 24;

    /** Starts to keep a context. Called by the CPU's thread, while the CPU is counted as a user of the context. */
    void keep(TlbContext of) {}

    /** Returns the context that the CPU keeps, or null. Called by the CPU's thread. */
    @Nullable
    TlbContext kept() {
        return null;
    }

    /**
     * Stops keeping a context. Called by the CPU's thread, when the CPU is not in a state in which it needs the
     * context; if the CPU is {@linkplain CpuOwner gone}, by the thread that takes it offline. If this throws because of
     * a stack overflow, the context is still kept.
     */
    void drop() {}

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

    /**
     * The strategy {@code REFERENCE_COUNT}: a CPU in LAZY holds a reference to the page table ({@code
     * MMU_LAZY_TLB_REFCOUNT}).
     */
    public static final class Counted extends LazyContext {
        /**
         * The context to whose page table the CPU holds a reference. Used by the CPU's thread or, if the CPU is
         * {@linkplain CpuOwner gone}, by the thread that takes it offline.
         *
         * <p>Written: the CPU's thread, or a thread that found the CPU gone (plain).
         * Read: the CPU's thread, or a thread that found the CPU gone (plain).
         * Pairs: stores of the CPU's thread happen before {@code Thread.isAlive} returns false, and before the
         *     reference to a lost CPU is polled from its queue ({@code isLost}); if the CPU is handed over, {@code
         *     thread} of {@code CpuOwner} publishes them.
         * Invariant: the context to whose page table this CPU holds a reference; null if there is none.
         */
        private @Nullable TlbContext kept;

        @Override
        void keep(TlbContext of) {
            if (kept != of) {
                drop();
                of.hold();
                kept = of;
            }
        }

        @Override
        @Nullable
        TlbContext kept() {
            return kept;
        }

        @Override
        boolean mayRelease() {
            return true;
        }

        @Override
        void drop() {
            TlbContext of = kept;
            if (of != null) {
                // Checked first, because if only one of the two steps below succeeded, the reference would be lost, or
                // released twice.
                StackReserve.check(DROP_DEPTH);
                kept = null;
                of.release();
            }
        }
    }

    /**
     * A strategy ({@link Hazard}, {@link Shootdown}) in which a CPU in LAZY publishes the context that it keeps, so
     * that the thread of the last put can read it.
     */
    private abstract static class Published extends LazyContext {
        private static final VarHandle KEPT = ConstantBootstraps.fieldVarHandle(
                MethodHandles.lookup(), "kept", VarHandle.class, Published.class, TlbContext.class);

        /**
         * Written: the CPU's thread, while it is a user of the context (release); null by the CPU's thread, once it is
         *     elsewhere, or by a thread that found the CPU gone (release; volatile with hazard pointers); null by the
         *     thread of the last put (compare-and-set, with {@code SHOOTDOWN} only).
         * Read: the CPU's thread, or a thread that found the CPU gone (opaque); the thread of the last put (volatile).
         * Pairs: the CPU stores this field, then decrements its count as a user (get-and-add). The thread of the last
         *     put finds no user, then reads this field. With hazard pointers, the CPU sets this field to null, then
         *     reads {@code given}; the last put sets {@code given}, then reads this field again.
         * Invariant: the context that a CPU in LAZY keeps, unless the context was taken from it.
         */
        @SuppressWarnings("UnusedVariable") // through KEPT
        private @Nullable TlbContext kept;

        @Override
        final void keep(TlbContext of) {
            if (kept() != of) {
                // Release, and before the CPU decrements its count, so that the thread that finds no user sees this
                // store. Pairs with the reads of the last put, which follow its get-and-add of the count.
                KEPT.setRelease(this, of);
            }
        }

        @Override
        final @Nullable TlbContext kept() {
            // Opaque, because it is read by the CPU's own thread, or by a thread that takes the CPU offline. Other
            // threads only set it to null.
            return (TlbContext) KEPT.getOpaque(this);
        }

        final boolean keeps(TlbContext of) {
            return (TlbContext) KEPT.getVolatile(this) == of;
        }

        final void setKeptVolatile(@Nullable TlbContext next) {
            KEPT.setVolatile(this, next);
        }

        final void setKeptRelease(@Nullable TlbContext next) {
            KEPT.setRelease(this, next);
        }

        final boolean casKept(TlbContext expected, @Nullable TlbContext next) {
            return KEPT.compareAndSet(this, expected, next);
        }
    }

    /**
     * The strategy {@code SHOOTDOWN}: a CPU in LAZY holds no reference. Before the teardown, the last put of the users
     * takes the context from each CPU that keeps it ({@code MMU_LAZY_TLB_SHOOTDOWN}). No CPU needs to acknowledge this;
     * a CPU that lost its context detects it at its next switch to a space.
     */
    public static final class Shootdown extends Published {
        @Override
        void drop() {
            if (kept() != null) {
                // Release: after the last walk of the root. The teardown takes the context by compare-and-set, so it
                // cannot overwrite a later context of this CPU.
                setKeptRelease(null);
            }
        }

        @Override
        void beforeTeardown(TlbContext ended) {
            // Volatile and compare-and-set. Pairs with keep, and with drop.
            if (keeps(ended)) {
                casKept(ended, null);
            }
        }
    }

    /**
     * The strategy {@code HAZARD_POINTER}: a CPU in LAZY has a hazard pointer instead of a reference. After the
     * teardown, the last put of the users hands a reference over to each CPU that still has the pointer, and the CPU
     * releases it when it drops the pointer.
     */
    public static final class Hazard extends Published {
        /*
         * CPU, in drop                              last put, in afterTeardown
         *
         *     kept := null          (volatile)          given := ended, with a reference   (compare-and-set)
         *     read given            (volatile)          read kept                          (volatile)
         *
         * At least one of the two sees the other's store: either the CPU finds the reference, or the last put finds
         * that the CPU does not need it, and takes it back. If both happen, the compare-and-set or get-and-set of given
         * decides.
         */

        private static final VarHandle GIVEN = ConstantBootstraps.fieldVarHandle(
                MethodHandles.lookup(), "given", VarHandle.class, Hazard.class, TlbContext.class);

        /**
         * A context to which a reference was handed over to this CPU; null if there is none.
         *
         * <p>Written: threads of last puts (compare-and-set); the CPU's thread, or a thread that found the CPU gone
         *     (get-and-set).
         * Read: the CPU's thread, or a thread that found the CPU gone, after it has set {@code kept} to null
         *     (volatile); the threads of last puts (volatile).
         * Pairs: with {@code kept}. The last puts of two spaces may use this word concurrently. Each reads this word,
         *     then finds its context in {@code kept}, then changes the word by compare-and-set from the value that it
         *     read. So the value that it read is a context that the CPU had dropped before, and its reference is
         *     released. If a later last put handed over the context that the CPU keeps now, the compare-and-set fails,
         *     the second check of {@code kept} finds another context, and the word stays.
         * Invariant: a context to which this word holds a reference; the thread that takes it out of the word releases
         *     the reference.
         */
        @SuppressWarnings("UnusedVariable") // through GIVEN
        private @Nullable TlbContext given;

        @Override
        boolean mayRelease() {
            return true;
        }

        @Override
        void drop() {
            if (kept() == null) {
                // Nothing to do: a last put that hands a reference over now finds no pointer, and takes the reference
                // back.
                return;
            }
            // Checked first, because a reference that is taken out of the word must be released.
            StackReserve.check(DROP_DEPTH);
            // Volatile: stored before the reference that was handed over is read.
            setKeptVolatile(null);
            if ((TlbContext) GIVEN.getVolatile(this) != null) {
                // The CPU keeps no context now, so it needs no reference to any context.
                release((TlbContext) GIVEN.getAndSet(this, (TlbContext) null));
            }
        }

        private static void release(@Nullable TlbContext of) {
            if (of != null) {
                of.release();
            }
        }

        @Override
        void afterTeardown(TlbContext ended) {
            if (!keeps(ended) || (TlbContext) GIVEN.getVolatile(this) == ended) {
                return;
            }
            // Checked first, because from here to the end no reference may be lost. If this throws, the teardown calls
            // this method again.
            StackReserve.check(DROP_DEPTH);
            ended.hold();
            TlbContext before;
            do {
                before = (TlbContext) GIVEN.getVolatile(this);
                if (!keeps(ended)) {
                    // Another last put may have handed over the context that the CPU keeps now, which must stay.
                    ended.release();
                    return;
                }
            } while (!GIVEN.compareAndSet(this, before, ended));
            // Read before the check that the CPU keeps this context, so it is a context that the CPU had dropped
            // before.
            release(before);
            // Checked again, because the CPU may have dropped the context, and read the word, before the reference was
            // handed over.
            if (!keeps(ended) && GIVEN.compareAndSet(this, ended, (TlbContext) null)) {
                ended.release();
            }
        }
    }
}
