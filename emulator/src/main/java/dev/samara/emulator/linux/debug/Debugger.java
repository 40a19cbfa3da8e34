// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.debug;

/**
 * A debugger of the first process, as the threads of that process call it. They are outside GUEST then, and may wait in
 * {@link #pause} and {@link #signal}. A thread that waits there has to look at {@link DebuggedThread#mustEnd} each time
 * that it is woken, so nothing outlasts the process. A child of the process is free of the debugger.
 */
public interface Debugger {
    /**
     * Is called before the first thread of the process runs.
     *
     * @param process the process
     */
    void begins(DebuggedProcess process);

    /**
     * Is called for a new thread whose registers are complete, before it runs. Does not wait.
     *
     * @param thread the thread, which is not the calling one
     */
    void starts(DebuggedThread thread);

    /**
     * Is called each time before a thread may run guest code, and after each system call. Waits while the thread is to
     * be stopped.
     *
     * @param thread the calling thread
     */
    void pause(DebuggedThread thread);

    /**
     * Returns whether the thread is to make one instruction only. Is called just before it enters GUEST.
     *
     * @param thread the calling thread
     * @return whether breakpoints and requests to stop are to be ignored for one instruction
     */
    boolean steps(DebuggedThread thread);

    /**
     * Is called when a thread has left guest code. Does not wait.
     *
     * @param thread the calling thread
     * @param stop why, a constant of {@link dev.samara.emulator.cpu.LeaveReason}
     * @return whether the thread is to do what it was stopped for; if not, it runs on at its pc
     */
    boolean left(DebuggedThread thread, int stop);

    /**
     * Is called when a thread has taken a signal, before anything comes of it. May wait.
     *
     * @param thread the calling thread
     * @param signal its number
     * @return the number of the signal to act on; 0 for none
     */
    int signal(DebuggedThread thread, int signal);

    /**
     * Is called when a thread has ended.
     *
     * @param thread the calling thread
     */
    void ends(DebuggedThread thread);

    /**
     * Is called when the process has ended, while its memory is still there. Waits for an access of the debugger to
     * that memory, and there is none afterwards.
     *
     * @param status as {@code wait4} has it
     */
    void exits(int status);
}
