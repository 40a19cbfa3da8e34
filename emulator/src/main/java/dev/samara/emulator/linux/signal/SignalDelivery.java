// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions.SignalMask;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** Sends signals to threads and processes, and delivers them to threads. */
public final class SignalDelivery {
    private SignalDelivery() {}

    /**
     * Sends a signal to a process. A thread of the process that does not block the signal takes it. Returns 0, or
     * EAGAIN if too many signals are queued.
     */
    public static long send(SignalProcess process, SignalInfo info) {
        long result = post(process, null, info);
        process.wakeAll();
        return result;
    }

    /** Sends a signal to a thread. Returns 0, or EAGAIN if too many signals are queued. */
    public static long send(SignalThread thread, SignalInfo info) {
        long result = post(thread.process(), thread, info);
        thread.wake();
        return result;
    }

    /**
     * Sends a signal.
     *
     * @param thread the thread that must take it; null for any thread of the process
     */
    private static long post(SignalProcess process, @Nullable SignalThread thread, SignalInfo info) {
        if (info.signal() == SignalInfo.KILL) {
            process.kill(SignalInfo.KILL);
            return 0;
        }
        // A blocked signal is kept even if it is ignored at present (sig_ignored).
        SignalMask mask = thread == null ? process.leaderMask() : thread.mask();
        PendingSignals pending = thread == null ? process.pending() : thread.pending();
        boolean ends;
        long result;
        synchronized (process.signals()) {
            boolean isBlocked = (mask.get() & SignalInfo.bit(info.signal())) != 0;
            boolean isWanted = isBlocked || !process.actions().isIgnored(info.signal());
            result = !isWanted || pending.add(info) ? 0 : LinuxErrno.EAGAIN;
            ends = isWanted && endsAtOnce(process, thread, info.signal());
        }
        if (ends) {
            process.kill(info.signal());
        }
        return result;
    }

    /**
     * Whether a signal ends the process without waiting until a thread takes it ({@code complete_signal}). So a sender
     * that is one of the threads executes nothing more. The caller holds the signals' lock.
     */
    private static boolean endsAtOnce(SignalProcess process, @Nullable SignalThread thread, int signal) {
        long bit = SignalInfo.bit(signal);
        if (!process.actions().endsAtOnce(signal)) {
            return false;
        }
        SignalThread taker = thread == null ? process.taker(bit) : thread;
        // A debugger must decide about the signal first.
        return taker != null && (taker.mask().get() & bit) == 0 && !taker.isDebugged();
    }

    /** Sends a signal that the thread itself caused. If the thread blocks or ignores the signal, its process ends. */
    public static void force(SignalThread thread, SignalInfo info) {
        SignalProcess process = thread.process();
        long bit = SignalInfo.bit(info.signal());
        synchronized (process.signals()) {
            SignalActions actions = process.actions();
            if ((thread.mask().get() & bit) != 0 || actions.isIgnored(info.signal())) {
                actions.reset(info.signal());
                thread.mask().set(thread.mask().get() & ~bit);
            }
            thread.pending().discard(bit);
            thread.pending().add(info);
        }
    }

    /** Delivers the pending signals of a thread: handlers start, or the process stops or ends. Called outside GUEST. */
    public static void deliver(SignalThread thread) {
        while (thread.isInterrupted() && !thread.mustEnd()) {
            SignalInfo info = askDebugger(thread, take(thread));
            if (info != null) {
                act(thread, info);
            }
        }
        thread.interruptedCall().end(false, false);
        thread.mask().restore();
    }

    /** Lets the debugger decide about a signal, even if the process ignores it, as {@code ptrace_signal} does. */
    private static @Nullable SignalInfo askDebugger(SignalThread thread, @Nullable SignalInfo info) {
        if (info == null) {
            return null;
        }
        int passed = thread.askDebugger(info);
        if (passed == info.signal()) {
            return info;
        }
        return passed == 0 ? null : SignalInfo.sent(passed, SignalInfo.SI_USER, 0, 0);
    }

    private static @Nullable SignalInfo take(SignalThread thread) {
        SignalProcess process = thread.process();
        synchronized (process.signals()) {
            SignalInfo own = thread.pending().take(~thread.mask().get());
            SignalInfo taken =
                    own != null ? own : process.pending().take(~thread.mask().get());
            return taken;
        }
    }

    private static void act(SignalThread thread, SignalInfo info) {
        SignalProcess process = thread.process();
        int signal = info.signal();
        long handler;
        long flags;
        long blocked;
        synchronized (process.signals()) {
            SignalActions actions = process.actions();
            if (actions.isIgnored(signal)) {
                return;
            }
            handler = actions.isHandled(signal) ? actions.handler(signal) : SignalActions.DEFAULT;
            flags = actions.flags(signal);
            blocked = actions.mask(signal) | ((flags & SignalActions.NO_DEFER) != 0 ? 0 : SignalInfo.bit(signal));
            if (handler != SignalActions.DEFAULT && (flags & SignalActions.RESET_HAND) != 0) {
                actions.reset(signal);
            }
        }
        if (handler == SignalActions.DEFAULT) {
            thread.reportEnd(info);
            process.kill(signal);
            return;
        }
        thread.interruptedCall().end(true, (flags & SignalActions.RESTARTS) != 0);
        long restored = thread.mask().toRestore();
        thread.countHandler();
        try {
            SignalFrame.enter(thread, info, handler, (flags & SignalActions.ON_STACK) != 0, restored);
            thread.mask().entered(blocked);
        } catch (BadAddress noStack) {
            // A temporary mask stays until a handler starts (signal_setup_done).
            noStack(thread, info);
        }
    }

    /**
     * Called if a frame cannot be stored on the stack. The thread takes SIGSEGV, whose handler may use another stack
     * ({@code force_sigsegv}).
     */
    private static void noStack(SignalThread thread, SignalInfo info) {
        if (info.signal() == SignalInfo.SEGV) {
            thread.reportEnd(info);
            thread.process().kill(SignalInfo.SEGV);
        } else {
            force(thread, SignalInfo.ofKernel(SignalInfo.SEGV));
        }
    }

    /**
     * The frame of a handler on its stack ({@code rt_sigframe} of {@code arch/riscv/kernel/signal.c}): the siginfo, and
     * the ucontext with the registers to restore.
     */
    public static final class SignalFrame {
        private static final int CONTEXT = SignalInfo.BYTES;
        private static final int STACK = CONTEXT + 16;
        private static final int MASK = CONTEXT + 40;

        /** The offset of pc, which is followed by the registers from x1 on. */
        private static final int REGISTERS = CONTEXT + 176;

        private static final int FLOATS = REGISTERS + 256;
        private static final int CONTROL = FLOATS + 256;

        /** A reserved word, and the header of the first extension, which is the end of the list if it is 0. */
        private static final int RESERVED = FLOATS + 516;

        private static final int EXTENSION = RESERVED + 4;

        /** The size of the frame, which has room for floating-point registers of 128 bits. */
        private static final int BYTES = FLOATS + 528;

        private static final int ALIGNMENT = 16;

        private SignalFrame() {}

        /**
         * Makes the thread continue in a handler.
         *
         * @param mask the signals that are blocked again after the handler
         */
        static void enter(SignalThread thread, SignalInfo info, long handler, boolean onStack, long mask) {
            Hart hart = thread.hart();
            AlternateStack other = thread.alternateStack();
            long sp = hart.x[Hart.SP];
            long top = onStack && other.isUsable(sp) ? other.top() : sp;
            long frame = top - BYTES & -ALIGNMENT;
            if (other.isTooSmall(sp, sp - BYTES)) {
                throw thread.memory().bad;
            }
            ByteBuffer bytes = CallMemory.structure(BYTES);
            info.putTo(bytes);
            other.saveTo(bytes, STACK);
            bytes.putLong(MASK, mask);
            bytes.putLong(REGISTERS, hart.pc);
            for (int i = 1; i < 32; i++) {
                bytes.putLong(REGISTERS + Long.BYTES * i, hart.x[i]);
            }
            for (int i = 0; i < 32; i++) {
                bytes.putLong(FLOATS + Long.BYTES * i, hart.f[i]);
            }
            bytes.putInt(CONTROL, hart.fcsr);
            thread.memory().put(frame, bytes);
            other.entered();
            hart.x[Hart.RA] = thread.process().memory().trampoline;
            hart.x[Hart.SP] = frame;
            hart.x[Hart.A0] = info.signal();
            hart.x[Hart.A0 + 1] = frame;
            hart.x[Hart.A0 + 2] = frame + CONTEXT;
            hart.continueAt(handler);
            hart.clearReservation();
        }

        /**
         * Restores the registers of the thread from the frame at its stack pointer ({@code rt_sigreturn}). The program
         * may have changed the frame. Signals that cannot be blocked stay unblocked, and an alternate stack that {@code
         * sigaltstack} would refuse is ignored.
         *
         * @return false if the frame contains an extension that this hart does not have, so that the thread takes
         *     SIGSEGV
         */
        public static boolean leave(SignalThread thread) {
            Hart hart = thread.hart();
            ByteBuffer bytes =
                    ByteBuffer.wrap(thread.memory().get(hart.x[Hart.SP], BYTES)).order(ByteOrder.LITTLE_ENDIAN);
            thread.mask().set(bytes.getLong(MASK));
            hart.continueAt(bytes.getLong(REGISTERS));
            for (int i = 1; i < 32; i++) {
                hart.x[i] = bytes.getLong(REGISTERS + Long.BYTES * i);
            }
            for (int i = 0; i < 32; i++) {
                hart.f[i] = bytes.getLong(FLOATS + Long.BYTES * i);
            }
            hart.fcsr = bytes.getInt(CONTROL) & 0xff;
            hart.clearReservation();
            if (bytes.getInt(RESERVED) != 0 || bytes.getLong(EXTENSION) != 0) {
                return false;
            }
            ByteBuffer stack = bytes.slice(STACK, AlternateStack.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            thread.alternateStack().change(stack, hart.x[Hart.SP]);
            return true;
        }
    }

    /** The alternate stack of a thread for signal handlers ({@code sigaltstack}). Used only by its thread. */
    public static final class AlternateStack {
        private static final int ON_STACK = 1;
        private static final int DISABLED = 2;
        private static final int AUTO_DISARM = 1 << 31;

        /** The size of {@code stack_t}. */
        public static final int BYTES = 24;

        private static final long LEAST = 2048;

        private long start;
        private long length;

        /** The flags of the last change ({@code sas_ss_flags}). */
        private int flags = DISABLED;

        public AlternateStack() {}

        /** A stack of length 0 is not set. */
        private boolean isSet() {
            return length != 0;
        }

        /**
         * Whether a stack pointer is on this stack. The length may be greater than any address ({@code
         * __on_sig_stack}).
         */
        private boolean contains(long sp) {
            return Long.compareUnsigned(sp, start) > 0 && Long.compareUnsigned(sp - start, length) <= 0;
        }

        /** Whether a handler can start on this stack, because it is set and not in use. */
        boolean isUsable(long sp) {
            return isSet() && !isInUse(sp);
        }

        /**
         * Whether a handler runs on this stack ({@code on_sig_stack}). A stack that disarms itself is not used again.
         */
        private boolean isInUse(long sp) {
            return (flags & AUTO_DISARM) == 0 && contains(sp);
        }

        /** Whether a frame that starts on this stack would end beyond it. */
        boolean isTooSmall(long sp, long frame) {
            return isInUse(sp) && !contains(frame);
        }

        /**
         * Called when a handler starts, on any stack. Disables a stack that disarms itself ({@code signal_delivered}).
         */
        void entered() {
            if ((flags & AUTO_DISARM) != 0) {
                disable();
            }
        }

        long top() {
            return start + length;
        }

        public void disable() {
            set(0, DISABLED, 0);
        }

        public void copyFrom(AlternateStack other) {
            start = other.start;
            length = other.length;
            flags = other.flags;
        }

        /** Stores the stack as {@code sigaltstack} returns it: whether it is disabled or in use. */
        public void putTo(ByteBuffer to, long sp) {
            int state = !isSet() ? DISABLED : isInUse(sp) ? ON_STACK : 0;
            put(to, 0, state | (flags & AUTO_DISARM));
        }

        /** Stores the stack as a frame contains it: with the flags of the last change ({@code __save_altstack}). */
        void saveTo(ByteBuffer to, int at) {
            put(to, at, flags);
        }

        private void put(ByteBuffer to, int at, int stored) {
            to.putLong(at, start).putInt(at + 8, stored).putLong(at + 16, length);
        }

        private void set(long newStart, int newFlags, long newLength) {
            boolean isNone = (newFlags & DISABLED) != 0;
            start = isNone ? 0 : newStart;
            length = isNone ? 0 : newLength;
            flags = newFlags;
        }

        /** Changes the stack as {@code sigaltstack} does, or returns an error ({@code do_sigaltstack}). */
        public long change(ByteBuffer from, long sp) {
            int newFlags = from.getInt(8);
            if (isInUse(sp)) {
                return LinuxErrno.EPERM;
            }
            int mode = newFlags & ~AUTO_DISARM;
            if (mode != 0 && mode != ON_STACK && mode != DISABLED) {
                return LinuxErrno.EINVAL;
            }
            if (mode != DISABLED && Long.compareUnsigned(from.getLong(16), LEAST) < 0) {
                return LinuxErrno.ENOMEM;
            }
            set(from.getLong(0), newFlags, from.getLong(16));
            return 0;
        }
    }

    /** The system call of a thread that a signal interrupted, and that may be restarted. Used only by its thread. */
    public static final class InterruptedCall {
        private final Hart hart;

        /** One of the results for which {@link LinuxErrno#mayRestart} is true; 0 if there is no such call. */
        private long kind;

        private long firstArgument;

        /** The deadline of a restarted call's wait; NEVER if there is none. */
        private long keptDeadline = WaitingThread.NEVER;

        public InterruptedCall(Hart hart) {
            this.hart = hart;
        }

        /** Records that the last call may be restarted. */
        public void mayRestart(long result, long argument) {
            kind = result;
            firstArgument = argument;
        }

        /** Prevents a restart of the call. */
        public void forget() {
            kind = 0;
            forgetDeadline();
        }

        /** Records the deadline of the call's wait. */
        public void keepDeadline(long deadline) {
            keptDeadline = deadline;
        }

        /**
         * Returns the deadline of a wait of some nanoseconds. A restarted call keeps the deadline of its first wait.
         */
        public long deadlineIn(long nanos) {
            long deadline = keptDeadline == WaitingThread.NEVER ? WaitingThread.after(nanos) : keptDeadline;
            forgetDeadline();
            return deadline;
        }

        public void forgetDeadline() {
            keptDeadline = WaitingThread.NEVER;
        }

        /** Ends the call, either with EINTR or so that it is restarted. */
        public void end(boolean hasHandler, boolean restarts) {
            if (hasHandler) {
                forgetDeadline();
            }
            if (kind == 0) {
                return;
            }
            boolean isAgain = !hasHandler || (kind == LinuxErrno.RESTART && restarts);
            if (isAgain) {
                hart.pc -= Integer.BYTES;
                hart.x[Hart.A0] = firstArgument;
            } else {
                hart.x[Hart.A0] = LinuxErrno.EINTR;
            }
            kind = 0;
        }
    }

    /** The part of a guest thread that signals use. */
    public interface SignalThread extends WaitingThread {
        SignalProcess process();

        Hart hart();

        /** The memory that contains the stacks of handlers. */
        CallMemory memory();

        /** The pending signals that were sent to this thread alone. */
        PendingSignals pending();

        SignalMask mask();

        AlternateStack alternateStack();

        InterruptedCall interruptedCall();

        /** Whether this thread must end, either alone or because its process ends. */
        boolean mustEnd();

        /** Waits while a debugger has stopped this thread. Called by this thread, outside GUEST. */
        void pauseForDebugger();

        /** Whether a debugger decides about the signals that this thread takes. */
        boolean isDebugged();

        /** Lets a debugger decide about a signal. Returns the number of the signal to deliver instead; 0 for none. */
        int askDebugger(SignalInfo info);

        /** Counts the start of a handler. */
        void countHandler();

        /** Reports that a signal is about to end the process. */
        void reportEnd(SignalInfo info);
    }

    /** The part of a guest process that signals use. */
    public interface SignalProcess {
        ProcessMemory memory();

        /** The lock of the actions and of the pending signals, including those of its threads. */
        Object signals();

        SignalActions actions();

        /** The pending signals that any of its threads may take. */
        PendingSignals pending();

        /**
         * Discards the pending signals of a set, both of this process and of its threads. The caller holds the signals'
         * lock.
         */
        void discard(long set);

        /** Returns the mask of the first thread, even after its end. */
        SignalMask leaderMask();

        /** Returns the first thread that does not block the signal with this bit; null if there is none. */
        @Nullable
        SignalThread taker(long bit);

        /** Wakes all threads, which then check for signals. May be called by any thread. */
        void wakeAll();

        /** Ends this process by a signal, unless it is already ending. May be called by any thread. */
        void kill(int signal);
    }
}
