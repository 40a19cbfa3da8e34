// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.cpu.Breakpoints;
import dev.samara.emulator.linux.debug.DebuggedThread;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The threads as a client sees them: by their IDs, with copies of their registers. Used only by the server's thread.
 */
final class ClientThreads {
    private final AllStop all;
    private final Breakpoints breakpoints;

    ClientThreads(AllStop all, Breakpoints breakpoints) {
        this.all = all;
        this.breakpoints = breakpoints;
    }

    List<Integer> tids() {
        synchronized (all) {
            List<Integer> tids = new ArrayList<>();
            all.threads().forEach(each -> tids.add(each.tid()));
            return tids;
        }
    }

    /** Returns the thread with an ID; null if there is none. The caller holds the monitor of {@link AllStop}. */
    private @Nullable TracedThread find(int tid) {
        for (TracedThread each : all.threads()) {
            if (each.tid() == tid) {
                return each;
            }
        }
        return null;
    }

    boolean has(int tid) {
        synchronized (all) {
            return find(tid) != null;
        }
    }

    /** Returns the ID of the thread that caused the stop; 0 if there is no thread. */
    int stopper() {
        return all.stopper();
    }

    String description(int tid) {
        synchronized (all) {
            TracedThread found = find(tid);
            return found == null ? "" : found.description();
        }
    }

    /** Returns the {@code siginfo_t} of the signal for which a thread stopped; null if it did not stop for a signal. */
    byte @Nullable [] signalInfo(int tid) {
        synchronized (all) {
            TracedThread found = find(tid);
            return found == null ? null : found.shownInfo;
        }
    }

    /** Returns a copy of a thread's registers; null if there is no such thread, or if it runs. */
    long @Nullable [] registers(int tid) {
        synchronized (all) {
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
    }

    /**
     * Sets a register. Returns false if there is no such thread, or if its registers are in use, e.g. by a system call.
     */
    boolean setRegister(int tid, int number, long value) {
        synchronized (all) {
            TracedThread found = find(tid);
            if (found == null || found.state != TracedThread.StopState.PARKED || !all.isStopped()) {
                return false;
            }
            found.registers.set(number, value);
            return true;
        }
    }

    /** Resumes the threads, each with the action that the client requested. */
    void resume(Map<Integer, ResumeAction> byTid, ResumeAction others) {
        Map<DebuggedThread, Integer> signalled = new LinkedHashMap<>();
        synchronized (all) {
            if (!all.isStopped() || all.hasExited()) {
                return;
            }
            for (TracedThread each : all.threads()) {
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
            all.end();
        }
        signalled.forEach(DebuggedThread::send);
    }
}
