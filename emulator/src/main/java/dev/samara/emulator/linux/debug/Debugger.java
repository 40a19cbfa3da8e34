// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.debug;

/**
 * A debugger of the first process. The threads of that process call it outside GUEST, and may wait in {@link #pause}
 * and {@link #signal}. A thread that waits there must check {@link DebuggedThread#mustEnd} each time it is woken, so
 * that no wait outlasts the process. Child processes are not debugged.
 */
public interface Debugger {
    /**
     * Called before the first thread of the process runs.
     *
     * @param process the process
     */
    void begins(DebuggedProcess process);

    /**
     * Called for a new thread before it runs, when its registers are complete. Must not wait.
     *
     * @param thread the new thread, which is not the calling thread
     */
    void starts(DebuggedThread thread);

    /**
     * Called each time before a thread may run guest code, and after each system call. Waits while the thread must be
     * stopped.
     *
     * @param thread the calling thread
     */
    void pause(DebuggedThread thread);

    /**
     * Returns whether the thread must execute only one instruction. Called immediately before it enters GUEST.
     *
     * @param thread the calling thread
     * @return whether to execute a single instruction, for which breakpoints and requests to stop are ignored
     */
    boolean steps(DebuggedThread thread);

    /**
     * Called when a thread has left guest code. Must not wait.
     *
     * @param thread the calling thread
     * @param stop the reason, a constant of {@link dev.samara.emulator.cpu.RiscvInterpreter.LeaveReason}
     * @return whether the thread must handle the reason; if not, it continues at its pc
     */
    boolean left(DebuggedThread thread, int stop);

    /**
     * Called when a thread has taken a signal, before the signal has any effect. May wait.
     *
     * @param thread the calling thread
     * @param signal the number of the signal
     * @param info the bytes of its {@code siginfo_t}
     * @return the number of the signal to deliver; 0 for none
     */
    int signal(DebuggedThread thread, int signal, byte[] info);

    /**
     * Called when a thread has ended.
     *
     * @param thread the calling thread
     */
    void ends(DebuggedThread thread);

    /**
     * Called when the process has ended, while it still has its memory. Waits for a concurrent access of the debugger
     * to that memory. The debugger must not access the memory afterwards.
     *
     * @param status the status in the format of {@code wait4}
     */
    void exits(int status);
}
