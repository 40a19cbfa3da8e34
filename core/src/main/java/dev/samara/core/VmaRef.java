// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.vma.Life;
import dev.samara.core.vma.Vma;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A reference to a VMA: until it is released, the VMA's backing stays open.
 *
 * <p>It does <em>not</em> say that the range stays mapped, and no operation waits for it: who holds one may block for
 * as long as it likes. Taken by {@link AddressSpace#keep}; released once, by any thread.
 */
public final class VmaRef implements AutoCloseable {
    private static final VarHandle RELEASED;

    static {
        try {
            RELEASED = MethodHandles.lookup().findVarHandle(VmaRef.class, "released", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Vma vma;
    private final @Nullable RefTracker log;

    @SuppressWarnings("UnusedVariable") // through RELEASED
    private boolean released;

    /** Caller has taken the keep. */
    VmaRef(Vma vma, @Nullable RefTracker log) {
        this.vma = vma;
        this.log = log;
        if (log != null) {
            log.taken(this);
        }
    }

    /**
     * What is kept.
     *
     * @return the VMA, which may have been detached since
     */
    public Vma vma() {
        return vma;
    }

    /**
     * Releases it. Never waits; the backing, if this was the last thing that kept it open, is closed by a thread of the
     * machine.
     *
     * @throws IllegalStateException if it has been released before; nothing is changed then
     */
    @Override
    public void close() {
        // Volatile, so that of two threads that release it at once one is refused.
        if (!RELEASED.compareAndSet(this, false, true)) {
            throw secondRelease();
        }
        try {
            if (log != null) {
                log.released(this);
            }
        } finally {
            Life.release(vma);
        }
    }

    private IllegalStateException secondRelease() {
        Throwable first = log == null ? null : log.firstRelease(this);
        String where = "; a machine that tracks keeps would say where";
        if (log != null) {
            where = first == null ? "; its first release is under way" : "; its first release is the cause";
        }
        return new IllegalStateException(
                "a keep of " + vma + " was released a second time, by thread "
                        + Thread.currentThread().getName() + where,
                first);
    }

    /** The VMA, and whether it is still kept. */
    @Override
    public String toString() {
        return ((boolean) RELEASED.getVolatile(this) ? "released keep of " : "keep of ") + vma;
    }
}
