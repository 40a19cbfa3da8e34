// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.debug;

import dev.samara.emulator.cpu.BlockCache.Breakpoints;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxCall;

/** A thread of a debugged process, as the debugger sees it. There is one object for each thread. */
public interface DebuggedThread {
    /**
     * Returns the ID of the thread.
     *
     * @return its ID, which an execve may change
     */
    int tid();

    /**
     * Returns the registers. They belong to the thread: another thread may use them only while this thread waits in
     * {@link Debugger}, and both threads must synchronise on a lock before and after the wait.
     *
     * @return the hart
     */
    Hart hart();

    /**
     * Returns the name of the system call that the registers describe.
     *
     * @param number the content of register a7
     * @return the name, as in Linux
     */
    static String callName(long number) {
        return LinuxCall.nameOf((int) number);
    }

    /**
     * Returns whether the thread must end, and so must not wait in {@link Debugger}.
     *
     * @return whether it or its process ends
     */
    boolean mustEnd();

    /** Waits for a {@link #wake}, which may have another reason. Called by the thread itself. */
    void park();

    /** Ends a {@link #park}. May be called by any thread. */
    void wake();

    /** Makes the thread leave guest code soon, and call {@link Debugger#pause}. May be called by any thread. */
    void ask();

    /** Makes the thread drop its decoded code before it runs any more code. May be called by any thread. */
    void changedCode();

    /**
     * Sets the breakpoints at which guest code stops. Called before the thread runs.
     *
     * @param breakpoints the breakpoints
     */
    void stopAt(Breakpoints breakpoints);

    /** Forgets an interrupted system call, so that it is not restarted. Called by the thread itself. */
    void forgetCall();

    /**
     * Sends a signal to the thread, as {@code tgkill} does. May be called by any thread.
     *
     * @param signal the number of the signal
     */
    void send(int signal);
}
