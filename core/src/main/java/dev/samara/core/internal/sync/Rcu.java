// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The grace periods of one machine ({@code kernel/rcu}). Thread-safe.
 *
 * <p>The backlog of callbacks that wait for a grace period is bounded. At the bound {@link #callAfter} waits or
 * refuses, as the settings say. A reader that delays a grace period for too long is reported once per grace period to
 * the reporter of the settings.
 */
public final class Rcu {
    private static final int SPINS = 200;
    private static final long SHORTEST_PARK = 1_000;
    private static final long LONGEST_PARK = 1_000_000;

    /** The longest pause between two attempts to run callbacks, in nanoseconds. */
    private static final long LONGEST_PAUSE = 1_000_000_000;

    /** Decides about a callback when the backlog is at its bound. */
    public enum AtBound {
        /** The caller waits until the backlog is below its bound. */
        WAIT,
        /** The callback is refused. */
        REFUSE
    }

    /**
     * The settings of a machine's grace periods.
     *
     * @param background runs the callbacks; its tasks may wait
     * @param mostCallbacks the bound of the backlog in callbacks, positive
     * @param atBound decides about a callback at the bound
     * @param reportAfterNanos the time in nanoseconds after which a delaying reader is reported
     * @param reporter receives the report, on the thread that waits; must not throw
     */
    public record Settings(
            Executor background,
            int mostCallbacks,
            AtBound atBound,
            long reportAfterNanos,
            Consumer<String> reporter) {}

    private final Settings settings;
    private final PolledGrace polled;

    /** Replaced as a whole, under the lock. Scanned without the lock. */
    private volatile RcuReader[] readers = {};

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition room = lock.newCondition();

    /** Whether the backlog is at its bound. Written under the lock, read without it. */
    private volatile boolean isFull;

    /* Guarded by the lock. */
    private int reserved;
    private Deque<Runnable> waiting = new ArrayDeque<>();
    private boolean isWorkedOff;
    private int underWay;

    /**
     * The callbacks that go to the executor after the next grace period. Only the thread that runs callbacks uses it.
     */
    private Deque<Runnable> batch = new ArrayDeque<>();

    public Rcu(Settings settings) {
        this.settings = settings;
        polled = new PolledGrace(this, settings);
    }

    /**
     * Returns a ticket for the grace period that begins now. Never waits. The caller has already unlinked the objects
     * that no reader may use after that grace period.
     *
     * @return the argument for {@link #isOver}
     */
    public long ticket() {
        return polled.ticket();
    }

    /**
     * Returns whether every reader section has ended that had begun before a ticket was taken. Never waits. Such grace
     * periods advance only while some thread calls this method.
     *
     * @param ticket a result of {@link #ticket}
     * @return whether the grace period is over; once true, it remains true
     */
    public boolean isOver(long ticket) {
        return polled.isOver(ticket);
    }

    RcuReader[] readers() {
        return readers;
    }

    /**
     * Removes several readers at once; see {@link #unregister(RcuReader)}.
     *
     * @param gone registered readers
     */
    public void unregister(Set<RcuReader> gone) {
        lock.lock();
        try {
            readers = Arrays.stream(readers)
                    .filter(reader -> !gone.contains(reader))
                    .toArray(RcuReader[]::new);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Registers a new reader. Grace periods that begin from now on wait for it.
     *
     * @param name the reader's name in reports
     * @return a reader in no section
     */
    public RcuReader register(String name) {
        RcuReader reader = new RcuReader(name);
        lock.lock();
        try {
            RcuReader[] more = Arrays.copyOf(readers, readers.length + 1);
            more[readers.length] = reader;
            readers = more;
        } finally {
            lock.unlock();
        }
        return reader;
    }

    /**
     * Removes a reader: grace periods no longer wait for it, even if it is in a section. The reader's owner must have
     * ended, or must never use the reader again.
     *
     * @param reader a registered reader
     */
    public void unregister(RcuReader reader) {
        lock.lock();
        try {
            List<RcuReader> fewer = new ArrayList<>(List.of(readers));
            fewer.remove(reader);
            readers = fewer.toArray(new RcuReader[0]);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits for a grace period: until every reader section has ended that had begun before this call. After the return,
     * no reader uses an object that the caller unlinked before the call. An interrupt does not end the wait; the
     * interrupt flag is set on return.
     *
     * <p>The caller must be in no section, and hold no lock that a reader may wait for within a section.
     */
    public void synchronize() {
        NoWaiting.check("a wait for a grace period");
        // Orders the caller's unlinking before the scan. Pairs with the volatile store of RcuReader.enter.
        VarHandle.fullFence();
        RcuReader[] all = readers;
        long[] sections = null;
        // Reads all sections before it waits for one: this grace period need not wait for a section that begins later.
        for (int i = 0; i < all.length; i++) {
            long section = all[i].section();
            if (section != 0) {
                sections = sections == null ? new long[all.length] : sections;
                sections[i] = section;
            }
        }
        for (int i = 0; sections != null && i < all.length; i++) {
            if (sections[i] != 0) {
                awaitEnd(all[i], sections[i]);
            }
        }
    }

    private void awaitEnd(RcuReader reader, long section) {
        for (int i = 0; i < SPINS; i++) {
            Thread.onSpinWait();
            if (reader.section() != section) {
                return;
            }
        }
        long since = System.nanoTime();
        long park = SHORTEST_PARK;
        boolean reported = false;
        boolean interrupted = false;
        while (reader.section() == section && isRegistered(reader)) {
            interrupted |= Thread.interrupted();
            LockSupport.parkNanos(this, park);
            park = Math.min(2 * park, LONGEST_PARK);
            long waited = System.nanoTime() - since;
            if (!reported && waited >= settings.reportAfterNanos()) {
                reported = true;
                settings.reporter()
                        .accept("a grace period has waited " + TimeUnit.NANOSECONDS.toMillis(waited) + " ms for reader "
                                + reader.name());
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    boolean isRegistered(RcuReader reader) {
        for (RcuReader known : readers) {
            if (known == reader) {
                return true;
            }
        }
        return false;
    }

    /**
     * Runs a callback after a grace period, on a thread of the machine. Many callbacks share a grace period. If the
     * settings say to wait at the bound, the caller must be in no section, since the grace period would wait for that
     * section.
     *
     * @param callback the callback; its exceptions go to the executor
     * @return false if the callback was refused, because the backlog is at its bound and the settings say to refuse
     */
    public boolean callAfter(Runnable callback) {
        Once once = new Once(callback);
        boolean start;
        lock.lock();
        try {
            if (!hasRoom()) {
                return false;
            }
            start = add(once);
        } finally {
            lock.unlock();
        }
        if (start) {
            start();
        }
        return true;
    }

    /**
     * Runs a callback after a grace period, like {@link #callAfter}, regardless of the bound. Never waits and never
     * refuses. Callers bound the backlog themselves, with {@link #awaitRoom}.
     *
     * @param callback the callback; its exceptions go to the executor
     */
    public void callAfterAnyway(Runnable callback) {
        Once once = new Once(callback);
        boolean start;
        lock.lock();
        try {
            start = add(once);
        } finally {
            lock.unlock();
        }
        if (start) {
            start();
        }
    }

    /** Returns whether the caller has to start the thread that runs callbacks. The caller holds the lock. */
    private boolean add(Runnable callback) {
        waiting.add(callback);
        noteLoad();
        boolean start = !isWorkedOff;
        isWorkedOff = true;
        return start;
    }

    /** Waits until the backlog is below its bound, or returns false, as the settings say. The caller holds the lock. */
    private boolean hasRoom() {
        while (isFull) {
            if (settings.atBound() == AtBound.REFUSE) {
                return false;
            }
            room.awaitUninterruptibly();
        }
        return true;
    }

    /** The caller holds the lock. */
    private void noteLoad() {
        isFull = waiting.size() + underWay + reserved >= settings.mostCallbacks();
    }

    /**
     * Waits until the backlog is below its bound, before a call that may add callbacks. Reserves nothing. Costs one
     * volatile read while the backlog is below its bound. If the settings say to wait, the caller must be in no section
     * and hold no lock.
     *
     * @return false if the backlog is at its bound and the settings say to refuse
     */
    public boolean awaitRoom() {
        if (!isFull) {
            return true;
        }
        NoWaiting.check("a wait for room behind a grace period");
        lock.lock();
        try {
            return hasRoom();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Reserves a place in the backlog for a task that will wait for grace periods on a thread of the machine. The place
     * is held until {@link #leave}. If the settings say to wait at the bound, the caller must be in no section and hold
     * no lock.
     *
     * @return false if the backlog is at its bound and the settings say to refuse
     */
    public boolean enter() {
        lock.lock();
        try {
            if (!hasRoom()) {
                return false;
            }
            reserved++;
            noteLoad();
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Releases a place that {@link #enter} has reserved. */
    public void leave() {
        lock.lock();
        try {
            reserved--;
            noteLoad();
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }

    int pending() {
        lock.lock();
        try {
            return waiting.size() + underWay;
        } finally {
            lock.unlock();
        }
    }

    private void start() {
        boolean started = false;
        try {
            settings.background().execute(this::workOff);
            started = true;
        } finally {
            if (!started) {
                stop();
            }
        }
    }

    /** Leaves the waiting callbacks to the next thread that adds a callback. */
    private void stop() {
        lock.lock();
        try {
            isWorkedOff = false;
        } finally {
            lock.unlock();
        }
    }

    private void workOff() {
        boolean ended = false;
        try {
            long pause = SHORTEST_PARK;
            while (!ended) {
                try {
                    ended = !workOffBatch();
                    pause = SHORTEST_PARK;
                } catch (Throwable thrown) {
                    // The rest of the batch waits for another grace period. At the bound, every caller waits for this
                    // loop.
                    settings.reporter()
                            .accept("callbacks that wait for a grace period are tried again after " + thrown);
                    LockSupport.parkNanos(this, pause);
                    pause = Math.min(2 * pause, LONGEST_PAUSE);
                }
            }
        } finally {
            if (!ended) {
                stop();
            }
        }
    }

    /** Returns false if no callback was waiting. */
    private boolean workOffBatch() {
        if (!next()) {
            return false;
        }
        synchronize();
        for (Runnable callback = batch.peek(); callback != null; callback = batch.peek()) {
            // Each callback is a task of its own: one that throws or hangs does not stop the others. It is removed
            // after the call: it runs once even if the executor accepted it and threw nevertheless.
            settings.background().execute(callback);
            batch.remove();
        }
        return true;
    }

    private boolean next() {
        lock.lock();
        try {
            if (batch.isEmpty()) {
                Deque<Runnable> worked = batch;
                batch = waiting;
                waiting = worked;
            }
            underWay = batch.size();
            noteLoad();
            isWorkedOff = underWay != 0;
            room.signalAll();
            return isWorkedOff;
        } finally {
            lock.unlock();
        }
    }

    /** A callback that runs once, however often the executor receives it. */
    private static final class Once implements Runnable {
        private final AtomicReference<@Nullable Runnable> callback;

        Once(Runnable callback) {
            this.callback = new AtomicReference<>(callback);
        }

        @Override
        public void run() {
            Runnable first = callback.getAndSet(null);
            if (first != null) {
                first.run();
            }
        }
    }
}
