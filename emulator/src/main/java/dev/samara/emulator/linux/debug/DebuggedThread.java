// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.debug;

import dev.samara.emulator.cpu.Breakpoints;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxCall;

/** A thread of a process with a debugger, as that sees it. There is one object for each thread. */
public interface DebuggedThread {
    /**
     * Returns the number of the thread.
     *
     * @return its number, which an execve may change
     */
    int tid();

    /**
     * Returns the registers. They are the thread's own: another thread may use them only while this one waits in {@link
     * Debugger}, and both take a lock before and after.
     *
     * @return the hart
     */
    Hart hart();

    /**
     * Returns the name of the system call that the registers describe.
     *
     * @param number what the register a7 has
     * @return the name, as in Linux
     */
    static String callName(long number) {
        return LinuxCall.nameOf((int) number);
    }

    /**
     * Returns whether the thread has to end, and so must not wait in {@link Debugger}.
     *
     * @return whether it or its process ends
     */
    boolean mustEnd();

    /** Waits for a {@link #wake}, which may also be for something else. For the thread itself. */
    void park();

    /** Ends a {@link #park}. For any thread. */
    void wake();

    /** Has the thread leave guest code soon, and call {@link Debugger#pause}. For any thread. */
    void ask();

    /** Has the thread drop its decoded code before it runs more. For any thread. */
    void changedCode();

    /**
     * Has guest code stop at addresses. Called before the thread runs.
     *
     * @param breakpoints the addresses
     */
    void stopAt(Breakpoints breakpoints);

    /** Ends the memory of an interrupted system call: it is not made again. For the thread itself. */
    void forgetCall();

    /**
     * Sends a signal to the thread, as {@code tgkill} does. For any thread.
     *
     * @param signal its number
     */
    void send(int signal);
}
