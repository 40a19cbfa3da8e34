// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.AccessListener;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.event.WriteListener;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.page.Watches;
import dev.samara.core.internal.page.Watches.WatchedRange;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.vma.Geometry;
import java.util.function.Consumer;

/**
 * A range of a space that is watched until this is closed: for writes by {@link AddressSpace#watch}, for reads by
 * {@link AddressSpace#watchReads}.
 */
public final class Watchpoint implements Registration {
    private final Watches watches;
    private final WatchedRange watch;
    private final long start;
    private final long end;

    private Watchpoint(Watches watches, WatchedRange watch, long start, long end) {
        this.watches = watches;
        this.watch = watch;
        this.start = start;
        this.end = end;
    }

    /** Starts to watch. Every store after this has returned calls the listener. */
    static Watchpoint begin(Layout layout, long start, long length, WriteListener listener) {
        check(layout, start, length);
        WatchedRange watch =
                new WatchedRange(start, start + length - 1, listener, reporter(layout, "a write listener"));
        return begin(layout, layout.pages().watches, watch, start, start + length);
    }

    /** Starts to watch. Every read after this has returned calls the listener. */
    static Watchpoint beginReads(Layout layout, long start, long length, AccessListener listener) {
        check(layout, start, length);
        WatchedRange watch =
                new WatchedRange(start, start + length - 1, listener, reporter(layout, "an access listener"));
        return begin(layout, layout.pages().readWatches, watch, start, start + length);
    }

    private static Consumer<Throwable> reporter(Layout layout, String what) {
        return thrown -> layout.host.report(Report.Kind.CALLBACK_FAILED, what, thrown);
    }

    private static void check(Layout layout, long start, long length) {
        layout.pages();
        ThreadCpus.checkMayWait("the setting of a watchpoint");
        layout.checkNotClosed("watch");
        Geometry geometry = layout.geometry;
        long limit = geometry.limit();
        if (length == 0) {
            throw new IllegalArgumentException("length 0 must be at least 1");
        }
        if (!Addresses.isBelow(start, limit)) {
            throw new IllegalArgumentException("start 0x" + Long.toHexString(start) + " must lie below the limit 0x"
                    + Long.toHexString(limit) + " of the space");
        }
        if (Addresses.isAbove(length, limit - start)) {
            throw new IllegalArgumentException("length 0x" + Long.toHexString(length) + " from start 0x"
                    + Long.toHexString(start) + " must not reach beyond the limit 0x" + Long.toHexString(limit)
                    + " of the space");
        }
    }

    private static Watchpoint begin(Layout layout, Watches watches, WatchedRange watch, long start, long end) {
        Geometry geometry = layout.geometry;
        LeafWalks.watch(
                layout.memory(),
                layout.pages(),
                watches,
                watch,
                start & -geometry.pageSize(),
                geometry.roundUp(end),
                layout.host.maxMapCount);
        return new Watchpoint(watches, watch, start, end);
    }

    /**
     * Ends the watch, at any time and from any thread, even in GUEST and from its listener. After this has returned,
     * the listener is no longer called, except for calls by other CPUs that are already in progress. So a store that
     * races with the close may call no listener. A second call does nothing.
     */
    @Override
    public void close() {
        watches.remove(watch);
    }

    @Override
    public String toString() {
        return "watchpoint 0x" + Long.toHexString(start) + "-0x" + Long.toHexString(end);
    }
}
