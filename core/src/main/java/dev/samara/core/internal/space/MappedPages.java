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
     * @written holder of the layout lock (opaque)
     * @read any thread (opaque)
     * @invariant the mapped pages of a layout that is not divided
     */
    @SuppressWarnings("UnusedVariable") // through PAGES
    private long pages;

    /**
     * @written a publication and a completion that unmap pages, before the counters fall, in a layout that is not
     *     divided; and a division (compare-and-set, upwards)
     * @read any thread (opaque)
     * @invariant a number of mapped pages that a thread has read before a fall
     */
    @SuppressWarnings("UnusedVariable") // through PEAK
    private long peak;

    /**
     * In place of {@link #pages} while the layout is divided.
     *
     * @written a division and a join, holding the layout lock (volatile)
     * @read any thread (volatile)
     * @pairs a join stores {@code pages}, and then null here
     * @invariant the mapped pages while the layout is divided; null otherwise
     */
    private volatile @Nullable ChargedPages parts;

    /** Sets the number of a layout that is not divided. The caller holds the layout lock. */
    void set(long mapped) {
        // Opaque: a statistic, of which only the holder of the lock makes the next value.
        PAGES.setOpaque(this, mapped);
    }

    /** Has the parts of a layout count apart; null after they were joined. The caller holds the layout lock. */
    void countIn(@Nullable ChargedPages divided) {
        parts = divided;
    }

    /** Returns the number of mapped pages. Changes meanwhile in parts of the layout are counted or not. */
    long count() {
        ChargedPages divided = parts;
        return divided != null ? divided.mapped() : (long) PAGES.getOpaque(this);
    }

    /** Returns the highest number so far. */
    long peak() {
        return Math.max((long) PEAK.getOpaque(this), count());
    }

    /**
     * Notes the number before it falls. While the layout is divided this does nothing, since threads with own ranges
     * would read each other's numbers at each unmapping.
     */
    void beforeFall() {
        if (parts == null) {
            note();
        }
    }

    private void note() {
        long now = count();
        long highest = (long) PEAK.getOpaque(this);
        // A completion may do so beside an operation.
        while (now > highest && !PEAK.compareAndSet(this, highest, now)) {
            highest = (long) PEAK.getOpaque(this);
        }
    }
}
