// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.Objects;

/** Divides layouts where a test wants it. */
public final class Divisions {
    /** The number of operations of a part between two looks at the other parts. */
    public static final int LOOK = District.LOOK;

    /** The number of operations of a part in which another one has none that is not used any more. */
    public static final int IDLE = District.IDLE;

    private Divisions() {}

    /** Divides a layout at addresses that ascend and that no VMA crosses; returns whether it is divided now. */
    public static boolean divide(Layout layout, long... borders) {
        District whole = layout.lockWhole();
        try {
            layout.districts().tryToDivide(borders);
        } finally {
            whole.unlock();
        }
        return isDivided(layout);
    }

    /** Divides a layout at the borders of the VMAs around a range, as {@link ForcedDivision} does. */
    public static void divideAround(Layout layout, long start, long end) {
        District whole = layout.lockWhole();
        try {
            layout.districts().tryToDivide(ForcedDivision.borders(whole.tree(), start, end));
        } finally {
            whole.unlock();
        }
    }

    public static boolean isDivided(Layout layout) {
        return parts(layout) != 0;
    }

    public static int parts(Layout layout) {
        LayoutParts parts = layout.districts().current();
        return parts == null ? 0 : parts.count();
    }

    /** The first address of a part. */
    public static long start(Layout layout, int part) {
        return Objects.requireNonNull(layout.districts().current(), "whole").start(part);
    }

    /** Takes the lock of the part that has an address many times, as operations do. */
    public static void use(Layout layout, long address, int times) {
        for (int i = 0; i < times; i++) {
            layout.lock(address, address + 1).unlock();
        }
    }

    /** Has a divided layout joined by the next operation, as a reader does that has failed many times. */
    public static void askForJoin(Layout layout) {
        LayoutParts parts = layout.districts().current();
        if (parts != null) {
            parts.askForJoin();
        }
    }

    public static boolean isJoinAsked(Layout layout) {
        LayoutParts parts = layout.districts().current();
        return parts != null && parts.isJoinAsked();
    }

    /** Whether an operation is in flight, in any part. Takes no lock: only while no thread runs. */
    public static boolean isInFlight(Layout layout) {
        LayoutParts parts = layout.districts().current();
        boolean isInFlight = !layout.inFlight().isEmpty();
        for (int i = 0; parts != null && i < parts.count(); i++) {
            isInFlight |= !parts.district(i).inFlight().isEmpty();
        }
        return isInFlight;
    }

    /** Whether a division has failed for another reason than the lack of memory or stack. */
    public static boolean hasFailed(Layout layout) {
        try {
            layout.districts().requireNoFailure();
            return false;
        } catch (AssertionError failed) {
            return true;
        }
    }

    /** Joins the parts, and returns the number of operations that were published with pages to move. */
    public static long moves(Layout layout) {
        District whole = layout.lockWhole();
        try {
            return whole.moves();
        } finally {
            whole.unlock();
        }
    }

    /** Joins the parts. */
    public static void join(Layout layout) {
        layout.lockWhole().unlock();
    }
}
