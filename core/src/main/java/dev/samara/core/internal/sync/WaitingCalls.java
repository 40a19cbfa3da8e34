// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The calls of a machine that continue later: once a CPU has acknowledged, a copy or a grace period has ended, or a
 * pause is over. A waiting call costs only its objects. One thread polls all calls, while there are any. Thread-safe.
 */
public final class WaitingCalls implements Runnable {
    private static final long SHORTEST_PAUSE = 1_000;
    private static final long LONGEST_PAUSE = 1_000_000;

    private final Executor executor;

    /** The calls that the polling thread has not taken over, the latest first. */
    private final AtomicReference<@Nullable WaitingCall> added = new AtomicReference<>();

    private final AtomicBoolean isPolled = new AtomicBoolean();
    private volatile @Nullable Thread poller;

    /** Whether an Error has stopped a thread that was about to start the polling. */
    private volatile boolean isUnattended;

    /**
     * Creates an empty list.
     *
     * @param executor runs the polling, as one task that lasts as long as calls wait, and the calls that are ready;
     *     must run tasks in parallel
     */
    public WaitingCalls(Executor executor) {
        this.executor = executor;
    }

    /**
     * Lists a call: {@link WaitingCall#run} is called once the call is ready. Allocates nothing. Where the executor has
     * no memory for its task, the caller waits until there is some. After a {@link StackOverflowError} the call is
     * listed or was not touched, and {@link #attendAgain} starts its polling.
     *
     * @param call a call that is not listed
     */
    public void add(WaitingCall call) {
        boolean isAttended = false;
        try {
            WaitingCall seen;
            do {
                seen = added.get();
                call.next = seen;
            } while (!added.compareAndSet(seen, call));
            LockSupport.unpark(poller);
            attend();
            isAttended = true;
        } finally {
            if (!isAttended) {
                // No method call: the stack may have no space for one.
                isUnattended = true;
            }
        }
    }

    /**
     * Starts the polling of calls that an Error has left listed without a polling thread. Costs one volatile read where
     * there are none. Called before each operation, before a wait for all threads of the machine, and by a thread that
     * waits long.
     */
    public void attendAgain() {
        if (isUnattended) {
            boolean isAttended = false;
            isUnattended = false;
            try {
                attend();
                isAttended = true;
            } finally {
                if (!isAttended) {
                    isUnattended = true;
                }
            }
        }
    }

    /** Starts the polling unless a thread polls. */
    private void attend() {
        // Store-load pair with the end of run. Here: added, then isPolled. There: isPolled cleared, then added.
        long pause = SHORTEST_PAUSE;
        for (; ; ) {
            boolean isBegun = true;
            try {
                if (added.get() != null && isPolled.compareAndSet(false, true)) {
                    isBegun = false;
                    executor.execute(this);
                    isBegun = true;
                }
                return;
            } catch (OutOfMemoryError exhausted) {
                LockSupport.parkNanos(this, pause);
                pause = Math.min(2 * pause, LONGEST_PAUSE);
            } finally {
                if (!isBegun) {
                    isPolled.set(false);
                }
            }
        }
    }

    /** Polls until no call waits. */
    @Override
    public void run() {
        poller = Thread.currentThread();
        try {
            poll();
        } finally {
            poller = null;
            isPolled.set(false);
            attend();
        }
    }

    private void poll() {
        WaitingCall waiting = takeOver(null);
        long pause = SHORTEST_PAUSE;
        while (waiting != null) {
            long since = System.nanoTime();
            WaitingCall left = null;
            boolean moved = false;
            for (WaitingCall call = waiting; call != null; ) {
                WaitingCall next = call.next;
                if (isReady(call) && handOver(call)) {
                    moved = true;
                } else {
                    call.next = left;
                    left = call;
                }
                call = next;
            }
            waiting = takeOver(left);
            // Pauses for at least the time of the last round: polling many calls must not use up a processor.
            pause = moved ? SHORTEST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
            if (waiting != null && !moved) {
                LockSupport.parkNanos(this, Math.max(pause, System.nanoTime() - since));
                // An interrupt flag must not make every pause end at once.
                Thread.interrupted();
            }
        }
    }

    /** Puts the added calls in front of those that wait already. */
    private @Nullable WaitingCall takeOver(@Nullable WaitingCall waiting) {
        WaitingCall all = waiting;
        for (WaitingCall call = added.getAndSet(null); call != null; ) {
            WaitingCall next = call.next;
            call.next = all;
            all = call;
            call = next;
        }
        return all;
    }

    /** Returns true after an exception: the call throws it again when it continues, and handles it there. */
    private static boolean isReady(WaitingCall call) {
        try {
            return call.isReady();
        } catch (Throwable thrown) {
            return true;
        }
    }

    /**
     * Returns false if the call stays. The caller has taken the call off the list: it may be listed again before this
     * returns.
     */
    private boolean handOver(WaitingCall call) {
        call.next = null;
        try {
            executor.execute(call);
            return true;
        } catch (OutOfMemoryError exhausted) {
            return false;
        }
    }
}
