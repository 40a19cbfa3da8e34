// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The number of mapped pages of a space and the highest one so far ({@code total_vm}, {@code hiwater_vm}), for readers
 * that take no lock. Thread-safe.
 */
final class MappedPages {
    private static final VarHandle PAGES;
    private static final VarHandle PEAK;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            PAGES = lookup.findVarHandle(MappedPages.class, "pages", long.class);
            PEAK = lookup.findVarHandle(MappedPages.class, "peak", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * Written: holder of the layout lock (opaque).
     * Read: any thread (opaque).
     * Invariant: the mapped pages of a layout that is not divided.
     */
    @SuppressWarnings("UnusedVariable") // through PAGES
    private long pages;

    /**
     * Written: a publication and a completion that unmap pages, before the counters fall, in a layout that is not
     *     divided; and a division (compare-and-set, upwards).
     * Read: any thread (opaque).
     * Invariant: a number of mapped pages that a thread read before the number fell.
     */
    @SuppressWarnings("UnusedVariable") // through PEAK
    private long peak;

    /**
     * The counts of the parts, which replace {@link #pages} while the layout is divided.
     *
     * <p>Written: a division and a join, holding the layout lock (volatile).
     * Read: any thread (volatile).
     * Pairs: a join stores {@code pages}, and then null here.
     * Invariant: the mapped pages while the layout is divided; null otherwise.
     */
    private volatile @Nullable ChargedPages parts;

    /** Sets the number of mapped pages of a layout that is not divided. The caller holds the layout lock. */
    void set(long mapped) {
        // Opaque, because this is a statistic, and only the holder of the lock computes its next value.
        PAGES.setOpaque(this, mapped);
    }

    /**
     * Sets the counts of the parts of a layout, which count separately from now on; null after a join. The caller holds
     * the layout lock.
     */
    void countIn(@Nullable ChargedPages divided) {
        parts = divided;
    }

    /** Returns the number of mapped pages. Concurrent changes in parts of the layout may or may not be included. */
    long count() {
        ChargedPages divided = parts;
        return divided != null ? divided.mapped() : (long) PAGES.getOpaque(this);
    }

    /** Returns the highest number so far. */
    long peak() {
        return Math.max((long) PEAK.getOpaque(this), count());
    }

    /**
     * Records the number as a possible peak before it falls. Does nothing while the layout is divided, because threads
     * that work in their own parts would otherwise read each other's counts at each unmapping.
     */
    void beforeFall() {
        if (parts == null) {
            note();
        }
    }

    private void note() {
        long now = count();
        long highest = (long) PEAK.getOpaque(this);
        // A completion may do the same concurrently with an operation.
        while (now > highest && !PEAK.compareAndSet(this, highest, now)) {
            highest = (long) PEAK.getOpaque(this);
        }
    }
}
