// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Vma;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A reference to a VMA: the VMA's backing stays open until the reference is released.
 *
 * <p>A reference does <em>not</em> keep the range mapped, and no operation waits for it: its holder may block for any
 * time. {@link AddressSpace#acquire} returns it; any thread may release it, once.
 */
public final class VmaRef implements AutoCloseable {
    private static final VarHandle RELEASED = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "released", VarHandle.class, VmaRef.class, boolean.class);

    private final VmArea vma;
    private final @Nullable RefTracker tracker;

    /**
     * Written: any thread that releases (compare-and-set).
     * Read: {@code toString} (volatile).
     * Invariant: set at most once; the thread that sets it releases the reference.
     */
    @SuppressWarnings("UnusedVariable") // through RELEASED
    private boolean released;

    /** Takes over a reference that the caller acquired. */
    VmaRef(VmArea vma, @Nullable RefTracker tracker) {
        this.vma = vma;
        this.tracker = tracker;
        if (tracker != null) {
            tracker.acquired(this, vma.toString());
        }
    }

    /**
     * Returns the referenced VMA.
     *
     * @return the VMA, which may have been detached since
     */
    public Vma vma() {
        return vma;
    }

    /**
     * Releases the reference. Never waits; if this was the last use of the backing, one of the machine's threads closes
     * the backing.
     *
     * @throws IllegalStateException if the reference was already released, with nothing changed
     */
    @Override
    public void close() {
        // Atomic, so that if two threads release the reference concurrently, one of them fails.
        if (!RELEASED.compareAndSet(this, false, true)) {
            throw RefTracker.secondRelease(tracker, this, "a reference to " + vma);
        }
        try {
            if (tracker != null) {
                tracker.released(this);
            }
        } finally {
            vma.release();
        }
    }

    /** Returns the VMA, and whether the reference is released, as text. */
    @Override
    public String toString() {
        return ((boolean) RELEASED.getVolatile(this) ? "released reference to " : "reference to ") + vma;
    }
}
