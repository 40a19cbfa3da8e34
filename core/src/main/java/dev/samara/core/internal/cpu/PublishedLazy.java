// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A strategy ({@link HazardLazy}, {@link ShootdownLazy}) in which a CPU in LAZY publishes the context that it keeps, so
 * that the thread of the last put can read it.
 */
abstract class PublishedLazy extends LazyContext {
    private static final VarHandle KEPT;

    static {
        try {
            KEPT = MethodHandles.lookup().findVarHandle(PublishedLazy.class, "kept", TlbContext.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * Written: the CPU's thread, while it is a user of the context (release); null by the CPU's thread, once it is
     *     elsewhere, or by a thread that found the CPU gone (release; volatile with hazard pointers); null by the
     *     thread of the last put (compare-and-set, with {@code SHOOTDOWN} only).
     * Read: the CPU's thread, or a thread that found the CPU gone (opaque); the thread of the last put (volatile).
     * Pairs: the CPU stores this field, then decrements its count as a user (get-and-add). The thread of the last put
     *     finds no user, then reads this field. With hazard pointers, the CPU sets this field to null, then reads
     *     {@code given}; the last put sets {@code given}, then reads this field again.
     * Invariant: the context that a CPU in LAZY keeps, unless the context was taken from it.
     */
    @SuppressWarnings("UnusedVariable") // through KEPT
    private @Nullable TlbContext kept;

    @Override
    final void keep(TlbContext of) {
        if (kept() != of) {
            // Release, and before the CPU decrements its count, so that the thread that finds no user sees this store.
            // Pairs with the reads of the last put, which follow its get-and-add of the count.
            KEPT.setRelease(this, of);
        }
    }

    @Override
    final @Nullable TlbContext kept() {
        // Opaque, because it is read by the CPU's own thread, or by a thread that takes the CPU offline. Other threads
        // only set it to null.
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
