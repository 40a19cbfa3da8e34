// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.gdb;

import dev.samara.core.AddressSpace;
import dev.samara.examples.riscv.cpu.Breakpoints;
import dev.samara.examples.riscv.cpu.Stop;
import dev.samara.examples.riscv.linux.debug.DebuggedProcess;
import dev.samara.examples.riscv.linux.debug.DebuggedThread;
import dev.samara.examples.riscv.linux.debug.Debugging;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Stops all threads of the process, and lets them go on. The first thing that stops one of them stops all, and is
 * reported; what others find meanwhile is found again later, or kept.
 *
 * <p>One lock guards everything. A thread of the guest holds it for a moment only, and parks without it. The server's
 * thread waits with it until all threads have stopped.
 */
final class StopControl implements Debugging {
    private static final int ECALL_BYTES = 4;

    private final Map<DebuggedThread, TracedThread> threads = new LinkedHashMap<>();
    private final Breakpoints breakpoints = new Breakpoints();
    private final Runnable notice;
    private @Nullable DebuggedProcess process;
    private @Nullable AddressSpace space;

    /** Ranges whose loads are watched. If there are some, all threads make one instruction after the other. */
    private List<WatchedLoads> loads = List.of();

    /** Signals that are not reported, by their numbers in Linux. */
    private Set<Integer> passed = Set.of();

    private boolean isAttached = true;
    private boolean isStopped = true;
    private boolean isReported;
    private @Nullable StopEvent event = StopEvent.of(StopEvent.Cause.ATTACHED, StopEvent.TRAP);
    private @Nullable TracedThread stopper;
    private boolean hasExited;
    private int exitStatus;

    /** Is given what is called, with the lock held, when there may be something to report. */
    StopControl(Runnable notice) {
        this.notice = notice;
    }

    /**
     * A range whose loads are watched.
     *
     * @param start its first address
     * @param length in bytes
     * @param kind the name that gdb has for it
     */
    record WatchedLoads(long start, long length, String kind) {
        boolean touches(long address, int bytes) {
            return Long.compareUnsigned(address - start, length) < 0
                    || Long.compareUnsigned(start - address, bytes) < 0;
        }
    }

    /* The threads of the guest. */

    @Override
    public synchronized void begins(DebuggedProcess debugged) {
        process = debugged;
        space = debugged.space();
    }

    @Override
    public synchronized void starts(DebuggedThread thread) {
        TracedThread traced = new TracedThread(thread);
        traced.registers.copyFrom(thread.hart());
        thread.stopAt(breakpoints);
        threads.put(thread, traced);
        noticeStop();
    }

    @Override
    public void pause(DebuggedThread thread) {
        TracedThread traced;
        StopEvent found;
        synchronized (this) {
            traced = traced(thread);
            if (traced.runner != null) {
                traced.state = TracedThread.StopState.RUNNING;
            }
            traced.runner = Thread.currentThread();
            found = found(traced);
        }
        halt(traced, found);
        int signal;
        synchronized (this) {
            signal = traced.takeSignal();
            traced.sent = signal != 0 ? signal : traced.sent;
        }
        if (signal != 0) {
            thread.send(signal);
        }
    }

    private TracedThread traced(DebuggedThread thread) {
        TracedThread known = threads.get(thread);
        if (known == null) {
            throw new IllegalStateException("thread " + thread.tid() + " has not been started");
        }
        return known;
    }

    /** Returns what a thread has come to since it last went on; null for nothing. */
    private @Nullable StopEvent found(TracedThread traced) {
        StopEvent watched = traced.watched;
        boolean hasStepped = traced.hasStepped;
        boolean isAtBreakpoint = traced.isAtBreakpoint;
        traced.watched = null;
        traced.hasStepped = false;
        traced.isAtBreakpoint = false;
        AddressSpace now = process == null ? space : process.space();
        if (now != space) {
            space = now;
            return new StopEvent(StopEvent.Cause.EXECUTED, StopEvent.TRAP, 0, process == null ? "" : process.program());
        }
        if (watched != null) {
            return watched;
        }
        if (hasStepped) {
            return StopEvent.of(StopEvent.Cause.STEPPED, StopEvent.TRAP);
        }
        return isAtBreakpoint && breakpoints.contains(traced.thread.hart().pc)
                ? StopEvent.of(StopEvent.Cause.BREAKPOINT, StopEvent.TRAP)
                : null;
    }

    /** Waits while the thread is to be stopped, and reports what it has found. Returns whether that was reported. */
    private boolean halt(TracedThread traced, @Nullable StopEvent found) {
        StopEvent own = found;
        boolean isOwnReported = false;
        boolean isParked;
        synchronized (this) {
            // A thread that begins was counted as stopped before.
            isParked = traced.state == TracedThread.StopState.PARKED;
        }
        for (; ; ) {
            synchronized (this) {
                boolean isFree = !isAttached || traced.thread.mustEnd();
                boolean isHeld = isStopped || traced.action == ResumeAction.Kind.STAY;
                if (own != null && !isFree) {
                    if (!isHeld) {
                        if (!isParked) {
                            save(traced);
                        }
                        traced.isReported = !own.isKept();
                        traced.reportedPc = traced.registers.pc();
                        traced.state = TracedThread.StopState.PARKED;
                        isParked = true;
                        isOwnReported = true;
                        own = null;
                        beginStop(traced, found);
                        isHeld = true;
                    } else if (!own.isKept()) {
                        own = null;
                    }
                }
                if (isFree || !isHeld) {
                    if (isParked) {
                        traced.takeRegisters();
                    }
                    traced.state = TracedThread.StopState.RUNNING;
                    return isOwnReported;
                }
                if (!isParked) {
                    save(traced);
                    isParked = true;
                    traced.state = TracedThread.StopState.PARKED;
                    noticeStop();
                }
            }
            traced.thread.park();
        }
    }

    private static void save(TracedThread traced) {
        traced.registers.copyFrom(traced.thread.hart());
    }

    private void beginStop(@Nullable TracedThread by, @Nullable StopEvent why) {
        isStopped = true;
        isReported = false;
        event = why;
        stopper = by;
        for (TracedThread each : threads.values()) {
            if (each.state == TracedThread.StopState.RUNNING) {
                each.thread.ask();
            }
        }
        noticeStop();
    }

    private void noticeStop() {
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

    @Override
    public synchronized boolean steps(DebuggedThread thread) {
        TracedThread traced = traced(thread);
        if (!isAttached) {
            return false;
        }
        return traced.stepsOver
                || traced.action == ResumeAction.Kind.STEP
                || (!loads.isEmpty() && !breakpoints.contains(thread.hart().pc));
    }

    @Override
    public synchronized boolean left(DebuggedThread thread, int stop) {
        TracedThread traced = traced(thread);
        if (stop == Stop.SYSTEM_CALL && isStopped) {
            // The call is made when the guest goes on.
            thread.hart().pc -= ECALL_BYTES;
            return false;
        }
        if (stop == Stop.SYSTEM_CALL) {
            save(traced);
            traced.state = TracedThread.StopState.IN_CALL;
        }
        if (isAttached) {
            traced.isReported = false;
            traced.stepsOver = false;
            traced.isAtBreakpoint = stop == Stop.DEBUGGER;
            if (stop == Stop.SYSTEM_CALL || stop == Stop.ATTENTION) {
                traced.hasStepped = traced.action == ResumeAction.Kind.STEP;
                noteLoad(traced);
            }
        }
        return true;
    }

    private void noteLoad(TracedThread traced) {
        if (loads.isEmpty() || traced.watched != null) {
            return;
        }
        long address = traced.thread.hart().steppedLoad();
        int bytes = traced.thread.hart().steppedLoadBytes();
        for (WatchedLoads each : loads) {
            if (bytes != 0 && each.touches(address, bytes)) {
                traced.watched = new StopEvent(StopEvent.Cause.WATCHED, StopEvent.TRAP, each.start(), each.kind());
                return;
            }
        }
    }

    /** A thread has written watched bytes. Does nothing if it is none of this process. */
    synchronized void written(long start, String kind) {
        for (TracedThread each : threads.values()) {
            if (each.runner == Thread.currentThread()) {
                each.watched = new StopEvent(StopEvent.Cause.WATCHED, StopEvent.TRAP, start, kind);
                each.thread.ask();
            }
        }
    }

    @Override
    public int signal(DebuggedThread thread, int signal) {
        TracedThread traced;
        synchronized (this) {
            traced = traced(thread);
            if (!isAttached || passed.contains(signal)) {
                return signal;
            }
            if (traced.sent == signal) {
                traced.sent = 0;
                return signal;
            }
            traced.shown = signal;
        }
        boolean isDecided = halt(traced, StopEvent.of(StopEvent.Cause.SIGNALLED, signal));
        synchronized (this) {
            traced.shown = 0;
            int taken = traced.takeSignal();
            return isAttached && isDecided ? taken : signal;
        }
    }

    @Override
    public synchronized void ends(DebuggedThread thread) {
        threads.remove(thread);
        noticeStop();
    }

    @Override
    public synchronized void exits(int status) {
        hasExited = true;
        exitStatus = status;
        notifyAll();
        notice.run();
    }

    /* The server's thread. */

    synchronized DebuggedProcess process() {
        DebuggedProcess known = process;
        if (known == null) {
            throw new IllegalStateException("there is no process");
        }
        return known;
    }

    Breakpoints breakpoints() {
        return breakpoints;
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
            threads.values().forEach(StopControl::forget);
            beginStop(null, StopEvent.of(StopEvent.Cause.ATTACHED, StopEvent.TRAP));
        }
        while (!isComplete() && !hasExited) {
            wait();
        }
    }

    private static void forget(TracedThread traced) {
        traced.action = ResumeAction.Kind.CONTINUE;
        traced.watched = null;
        traced.hasStepped = false;
        traced.isAtBreakpoint = false;
        traced.isReported = false;
        traced.stepsOver = false;
        traced.sent = 0;
    }

    /** Lets the guest go on without a debugger, whose points are cleared already. */
    synchronized void detach() {
        isAttached = false;
        isStopped = false;
        for (TracedThread each : threads.values()) {
            // The guest gets what was shown, also if another client comes before the thread goes on.
            each.signal = each.shown != 0 ? each.shown : each.signal;
            each.thread.wake();
        }
    }

    /** Stops the guest, if it runs; the stop is reported as any other one. */
    synchronized void interrupt() {
        if (!isStopped) {
            beginStop(null, StopEvent.of(StopEvent.Cause.INTERRUPTED, StopEvent.INT));
        }
    }

    /** Returns why all threads have stopped, once; null if they have not, or that was reported. */
    synchronized @Nullable StopEvent takeEvent() {
        if (isReported || !isComplete()) {
            return null;
        }
        isReported = true;
        return event;
    }

    /** Returns why the guest has stopped. */
    synchronized StopEvent event() {
        StopEvent known = event;
        return known == null ? StopEvent.of(StopEvent.Cause.ATTACHED, StopEvent.TRAP) : known;
    }

    /** Returns the number of the thread that has stopped the others; 0 if there is no thread. */
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

    /** Has all threads drop the code that they have decoded. Called after memory or breakpoints have changed. */
    synchronized void changedCode() {
        threads.values().forEach(each -> each.thread.changedCode());
    }

    synchronized void watchLoads(List<WatchedLoads> watched) {
        loads = List.copyOf(watched);
    }

    synchronized void pass(Set<Integer> signals) {
        passed = Set.copyOf(signals);
    }

    synchronized List<Integer> tids() {
        List<Integer> tids = new ArrayList<>();
        threads.values().forEach(each -> tids.add(each.tid()));
        return tids;
    }

    private @Nullable TracedThread find(int tid) {
        for (TracedThread each : threads.values()) {
            if (each.tid() == tid) {
                return each;
            }
        }
        return null;
    }

    synchronized boolean has(int tid) {
        return find(tid) != null;
    }

    synchronized String description(int tid) {
        TracedThread found = find(tid);
        return found == null ? "" : found.description();
    }

    /** Returns a copy of a thread's registers; null if it has none that are known. */
    synchronized long @Nullable [] registers(int tid) {
        TracedThread found = find(tid);
        if (found == null || found.state == TracedThread.StopState.RUNNING) {
            return null;
        }
        long[] copy = new long[RegisterSet.count()];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = found.registers.get(i);
        }
        return copy;
    }

    /** Sets a register. Returns false for a thread that is not there, or makes a call: its registers are in use. */
    synchronized boolean setRegister(int tid, int number, long value) {
        TracedThread found = find(tid);
        if (found == null || found.state != TracedThread.StopState.PARKED || !isStopped) {
            return false;
        }
        found.registers.set(number, value);
        return true;
    }

    /** Lets threads go on, each as the client wants it. */
    void resume(Map<Integer, ResumeAction> byTid, ResumeAction others) {
        Map<DebuggedThread, Integer> signalled = new LinkedHashMap<>();
        synchronized (this) {
            if (!isStopped || hasExited) {
                return;
            }
            for (TracedThread each : threads.values()) {
                ResumeAction action = byTid.getOrDefault(each.tid(), others);
                each.action = action.kind();
                each.stepsOver = each.state == TracedThread.StopState.PARKED
                        && each.isReported
                        && each.registers.pc() == each.reportedPc
                        && breakpoints.contains(each.reportedPc);
                if (action.signal() != 0 && each.state == TracedThread.StopState.IN_CALL) {
                    each.sent = action.signal();
                    signalled.put(each.thread, action.signal());
                } else if (action.signal() != 0) {
                    each.signal = action.signal();
                }
            }
            isStopped = false;
            event = null;
            threads.values().forEach(each -> each.thread.wake());
        }
        signalled.forEach(DebuggedThread::send);
    }
}
