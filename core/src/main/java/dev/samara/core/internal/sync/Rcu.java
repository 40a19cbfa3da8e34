// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The grace periods of one machine, with the verbs of liburcu. Thread-safe.
 *
 * <pre>
 *     reader                         updater that waits     updater that polls            updater that continues
 *     RcuReader.readLock             unlink                 unlink                        unlink
 *       load the pointer, use it     synchronize            state = startPoll             call(callback)
 *     RcuReader.readUnlock           free                   poll(state) is true? free     the callback frees
 * </pre>
 *
 * <p>A reader that delays a grace period for too long is reported once per grace period to the reporter of the
 * settings. {@link Backlog} bounds the callbacks.
 */
public final class Rcu {
    private static final int SPINS = 200;

    /**
     * The settings of a machine's grace periods.
     *
     * @param background runs the callbacks; its tasks may wait
     * @param housekeeping polls whether a grace period of callbacks is over
     * @param backlog counts the callbacks; belongs to only one {@link Rcu}
     * @param reportAfterNanos the time in nanoseconds after which a delaying reader is reported
     * @param reporter receives the report, on the thread that waits; must not throw
     */
    public record Settings(
            Executor background,
            Housekeeping housekeeping,
            Backlog backlog,
            long reportAfterNanos,
            Consumer<String> reporter) {}

    private final Backlog backlog;
    private final RcuReaders readers;
    private final PolledGracePeriods polled;
    private final RcuCallbacks callbacks;

    /**
     * Written: a thread that waited for a grace period, or whose poll found one complete (adder).
     * Read: any thread (sum).
     * Invariant: a count for statistics; it orders nothing.
     */
    private final LongAdder ended = new LongAdder();

    public Rcu(Settings settings) {
        backlog = settings.backlog();
        readers = new RcuReaders(settings.reportAfterNanos(), settings.reporter());
        polled = new PolledGracePeriods(readers, ended);
        callbacks =
                new RcuCallbacks(polled, backlog, settings.housekeeping(), settings.background(), settings.reporter());
    }

    /** Returns the bound of the work that waits for these grace periods. */
    public Backlog backlog() {
        return backlog;
    }

    /**
     * Registers a new reader. Grace periods that start from now on wait for it.
     *
     * @param name the reader's name in reports
     * @return a reader that is not in a section
     */
    public RcuReader register(String name) {
        RcuReader reader = new RcuReader(name);
        readers.register(reader);
        return reader;
    }

    /**
     * Removes a reader. Grace periods no longer wait for it, even if it is in a section. The reader's owner must have
     * ended, or must never use the reader again.
     *
     * @param reader a registered reader
     */
    public void unregister(RcuReader reader) {
        readers.unregister(reader);
    }

    /**
     * Removes several readers in one step; see {@link #unregister(RcuReader)}.
     *
     * @param gone registered readers
     */
    public void unregister(Set<RcuReader> gone) {
        readers.unregister(gone);
    }

    /**
     * Waits for a grace period ({@code synchronize_rcu}), i.e. until every reader section that started before this call
     * has ended. After the return, no reader uses an object that the caller unlinked before the call. An interrupt does
     * not end the wait; the interrupt flag is set on return.
     *
     * <p>The caller must not be in a section, and must not hold a lock that a reader may wait for within a section.
     */
    public void synchronize() {
        NoWaiting.check("a wait for a grace period");
        GracePeriodSections sections = GracePeriodSections.scan(readers);
        if (sections != null) {
            BegunEvent recorded = Tracepoints.beginGracePeriod();
            await(sections);
            Tracepoints.endGracePeriod(recorded, sections.count(), sections.lastName(), false);
        }
        ended.increment();
    }

    /** Returns the number of grace periods that have ended. It only grows. */
    public long ended() {
        return ended.sum();
    }

    private void await(GracePeriodSections sections) {
        for (int i = 0; i < SPINS; i++) {
            Thread.onSpinWait();
            if (sections.haveEnded()) {
                return;
            }
        }
        long park = 0;
        boolean interrupted = false;
        while (!sections.checkEnded()) {
            interrupted |= Thread.interrupted();
            park = Backoff.betweenPolls(park);
            LockSupport.parkNanos(this, park);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Returns the state to poll for a grace period that starts now ({@code start_poll_synchronize_rcu}). Never waits.
     * The caller has already unlinked the objects that no reader may use after that grace period.
     *
     * @return the argument for {@link #poll}
     */
    public long startPoll() {
        return polled.start();
    }

    /**
     * Returns whether every reader section that started before a call of {@link #startPoll} has ended ({@code
     * poll_state_synchronize_rcu}). Never waits. Such grace periods advance only while some thread calls this method.
     *
     * @param state the result of that call
     * @return whether the grace period is over; once true, it remains true
     */
    public boolean poll(long state) {
        return polled.isOver(state);
    }

    /**
     * Runs a callback after a grace period, on a thread of the machine ({@code call_rcu}). Many callbacks share a grace
     * period. Never waits and never refuses a callback, because callers wait for room in the {@linkplain #backlog
     * backlog} before they make changes that lead to callbacks.
     *
     * @param callback the callback; its exceptions go to the executor
     */
    public void call(Runnable callback) {
        callbacks.add(callback);
    }

    int pending() {
        return callbacks.pending();
    }
}
