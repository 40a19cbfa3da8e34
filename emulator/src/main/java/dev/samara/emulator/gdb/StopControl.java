// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.AddressSpace;
import dev.samara.emulator.cpu.Breakpoints;
import dev.samara.emulator.cpu.LeaveReason;
import dev.samara.emulator.linux.debug.DebuggedProcess;
import dev.samara.emulator.linux.debug.DebuggedThread;
import dev.samara.emulator.linux.debug.Debugger;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Stops and resumes all threads of the guest together, and determines why a thread stops. The first event that stops a
 * thread stops all threads, and is reported. Events of other threads at the same time occur again later, or are kept.
 */
final class StopControl implements Debugger {
    private static final int ECALL_BYTES = 4;

    /** Its monitor also guards the fields of this class that change. */
    private final AllStop all;

    private final Breakpoints breakpoints = new Breakpoints();
    private @Nullable DebuggedProcess process;
    private @Nullable AddressSpace space;

    /**
     * Held during an access to the memory of the process. Acquired before the monitor of {@link #all}, never while that
     * is held.
     */
    private final Object memory = new Object();

    /** Whether the process has ended. */
    @GuardedBy("memory")
    private boolean isGone;

    /** The ranges whose loads are watched. If there are any, all threads execute single instructions. */
    private List<WatchedLoads> loads = List.of();

    StopControl(AllStop all) {
        this.all = all;
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
    public void begins(DebuggedProcess debugged) {
        synchronized (all) {
            process = debugged;
            space = debugged.space();
        }
    }

    @Override
    public void starts(DebuggedThread thread) {
        TracedThread traced = new TracedThread(thread);
        traced.saveRegisters();
        thread.stopAt(breakpoints);
        all.add(traced);
    }

    @Override
    public void pause(DebuggedThread thread) {
        TracedThread traced;
        StopEvent found;
        synchronized (all) {
            traced = all.traced(thread);
            if (traced.runner != null) {
                traced.state = TracedThread.StopState.RUNNING;
            }
            traced.runner = Thread.currentThread();
            found = found(traced);
        }
        halt(traced, found);
        int signal;
        synchronized (all) {
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
        synchronized (all) {
            // A new thread already counts as stopped.
            isParked = traced.state == TracedThread.StopState.PARKED;
        }
        for (; ; ) {
            synchronized (all) {
                boolean isFree = !all.isAttached() || traced.thread.mustEnd();
                boolean isHeld = all.isStopped() || traced.action == ResumeAction.Kind.STAY;
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
                        all.begin(traced, found);
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
                    all.noticeStop();
                }
            }
            traced.thread.park();
        }
    }

    @Override
    public boolean steps(DebuggedThread thread) {
        synchronized (all) {
            TracedThread traced = all.traced(thread);
            if (!all.isAttached()) {
                return false;
            }
            return traced.stepsOver
                    || traced.action == ResumeAction.Kind.STEP
                    || (!loads.isEmpty() && !breakpoints.contains(thread.hart().pc));
        }
    }

    @Override
    public boolean left(DebuggedThread thread, int stop) {
        synchronized (all) {
            TracedThread traced = all.traced(thread);
            if (stop == LeaveReason.SYSTEM_CALL && all.isStopped()) {
                // The call is executed when the guest resumes.
                thread.hart().pc -= ECALL_BYTES;
                return false;
            }
            if (stop == LeaveReason.SYSTEM_CALL) {
                traced.saveRegisters();
                traced.state = TracedThread.StopState.IN_CALL;
            }
            if (all.isAttached()) {
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
    void written(long start, String kind) {
        synchronized (all) {
            for (TracedThread each : all.threads()) {
                if (each.runner == Thread.currentThread()) {
                    each.watched = new StopEvent(StopEvent.Cause.WATCHED, StopEvent.TRAP, start, kind);
                    each.thread.ask();
                }
            }
        }
    }

    @Override
    public int signal(DebuggedThread thread, int signal, byte[] info) {
        TracedThread traced;
        synchronized (all) {
            traced = all.traced(thread);
            if (all.passes(signal)) {
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
        synchronized (all) {
            traced.shown = 0;
            traced.shownInfo = null;
            int taken = traced.takeSignal();
            return all.isAttached() && isDecided ? taken : signal;
        }
    }

    @Override
    public void ends(DebuggedThread thread) {
        all.remove(thread);
    }

    @Override
    public void exits(int status) {
        all.exits(status);
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

    DebuggedProcess process() {
        synchronized (all) {
            DebuggedProcess known = process;
            if (known == null) {
                throw new IllegalStateException("there is no process");
            }
            return known;
        }
    }

    Breakpoints breakpoints() {
        return breakpoints;
    }

    /** Makes all threads drop their decoded code. Called after a change of memory or breakpoints. */
    void changedCode() {
        synchronized (all) {
            all.threads().forEach(each -> each.thread.changedCode());
        }
    }

    void watchLoads(List<WatchedLoads> watched) {
        synchronized (all) {
            loads = List.copyOf(watched);
        }
    }
}
