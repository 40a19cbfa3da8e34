// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.ProcessMemory;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A process with one thread stops and continues, step by step. */
final class GroupStopTest {
    private final StoppedProcess process = new StoppedProcess();
    private final StoppedThread thread = new StoppedThread();

    private static UnsupportedOperationException unused() {
        return new UnsupportedOperationException("a stop does not ask for this");
    }

    /** A process whose only thread does nothing but stop. */
    private final class StoppedProcess implements SignalProcess {
        private final Object lock = new Object();
        private final SignalActions actions = new SignalActions();
        private final PendingSignals pending = new PendingSignals(new Semaphore(1));
        private final GroupStop stop = new GroupStop(this);

        @Override
        public ProcessMemory memory() {
            throw unused();
        }

        @Override
        public Object signals() {
            return lock;
        }

        @Override
        public SignalActions actions() {
            return actions;
        }

        @Override
        public PendingSignals pending() {
            return pending;
        }

        @Override
        public GroupStop stop() {
            return stop;
        }

        @Override
        public int threads() {
            return 1;
        }

        @Override
        public boolean isExiting() {
            return false;
        }

        @Override
        public boolean isOrphaned() {
            return false;
        }

        @Override
        public void noticeStop() {}

        @Override
        public void noticeContinuation(int code) {}

        @Override
        public void discard(long set) {}

        @Override
        public @Nullable SignalThread taker(long bit) {
            return null;
        }

        @Override
        public SignalMask leaderMask() {
            return new SignalMask(0);
        }

        @Override
        public void wakeAll() {
            thread.wake();
        }

        @Override
        public void kill(int signal) {
            throw unused();
        }
    }

    /** A thread whose debugger parks, and consumes the wake-up of a SIGCONT that arrives in the meantime. */
    private final class StoppedThread implements SignalThread {
        private boolean isWoken;
        private boolean hasPaused;

        @Override
        public void pauseForDebugger() {
            if (!hasPaused) {
                hasPaused = true;
                SignalDelivery.send(process, SignalInfo.sent(SignalInfo.CONT, SignalInfo.SI_USER, 0, 0));
                park(NEVER);
            }
        }

        @Override
        public void wake() {
            isWoken = true;
        }

        @Override
        public boolean park(long deadline) {
            assertTrue(isWoken, "the thread waits for ever");
            isWoken = false;
            return true;
        }

        @Override
        public boolean isInterrupted() {
            return process.stop().isBegun();
        }

        @Override
        public boolean mustEnd() {
            return false;
        }

        @Override
        public SignalProcess process() {
            return process;
        }

        @Override
        public Hart hart() {
            throw unused();
        }

        @Override
        public CallMemory memory() {
            throw unused();
        }

        @Override
        public PendingSignals pending() {
            throw unused();
        }

        @Override
        public SignalMask mask() {
            throw unused();
        }

        @Override
        public AlternateStack alternateStack() {
            throw unused();
        }

        @Override
        public InterruptedCall interruptedCall() {
            throw unused();
        }

        @Override
        public boolean isDebugged() {
            return true;
        }

        @Override
        public int askDebugger(SignalInfo info) {
            throw unused();
        }

        @Override
        public void countHandler() {
            throw unused();
        }

        @Override
        public void reportEnd(SignalInfo info) {
            throw unused();
        }
    }

    @Test
    @DisplayName("a thread goes on whose debugger has taken the wake of the signal that continues its process")
    void debuggerTakesWake() {
        process.stop().taken();
        process.stop().begin(SignalInfo.STOP);
        assertTrue(process.stop().isBegun());
        assertTrue(process.stop().pause(thread));
        assertFalse(process.stop().isBegun());
    }
}
