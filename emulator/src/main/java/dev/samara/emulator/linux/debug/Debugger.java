// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.debug;

import dev.samara.core.AddressSpace;
import dev.samara.emulator.cpu.BlockCache.Breakpoints;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxCall;
import java.io.IOException;
import java.nio.channels.FileChannel;
import org.jspecify.annotations.Nullable;

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

    /** A debugged process, as its debugger sees it. All methods may be called by any thread. */
    public interface DebuggedProcess {
        /**
         * Returns the PID of the process.
         *
         * @return its PID
         */
        int pid();

        /**
         * Returns the memory of the process.
         *
         * @return its space, which an execve replaces; closed when the process has ended
         */
        AddressSpace space();

        /**
         * Returns the auxiliary vector.
         *
         * @return a copy of its bytes
         */
        byte[] auxiliary();

        /**
         * Returns the program that the process executes.
         *
         * @return its path in the guest's file system
         */
        String program();

        /**
         * Returns the bytes of a file in the directory of the process in {@code /proc}.
         *
         * @param path the path, with {@code self} or the PID of the process
         * @return the bytes; null if there is no such file
         */
        byte @Nullable [] procFile(String path);

        /**
         * Opens a host file that the guest may read.
         *
         * @param path the absolute path in the guest's file system
         * @return a regular host file, open for reading; null if there is none
         * @throws IOException if the host cannot open it
         */
        @Nullable
        FileChannel openHostFile(String path) throws IOException;

        /** Ends the process by SIGKILL. */
        void kill();

        /**
         * Sends a signal to the process, as {@code kill} does.
         *
         * @param signal the number of the signal
         */
        void send(int signal);
    }

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
}
