// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.examples.riscv.cpu.Breakpoints;
import dev.samara.examples.riscv.cpu.Hart;

/** A thread of a process with a debugger, as that sees it. There is one object for each thread. */
public final class DebuggedThread {
    private final GuestThread thread;
    private final Debugging debugger;

    DebuggedThread(GuestThread thread, Debugging debugger) {
        this.thread = thread;
        this.debugger = debugger;
    }

    /**
     * Returns the number of the thread.
     *
     * @return its number, which an execve may change
     */
    public int tid() {
        return thread.tid();
    }

    /**
     * Returns the registers. They are the thread's own: another thread may use them only while this one waits in {@link
     * Debugging}, and both take a lock before and after.
     *
     * @return the hart
     */
    public Hart hart() {
        return thread.hart();
    }

    /**
     * Returns the name of the system call that the registers describe.
     *
     * @param number what the register a7 has
     * @return the name, as in Linux
     */
    public static String callName(long number) {
        return CallNames.of((int) number);
    }

    /**
     * Returns whether the thread has to end, and so must not wait in {@link Debugging}.
     *
     * @return whether it or its process ends
     */
    public boolean mustEnd() {
        return thread.mustEnd();
    }

    /** Waits for a {@link #wake}, which may also be for something else. For the thread itself. */
    public void park() {
        thread.park(GuestThread.NEVER);
    }

    /** Ends a {@link #park}. For any thread. */
    public void wake() {
        thread.wake();
    }

    /** Has the thread leave guest code soon, and call {@link Debugging#pause}. For any thread. */
    public void ask() {
        thread.hart().ask();
    }

    /** Has the thread drop its decoded code before it runs more. For any thread. */
    public void changedCode() {
        thread.changedCode();
    }

    /**
     * Has guest code stop at addresses. Called before the thread runs.
     *
     * @param breakpoints the addresses
     */
    public void stopAt(Breakpoints breakpoints) {
        thread.blocks().stopAt(breakpoints);
    }

    /** Ends the memory of an interrupted system call: it is not made again. For the thread itself. */
    public void forgetCall() {
        thread.forgetCall();
    }

    /**
     * Sends a signal to the thread, as {@code tgkill} does. For any thread.
     *
     * @param signal its number
     */
    public void send(int signal) {
        SignalDelivery.send(thread, SignalInfo.sent(signal, SignalInfo.SI_USER, 0));
    }

    void starts() {
        debugger.starts(this);
    }

    void pause() {
        debugger.pause(this);
    }

    boolean steps() {
        return debugger.steps(this);
    }

    boolean left(int stop) {
        return debugger.left(this, stop);
    }

    /** Returns the number of the signal to act on instead; 0 for none. */
    int signal(int signal) {
        return debugger.signal(this, signal);
    }

    void ends() {
        debugger.ends(this);
    }
}
