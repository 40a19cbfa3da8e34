// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.StackReserve;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The strategy {@code HAZARD_POINTER}: a CPU in LAZY has a hazard pointer instead of a reference. After the teardown,
 * the last put of the users hands a reference over to each CPU that still has the pointer, and the CPU releases it when
 * it drops the pointer.
 */
public final class HazardLazy extends PublishedLazy {
    /*
     * CPU, in drop                              last put, in afterTeardown
     *
     *     kept := null          (volatile)          given := ended, with a reference   (compare-and-set)
     *     read given            (volatile)          read kept                          (volatile)
     *
     * At least one of the two sees the other's store: either the CPU finds the reference, or the last put finds that
     * the CPU does not need it, and takes it back. If both happen, the compare-and-set or get-and-set of given decides.
     */

    private static final VarHandle GIVEN;

    static {
        try {
            GIVEN = MethodHandles.lookup().findVarHandle(HazardLazy.class, "given", TlbContext.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * A context to which a reference was handed over to this CPU; null if there is none.
     *
     * <p>Written: threads of last puts (compare-and-set); the CPU's thread, or a thread that found the CPU gone
     *     (get-and-set).
     * Read: the CPU's thread, or a thread that found the CPU gone, after it has set {@code kept} to null (volatile);
     *     the threads of last puts (volatile).
     * Pairs: with {@code kept}. The last puts of two spaces may use this word concurrently. Each reads this word, then
     *     finds its context in {@code kept}, then changes the word by compare-and-set from the value that it read. So
     *     the value that it read is a context that the CPU had dropped before, and its reference is released. If a
     *     later last put handed over the context that the CPU keeps now, the compare-and-set fails, the second check of
     *     {@code kept} finds another context, and the word stays.
     * Invariant: a context to which this word holds a reference; the thread that takes it out of the word releases the
     *     reference.
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
            // Nothing to do: a last put that hands a reference over now finds no pointer, and takes the reference back.
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
            of.pageTable().release();
        }
    }

    @Override
    void afterTeardown(TlbContext ended) {
        if (!keeps(ended) || (TlbContext) GIVEN.getVolatile(this) == ended) {
            return;
        }
        // Checked first, because from here to the end no reference may be lost. If this throws, the teardown calls this
        // method again.
        StackReserve.check(DROP_DEPTH);
        ended.pageTable().hold();
        TlbContext before;
        do {
            before = (TlbContext) GIVEN.getVolatile(this);
            if (!keeps(ended)) {
                // Another last put may have handed over the context that the CPU keeps now, which must stay.
                ended.pageTable().release();
                return;
            }
        } while (!GIVEN.compareAndSet(this, before, ended));
        // Read before the check that the CPU keeps this context, so it is a context that the CPU had dropped before.
        release(before);
        // Checked again, because the CPU may have dropped the context, and read the word, before the reference was
        // handed over.
        if (!keeps(ended) && GIVEN.compareAndSet(this, ended, (TlbContext) null)) {
            ended.pageTable().release();
        }
    }
}
