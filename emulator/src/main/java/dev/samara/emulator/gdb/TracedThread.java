// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.debug.DebuggedThread;
import org.jspecify.annotations.Nullable;

/** What the debugger knows of a thread of the guest. Guarded by the monitor of {@link AllStop}. */
final class TracedThread {
    /** Whether a thread may run guest code. */
    enum StopState {
        /** It runs guest code, or may do so soon. */
        RUNNING,
        /** It makes a system call, and cannot run guest code before it asks. Its registers were copied before. */
        IN_CALL,
        /** It waits until the guest goes on. Its registers were copied. */
        PARKED
    }

    final DebuggedThread thread;
    final RegisterSet registers = new RegisterSet();

    /** The thread of the JVM; null before it runs. */
    @Nullable
    Thread runner;

    /** A new thread has its first registers, and waits until the guest goes on. */
    StopState state = StopState.PARKED;

    /** What it does until the next stop. */
    ResumeAction.Kind action = ResumeAction.Kind.CONTINUE;

    /** A signal that the client sends it when it goes on; 0 for none. */
    int signal;

    /** A signal about which the client decides; 0 for none. */
    int shown;

    /** A signal that was sent by the client, and so is not reported; 0 for none. */
    int sent;

    /** Whether it makes one instruction, whose breakpoint the client knows, before it continues. */
    boolean stepsOver;

    /** Whether it has stopped at pc for a breakpoint. */
    boolean isAtBreakpoint;

    /** Whether it has made the instruction of {@link ResumeAction.Kind#STEP}. */
    boolean hasStepped;

    /** The access to watched bytes that is to be reported. */
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

    /** Copies the registers for the client. For the thread itself, or before it runs. */
    void saveRegisters() {
        registers.copyFrom(thread.hart());
    }

    /** Forgets what an earlier client wanted, and what was found for it. */
    void forget() {
        action = ResumeAction.Kind.CONTINUE;
        watched = null;
        hasStepped = false;
        isAtBreakpoint = false;
        isReported = false;
        stepsOver = false;
        sent = 0;
    }

    /** Stops being stopped: the thread itself takes the registers that the client has changed. */
    void takeRegisters() {
        if (registers.copyTo(thread.hart())) {
            thread.forgetCall();
            thread.hart().clearReservation();
        }
    }

    /** Returns the signal of the client, once. */
    int takeSignal() {
        int taken = signal;
        signal = 0;
        return taken;
    }

    /** Says for a person what the thread does. */
    String description() {
        return state == StopState.IN_CALL ? "in " + DebuggedThread.callName(registers.get(Hart.A7)) : "stopped";
    }
}
