// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.AddressSpace;
import dev.samara.emulator.cpu.BlockCache.Breakpoints;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.RiscvInterpreter.LeaveReason;
import dev.samara.emulator.gdb.GdbPacket.BadPacketException;
import dev.samara.emulator.linux.debug.Debugger;
import dev.samara.emulator.linux.debug.Debugger.DebuggedProcess;
import dev.samara.emulator.linux.debug.Debugger.DebuggedThread;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The stop of all threads of the guest: why and when the threads stop, what a client sees of a stopped thread, and how
 * the threads resume.
 *
 * <ol>
 *   <li>A thread of the guest calls {@link #pause} before it runs guest code. It first determines whether it has an
 *       event to report: a breakpoint, a step, a watched access, another program, or ({@link #signal}) a signal.
 *   <li>The first event of a thread begins a stop ({@link #begin}): all other threads are woken, and park as soon as
 *       they leave guest code. Events of other threads at the same time occur again later, or are kept.
 *   <li>A thread in a system call counts as stopped, because it calls {@code pause} before it runs guest code again.
 *   <li>When all threads have stopped, the server is notified, and takes the event ({@link #takeEvent}). The client
 *       reads and changes copies of registers.
 *   <li>{@link #resume} gives each thread an action, and wakes all. A thread takes over changed registers.
 * </ol>
 *
 * <p>The monitor of this object guards all of its state but {@code isGone}, and that of {@link TracedThread}. A thread
 * of the guest holds it only briefly, and parks without it. The server's thread waits on it until all have stopped.
 */
final class StopControl implements Debugger {
    private static final int ECALL_BYTES = 4;

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

    final Breakpoints breakpoints = new Breakpoints();
    private @Nullable DebuggedProcess process;
    private @Nullable AddressSpace space;

    /**
     * Held during an access to the memory of the process. Acquired before the monitor of this object, never while that
     * is held.
     */
    private final Object memory = new Object();

    /** Whether the process has ended. */
    @GuardedBy("memory")
    private boolean isGone;

    /** The ranges whose loads are watched. If there are any, all threads execute single instructions. */
    private List<WatchedLoads> loads = List.of();

    /**
     * Creates the initial stop.
     *
     * @param notice called, with the monitor held, when there may be something to report
     */
    StopControl(Runnable notice) {
        this.notice = notice;
    }

    private TracedThread traced(DebuggedThread thread) {
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

    /**
     * A range whose loads are watched.
     *
     * @param start its first address
     * @param length the length in bytes
     * @param kind gdb's name for this kind of watchpoint
     */
    record WatchedLoads(long start, long length, String kind) {
        boolean touches(long address, int bytes) {
            return Long.compareUnsigned(address - start, length) < 0
                    || Long.compareUnsigned(start - address, bytes) < 0;
        }
    }

    @Override
    public synchronized void begins(DebuggedProcess debugged) {
        process = debugged;
        space = debugged.space();
    }

    @Override
    public void starts(DebuggedThread thread) {
        TracedThread traced = new TracedThread(thread);
        traced.saveRegisters();
        thread.stopAt(breakpoints);
        synchronized (this) {
            threads.put(thread, traced);
            noticeStop();
        }
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

    /** Returns the event of a thread since it last resumed; null if there is none. */
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

    /** Waits while the thread must be stopped, and reports its event. Returns whether the event was reported. */
    private boolean halt(TracedThread traced, @Nullable StopEvent found) {
        StopEvent own = found;
        boolean isOwnReported = false;
        boolean isParked;
        synchronized (this) {
            // A new thread already counts as stopped.
            isParked = traced.state == TracedThread.StopState.PARKED;
        }
        for (; ; ) {
            synchronized (this) {
                boolean isFree = !isAttached || traced.thread.mustEnd();
                boolean isHeld = isStopped || traced.action == ResumeAction.Kind.STAY;
                if (own != null && !isFree) {
                    if (!isHeld) {
                        if (!isParked) {
                            traced.saveRegisters();
                        }
                        traced.isReported = !own.isKept();
                        traced.reportedPc = traced.registers.pc();
                        traced.state = TracedThread.StopState.PARKED;
                        isParked = true;
                        isOwnReported = true;
                        own = null;
                        begin(traced, found);
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
                    traced.saveRegisters();
                    isParked = true;
                    traced.state = TracedThread.StopState.PARKED;
                    noticeStop();
                }
            }
            traced.thread.park();
        }
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
        if (stop == LeaveReason.SYSTEM_CALL && isStopped) {
            // The call is executed when the guest resumes.
            thread.hart().pc -= ECALL_BYTES;
            return false;
        }
        if (stop == LeaveReason.SYSTEM_CALL) {
            traced.saveRegisters();
            traced.state = TracedThread.StopState.IN_CALL;
        }
        if (isAttached) {
            traced.isReported = false;
            traced.stepsOver = false;
            traced.isAtBreakpoint = stop == LeaveReason.DEBUGGER;
            if (stop == LeaveReason.SYSTEM_CALL || stop == LeaveReason.ATTENTION) {
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

    /** Called by a thread that wrote watched bytes. Does nothing if it is not a thread of this process. */
    synchronized void written(long start, String kind) {
        for (TracedThread each : threads.values()) {
            if (each.runner == Thread.currentThread()) {
                each.watched = new StopEvent(StopEvent.Cause.WATCHED, StopEvent.TRAP, start, kind);
                each.thread.ask();
            }
        }
    }

    @Override
    public int signal(DebuggedThread thread, int signal, byte[] info) {
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
            traced.shownInfo = info;
        }
        boolean isDecided = halt(traced, StopEvent.of(StopEvent.Cause.SIGNALLED, signal));
        synchronized (this) {
            traced.shown = 0;
            traced.shownInfo = null;
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
    public void exits(int status) {
        synchronized (this) {
            hasExited = true;
            exitStatus = status;
            notifyAll();
            notice.run();
        }
        synchronized (memory) {
            isGone = true;
        }
    }

    /**
     * Accesses the memory of the process. The exit of the process waits for the access, because the access uses a CPU
     * of the machine, and a machine cannot be closed while one of its CPUs is in use.
     *
     * @throws BadPacketException if the process has ended
     */
    long access(ToLongFunction<AddressSpace> access) throws BadPacketException {
        synchronized (memory) {
            if (isGone) {
                throw new BadPacketException();
            }
            return access.applyAsLong(process().space());
        }
    }

    synchronized DebuggedProcess process() {
        DebuggedProcess known = process;
        if (known == null) {
            throw new IllegalStateException("there is no process");
        }
        return known;
    }

    /** Makes all threads drop their decoded code. Called after a change of memory or breakpoints. */
    synchronized void changedCode() {
        threads.values().forEach(each -> each.thread.changedCode());
    }

    synchronized void watchLoads(List<WatchedLoads> watched) {
        loads = List.copyOf(watched);
    }

    synchronized List<Integer> tids() {
        List<Integer> tids = new ArrayList<>();
        threads.values().forEach(each -> tids.add(each.tid()));
        return tids;
    }

    /** Returns the thread with an ID; null if there is none. The caller holds the monitor. */
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

    /** Returns the {@code siginfo_t} of the signal for which a thread stopped; null if it did not stop for a signal. */
    synchronized byte @Nullable [] signalInfo(int tid) {
        TracedThread found = find(tid);
        return found == null ? null : found.shownInfo;
    }

    /** Returns a copy of a thread's registers; null if there is no such thread, or if it runs. */
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

    /**
     * Sets a register. Returns false if there is no such thread, or if its registers are in use, e.g. by a system call.
     */
    synchronized boolean setRegister(int tid, int number, long value) {
        TracedThread found = find(tid);
        if (found == null || found.state != TracedThread.StopState.PARKED || !isStopped) {
            return false;
        }
        found.registers.set(number, value);
        return true;
    }

    /** Resumes the threads, each with the action that the client requested. */
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

    /** The debugger's state of a guest thread. Guarded by the monitor of {@link StopControl}. */
    static final class TracedThread {
        /** Whether a thread may run guest code. */
        enum StopState {
            /** The thread runs guest code, or may do so soon. */
            RUNNING,
            /**
             * The thread executes a system call. It cannot run guest code before it calls {@link #pause}. Its
             * registers were copied before the call.
             */
            IN_CALL,
            /** The thread waits until the guest resumes. Its registers were copied. */
            PARKED
        }

        final DebuggedThread thread;
        final RegisterSet registers = new RegisterSet();

        /** The thread of the JVM; null before it runs. */
        @Nullable
        Thread runner;

        /** The state of the thread. A new thread counts as parked, because its initial registers were copied. */
        StopState state = StopState.PARKED;

        /** The action until the next stop. */
        ResumeAction.Kind action = ResumeAction.Kind.CONTINUE;

        /** A signal that the client sends to the thread when the thread resumes; 0 for none. */
        int signal;

        /** A signal that was shown to the client, which decides about it; 0 for none. */
        int shown;

        /** The {@code siginfo_t} of {@link #shown}; null if no signal is shown. */
        byte @Nullable [] shownInfo;

        /** A signal that the client sent, and that therefore is not reported; 0 for none. */
        int sent;

        /**
         * Whether the thread first executes one instruction whose breakpoint was already reported, before it continues.
         */
        boolean stepsOver;

        /** Whether the thread stopped at pc because of a breakpoint. */
        boolean isAtBreakpoint;

        /** Whether the thread executed the instruction of {@link ResumeAction.Kind#STEP}. */
        boolean hasStepped;

        /** The access to watched bytes that must be reported; null if there is none. */
        @Nullable
        StopEvent watched;

        /** The pc of the last reported breakpoint or step. */
        long reportedPc;

        boolean isReported;

        TracedThread(DebuggedThread thread) {
            this.thread = thread;
        }

        int tid() {
            return thread.tid();
        }

        /** Copies the registers for the client. Called by the thread itself, or before it runs. */
        void saveRegisters() {
            registers.copyFrom(thread.hart());
        }

        /** Resets the actions of an earlier client, and the events that were found for it. */
        void forget() {
            action = ResumeAction.Kind.CONTINUE;
            watched = null;
            hasStepped = false;
            isAtBreakpoint = false;
            isReported = false;
            stepsOver = false;
            sent = 0;
        }

        /** Takes the registers that the client changed, when the thread resumes. Called by the thread itself. */
        void takeRegisters() {
            if (registers.copyTo(thread.hart())) {
                thread.forgetCall();
                thread.hart().clearReservation();
            }
        }

        /** Returns the signal of the client, and clears it. */
        int takeSignal() {
            int taken = signal;
            signal = 0;
            return taken;
        }

        /** Returns a description of the thread's activity for display. */
        String description() {
            return state == StopState.IN_CALL ? "in " + DebuggedThread.callName(registers.get(Hart.A7)) : "stopped";
        }
    }

    /**
     * The reason for which the guest stopped.
     *
     * @param cause the kind of reason
     * @param signal the number of the signal in Linux
     * @param address the written or read address of a watchpoint; 0 for other reasons
     * @param detail the name of the kind of watchpoint, or the path of the executed program; empty for other reasons
     */
    record StopEvent(Cause cause, int signal, long address, String detail) {
        static final int INT = 2;
        static final int TRAP = 5;

        /** The kinds of reasons. */
        enum Cause {
            /** A client connected. */
            ATTACHED(false),
            /** The client requested a stop. */
            INTERRUPTED(false),
            /**
             * A thread reached a breakpoint. If another stop is reported first, the thread reaches the breakpoint
             * again.
             */
            BREAKPOINT(false),
            /** A thread executed its single instruction. */
            STEPPED(false),
            /** A thread accessed watched bytes. */
            WATCHED(true),
            /** A thread has taken a signal. */
            SIGNALLED(true),
            /** The process executes another program. */
            EXECUTED(true);

            private final boolean isKept;

            Cause(boolean isKept) {
                this.isKept = isKept;
            }
        }

        static StopEvent of(Cause cause, int signal) {
            return new StopEvent(cause, signal, 0, "");
        }

        /** Whether the event must still be reported if a stop of another thread was reported first. */
        boolean isKept() {
            return cause.isKept;
        }
    }

    /**
     * The action of a thread when the guest resumes.
     *
     * @param kind how far it runs
     * @param signal the number, in Linux, of the signal that it receives; 0 for none
     */
    record ResumeAction(Kind kind, int signal) {
        static final ResumeAction CONTINUE = new ResumeAction(Kind.CONTINUE, 0);
        static final ResumeAction STAY = new ResumeAction(Kind.STAY, 0);

        /** How far a thread runs. */
        enum Kind {
            CONTINUE,
            STEP,
            STAY
        }
    }
}
