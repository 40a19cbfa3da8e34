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
 * <p>What waits for a grace period in the background is bounded: at the bound {@link #callAfter} waits, or refuses, as
 * configured. A reader that keeps a grace period waiting is named, once per grace period, to whom the settings say.
 */
public final class Rcu {
    private static final int SPINS = 200;
    private static final long SHORTEST_PARK = 1_000;
    private static final long LONGEST_PARK = 1_000_000;

    /** Between two attempts to work callbacks off. */
    private static final long LONGEST_PAUSE = 1_000_000_000;

    /** What becomes of a callback when as many wait as may. */
    public enum AtBound {
        /** The caller waits until there is room. */
        WAIT,
        /** The callback is not taken. */
        REFUSE
    }

    /**
     * How it behaves.
     *
     * @param background runs the callbacks; its tasks may wait
     * @param mostCallbacks how many callbacks may wait for a grace period, positive
     * @param atBound what becomes of one more
     * @param reportAfterNanos after what time a reader that is waited for is reported
     * @param reporter who is told; must not throw
     */
    public record Settings(
            Executor background,
            int mostCallbacks,
            AtBound atBound,
            long reportAfterNanos,
            Consumer<String> reporter) {}

    private final Settings settings;
    private final PolledGrace polled;

    /** Replaced whole, under the lock; scanned without it. */
    private volatile RcuReader[] readers = {};

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition room = lock.newCondition();

    /** As many wait as may. Written under the lock, read without it. */
    private volatile boolean isFull;

    /* Guarded by the lock. */
    private int reserved;
    private Deque<Runnable> waiting = new ArrayDeque<>();
    private boolean isWorkedOff;
    private int underWay;

    /** What is handed to the executor behind the next grace period. For the thread that works callbacks off. */
    private Deque<Runnable> batch = new ArrayDeque<>();

    /**
     * Makes the grace periods of a machine without readers.
     *
     * @param settings how it behaves
     */
    public Rcu(Settings settings) {
        this.settings = settings;
        polled = new PolledGrace(this, settings);
    }

    /**
     * Begins to wait for a grace period without waiting here. Caller has unhooked what nobody must use after it.
     *
     * @return what {@link #isOver} is asked with
     */
    public long ticket() {
        return polled.ticket();
    }

    /**
     * Whether every reader section has ended that had begun before a ticket was taken. Never waits; grace periods that
     * are looked for so go on only while somebody looks.
     *
     * @param ticket what {@link #ticket} has returned
     * @return true for ever once it is true
     */
    public boolean isOver(long ticket) {
        return polled.isOver(ticket);
    }

    /** Every reader that may be in a section. */
    RcuReader[] readers() {
        return readers;
    }

    /**
     * Has grace periods wait for some readers no longer; see {@link #unregister(RcuReader)}.
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
     * Makes a reader that grace periods wait for from now on.
     *
     * @param name whom reports name
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
     * Has grace periods wait for a reader no longer, whatever section it is in. Its owner must have ended, or never use
     * it again.
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
     * Waits for a grace period: every reader section that had begun before this call has ended. What the caller
     * unhooked before the call, nobody uses after it. An interrupt does not end the wait; the flag is set on return.
     *
     * <p>Caller must be in no section, and hold no lock that a reader may wait for within one.
     */
    public void synchronize() {
        NoWaiting.check("a wait for a grace period");
        // Between the caller's unhooking and the scan. Pairs with the volatile store of RcuReader.enter.
        VarHandle.fullFence();
        RcuReader[] all = readers;
        long[] sections = null;
        // All are read before any is waited for: a section that begins meanwhile is none of this grace period's.
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
     * Has a callback run after a grace period, by a thread of the machine. Many callbacks share one. Where it may wait,
     * the caller must be in no section, which the grace period would wait for.
     *
     * @param callback what to run; what it throws goes to the executor
     * @return false if it was not taken, because as many wait as may and the settings say to refuse
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
     * Like {@link #callAfter}, but neither waits nor refuses: for what is over and done with already, whose number is
     * bounded by those who let it come to that, with {@link #awaitRoom}.
     *
     * @param callback what is run
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

    /** Caller holds the lock; true if he has to see to it that callbacks are worked off. */
    private boolean add(Runnable callback) {
        waiting.add(callback);
        noteLoad();
        boolean start = !isWorkedOff;
        isWorkedOff = true;
        return start;
    }

    /** Waits for room, as configured. Caller holds the lock. */
    private boolean hasRoom() {
        while (isFull) {
            if (settings.atBound() == AtBound.REFUSE) {
                return false;
            }
            room.awaitUninterruptibly();
        }
        return true;
    }

    /** Caller holds the lock. */
    private void noteLoad() {
        isFull = waiting.size() + underWay + reserved >= settings.mostCallbacks();
    }

    /**
     * Called before something is begun that may leave callbacks behind. Nothing is taken; costs one read where there is
     * room. Where it may wait, the caller must be in no section, and hold no lock.
     *
     * @return false if there is no room, and the settings say to refuse
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
     * Takes room for what will wait for grace periods on a thread of the machine, up to {@link #leave}. Where it may
     * wait, the caller must be in no section, and hold no lock.
     *
     * @return false if there is none, and the settings say to refuse
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

    /** Gives back room that {@link #enter} has taken. */
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

    /** How many callbacks wait for a grace period. */
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

    /** Leaves what waits to the next thread that adds a callback. */
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
                    // What is left of the batch waits for another grace period. At the bound everybody waits for this.
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

    /** Returns false if nothing has waited. */
    private boolean workOffBatch() {
        if (!next()) {
            return false;
        }
        synchronize();
        for (Runnable callback = batch.peek(); callback != null; callback = batch.peek()) {
            // Each on its own: one that throws or hangs does not keep the others from running. Taken out after that: it
            // runs once, also if the executor has taken it and has thrown nevertheless.
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

    /** A callback that runs once, however often it is handed to the executor. */
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
