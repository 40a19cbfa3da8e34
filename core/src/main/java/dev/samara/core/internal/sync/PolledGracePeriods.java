// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Grace periods for callers that poll instead of waiting ({@code start_poll_synchronize_rcu}, {@code
 * poll_state_synchronize_rcu}). All callers share the grace periods, so another caller costs a number. A grace period
 * advances only while some thread polls. Thread-safe; never waits.
 */
final class PolledGracePeriods {
    private final RcuReaders registered;

    /** Counts the grace periods that are over. */
    private final LongAdder ends;

    /* Guarded by this. */

    /** The number of grace periods that have begun, and of those that are over. At most one is under way. */
    private long begun;

    private long over;

    /**
     * State of the one under way: the readers, their sections at its beginning, and the index of the first reader whose
     * section has not been seen to end.
     */
    private RcuReader[] readers = {};

    private long[] sections = {};
    private int awaited;
    private long since;
    private boolean isReported;

    /* For the flight recorder: null if it does not record the one under way. */

    private @Nullable BegunEvent recorded;
    private int inSection;
    private @Nullable RcuReader lastAwaited;

    PolledGracePeriods(RcuReaders registered, LongAdder ends) {
        this.registered = registered;
        this.ends = ends;
    }

    /** Returns the number of the first grace period that begins after this call. */
    synchronized long start() {
        return begun + 1;
    }

    /** Returns whether that grace period is over. */
    boolean isOver(long number) {
        for (; ; ) {
            boolean isOver;
            BegunEvent ended;
            int waited;
            RcuReader last;
            synchronized (this) {
                if (over >= number) {
                    return true;
                }
                if (begun == over) {
                    begin();
                }
                if (!hasEnded()) {
                    return false;
                }
                over = begun;
                ends.increment();
                readers = new RcuReader[0];
                sections = new long[0];
                isOver = over >= number;
                ended = recorded;
                waited = inSection;
                last = lastAwaited;
                recorded = null;
                lastAwaited = null;
            }
            // Outside of the monitor.
            Tracepoints.endGracePeriod(ended, waited, last == null ? null : last.name(), true);
            if (isOver) {
                return true;
            }
        }
    }

    private void begin() {
        RcuReader[] all = registered.all();
        long[] seen = new long[all.length];
        // Orders the callers' unlinking, which came before their calls of Rcu.startPoll, before the scan. Pairs with
        // the volatile store of RcuReader.readLock.
        VarHandle.fullFence();
        int waiting = 0;
        for (int i = 0; i < all.length; i++) {
            seen[i] = all[i].sectionVolatile();
            waiting += seen[i] == 0 ? 0 : 1;
        }
        readers = all;
        sections = seen;
        awaited = 0;
        since = System.nanoTime();
        isReported = false;
        inSection = waiting;
        recorded = waiting == 0 ? null : Tracepoints.beginGracePeriod();
        begun++;
    }

    private boolean hasEnded() {
        for (; awaited < readers.length; awaited++) {
            RcuReader reader = readers[awaited];
            long section = sections[awaited];
            if (section != 0 && reader.sectionVolatile() == section && registered.isRegistered(reader)) {
                lastAwaited = reader;
                isReported = isReported || registered.reportIfLong(reader, System.nanoTime() - since);
                return false;
            }
        }
        return true;
    }
}
