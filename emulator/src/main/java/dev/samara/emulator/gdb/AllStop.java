// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.linux.debug.DebuggedThread;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The stop of all threads of the process: whether a stop is requested, why, and whether all threads have stopped.
 *
 * <p>Its monitor guards all state of threads in this package. A thread of the guest holds the monitor only briefly, and
 * parks without it. The server's thread waits on it until all threads have stopped.
 */
final class AllStop {
    private final Map<DebuggedThread, TracedThread> threads = new LinkedHashMap<>();
    private final Runnable notice;

    /** The signals that do not stop the guest, by their numbers in Linux. */
    private Set<Integer> passed = Set.of();

    private boolean isAttached = true;
    private boolean isStopped = true;
    private boolean isReported;
    private @Nullable StopEvent event = StopEvent.of(StopEvent.Cause.ATTACHED, StopEvent.TRAP);
    private @Nullable TracedThread stopper;
    private boolean hasExited;
    private int exitStatus;

    /**
     * Creates the initial stop.
     *
     * @param notice called, with the monitor held, when there may be something to report
     */
    AllStop(Runnable notice) {
        this.notice = notice;
    }

    synchronized void add(TracedThread traced) {
        threads.put(traced.thread, traced);
        noticeStop();
    }

    synchronized void remove(DebuggedThread thread) {
        threads.remove(thread);
        noticeStop();
    }

    synchronized TracedThread traced(DebuggedThread thread) {
        TracedThread known = threads.get(thread);
        if (known == null) {
            throw new IllegalStateException("thread " + thread.tid() + " has not been started");
        }
        return known;
    }

    /** Returns the threads in the order in which they started. The caller must hold the monitor while it uses them. */
    synchronized Collection<TracedThread> threads() {
        return threads.values();
    }

    synchronized boolean isAttached() {
        return isAttached;
    }

    /** Whether all threads must be stopped. */
    synchronized boolean isStopped() {
        return isStopped;
    }

    synchronized void pass(Set<Integer> signals) {
        passed = Set.copyOf(signals);
    }

    /** Whether a signal does not stop the guest. */
    synchronized boolean passes(int signal) {
        return !isAttached || passed.contains(signal);
    }

    /** Starts a stop of all threads. */
    synchronized void begin(@Nullable TracedThread by, @Nullable StopEvent why) {
        isStopped = true;
        isReported = false;
        event = why;
        stopper = by;
        for (TracedThread each : threads.values()) {
            if (each.state == TracedThread.StopState.RUNNING) {
                // Also woken, because a signal may have stopped it.
                each.thread.wake();
            }
        }
        noticeStop();
    }

    /** Notifies the server if all threads have stopped. Called when another thread has stopped or ended. */
    synchronized void noticeStop() {
        if (isComplete()) {
            notifyAll();
            notice.run();
        }
    }

    private boolean isComplete() {
        if (!isStopped || threads.isEmpty()) {
            return false;
        }
        for (TracedThread each : threads.values()) {
            if (each.state == TracedThread.StopState.RUNNING) {
                return false;
            }
        }
        return true;
    }

    /** Lets the threads continue. */
    synchronized void end() {
        isStopped = false;
        event = null;
        threads.values().forEach(each -> each.thread.wake());
    }

    /** Called when the process has ended. */
    synchronized void exits(int status) {
        hasExited = true;
        exitStatus = status;
        notifyAll();
        notice.run();
    }

    synchronized boolean hasExited() {
        return hasExited;
    }

    synchronized int exitStatus() {
        return exitStatus;
    }

    /** Stops the guest for a client, and waits until it has stopped or ended. */
    synchronized void attach() throws InterruptedException {
        if (!isAttached) {
            isAttached = true;
            passed = Set.of();
            threads.values().forEach(TracedThread::forget);
            begin(null, StopEvent.of(StopEvent.Cause.ATTACHED, StopEvent.TRAP));
        }
        while (!isComplete() && !hasExited) {
            wait();
        }
    }

    /** Lets the guest continue without a debugger. The debugger's breakpoints and watchpoints are already cleared. */
    synchronized void detach() {
        isAttached = false;
        isStopped = false;
        for (TracedThread each : threads.values()) {
            // The thread receives the signal that was shown to the client, even if another client attaches before the
            // thread continues.
            each.signal = each.shown != 0 ? each.shown : each.signal;
            each.thread.wake();
        }
    }

    /** Stops the guest if it runs. The stop is reported like any other stop. */
    synchronized void interrupt() {
        if (!isStopped) {
            begin(null, StopEvent.of(StopEvent.Cause.INTERRUPTED, StopEvent.INT));
        }
    }

    /**
     * Returns why all threads stopped, but only once; null if they have not stopped, or if the reason was already
     * returned.
     */
    synchronized @Nullable StopEvent takeEvent() {
        if (isReported || !isComplete()) {
            return null;
        }
        isReported = true;
        return event;
    }

    /** Returns why the guest stopped. */
    synchronized StopEvent event() {
        StopEvent known = event;
        return known == null ? StopEvent.of(StopEvent.Cause.ATTACHED, StopEvent.TRAP) : known;
    }

    /** Returns the ID of the thread that caused the stop; 0 if there is no thread. */
    synchronized int stopper() {
        TracedThread known = stopper;
        if (known != null && threads.containsValue(known)) {
            return known.tid();
        }
        for (TracedThread each : threads.values()) {
            return each.tid();
        }
        return 0;
    }
}
