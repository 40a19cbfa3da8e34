// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.StackReserve;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The strategy {@code HAZARD_POINTER}: a CPU in LAZY has a hazard pointer in place of a reference. After the teardown,
 * the last put of the users hands a reference over to each CPU that has the pointer still, and the CPU gives that up
 * when it drops the pointer.
 */
public final class HazardLazy extends PublishedLazy {
    /*
     * CPU, in drop                              last put, in afterTeardown
     *
     *     kept := null          (volatile)          given := ended, with a reference   (compare-and-set)
     *     read given            (volatile)          read kept                          (volatile)
     *
     * At least one of the two sees the other's store: the CPU finds the reference, or the last put finds that the CPU
     * does not need it, and takes it back. If both do, the compare-and-set or get-and-set of given decides.
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
     * A context of which a reference was handed over to this CPU.
     *
     * @written threads of last puts (compare-and-set); the CPU's thread, or a thread that has found the CPU gone
     *     (get-and-set)
     * @read the CPU's thread, or a thread that has found the CPU gone, after it has set {@code kept} to null
     *     (volatile); the threads of last puts (volatile)
     * @pairs with {@code kept}. Last puts of two spaces may meet here. Each reads this word, then finds its context in
     *     {@code kept}, then changes the word by compare-and-set from what it has read. What it has read is thus of a
     *     context that the CPU had dropped before, and its reference is given up. If a later last put has handed over
     *     the context that the CPU keeps now, the compare-and-set fails, the second look at {@code kept} finds another
     *     context, and the word stays
     * @invariant a context of which this word has a reference; whichever thread takes it out gives that up
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
            // A last put that hands a reference over now finds no pointer, and takes the reference back.
            return;
        }
        // A reference that is taken out of the word must be given up.
        StackReserve.check(DROP_DEPTH);
        // Volatile: before the read of what was handed over.
        setKeptVolatile(null);
        if ((TlbContext) GIVEN.getVolatile(this) != null) {
            // The CPU keeps nothing now, so it needs no reference, of whichever context.
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
        // From here to the end no reference may be lost. The teardown calls this again.
        StackReserve.check(DROP_DEPTH);
        ended.pageTable().hold();
        TlbContext before;
        do {
            before = (TlbContext) GIVEN.getVolatile(this);
            if (!keeps(ended)) {
                // Another last put may have handed over the context that the CPU keeps now: that must stay.
                ended.pageTable().release();
                return;
            }
        } while (!GIVEN.compareAndSet(this, before, ended));
        // Read before the CPU was seen to keep this context: so it is of a context that the CPU has dropped before.
        release(before);
        // Again: the CPU may have dropped it, and read the word, before.
        if (!keeps(ended) && GIVEN.compareAndSet(this, ended, (TlbContext) null)) {
            ended.pageTable().release();
        }
    }
}
