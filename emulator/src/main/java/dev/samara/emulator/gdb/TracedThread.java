// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.debug.DebuggedThread;
import org.jspecify.annotations.Nullable;

/** The debugger's state of a guest thread. Guarded by the monitor of {@link AllStop}. */
final class TracedThread {
    /** Whether a thread may run guest code. */
    enum StopState {
        /** The thread runs guest code, or may do so soon. */
        RUNNING,
        /**
         * The thread executes a system call. It cannot run guest code before it calls {@link StopControl#pause}. Its
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

    /** Whether the thread first executes one instruction whose breakpoint was already reported, before it continues. */
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
