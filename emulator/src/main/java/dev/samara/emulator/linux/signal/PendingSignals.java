// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.WaitStatus;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Signals that were sent and not yet taken. At most one signal is pending of each number below {@link
 * SignalInfo#FIRST_REAL_TIME}. Signals of a higher number are queued in the order in which they were sent ({@code
 * legacy_queue}, {@code kernel/signal.c}). Guarded by the signals' lock of the process.
 */
public final class PendingSignals {
    /** The signals that are taken before all other signals ({@code SYNCHRONOUS_MASK}). */
    private static final long FIRST = SignalInfo.bit(SignalInfo.ILL)
            | SignalInfo.bit(SignalInfo.TRAP)
            | SignalInfo.bit(SignalInfo.BUS)
            | SignalInfo.bit(SignalInfo.FPE)
            | SignalInfo.bit(SignalInfo.SEGV)
            | SignalInfo.bit(SignalInfo.SYS);

    private final @Nullable SignalInfo[] infos = new SignalInfo[SignalInfo.FIRST_REAL_TIME];
    private final Map<Integer, Queue<SignalInfo>> queues = new HashMap<>();

    /**
     * A bit for each pending signal. Also read without the lock, to find out quickly whether any signal is pending.
     *
     * <p>Written: holder of the signals' lock (volatile).
     * Read: any thread (volatile).
     * Invariant: a bit is set after its signal's information was stored; a signal is taken only under the lock.
     */
    private volatile long set;

    /** How many real-time signals all processes and threads together may still queue. */
    private final Semaphore room;

    private boolean isClosed;

    /**
     * Creates an empty set.
     *
     * @param room the number of real-time signals that all processes and threads together may still queue
     */
    public PendingSignals(Semaphore room) {
        this.room = room;
    }

    public long set() {
        return set;
    }

    /**
     * Adds a signal. Returns false if too many are queued, which is EAGAIN for the sender. A signal of {@code kill}
     * becomes pending even then, but without information about its sender ({@code __send_signal_locked}).
     */
    boolean add(SignalInfo info) {
        int signal = info.signal();
        long bit = SignalInfo.bit(signal);
        if (isClosed) {
            return true;
        }
        if (signal >= SignalInfo.FIRST_REAL_TIME) {
            Queue<SignalInfo> queue = queues.computeIfAbsent(signal, number -> new ArrayDeque<>());
            if (room.tryAcquire()) {
                queue.add(info);
            } else if (info.code() != SignalInfo.SI_USER) {
                return false;
            }
        } else if ((set & bit) == 0) {
            infos[signal] = info;
        }
        set |= bit;
        return true;
    }

    /** Takes the next signal of a set, signals of faults first; returns null if there is none. */
    public @Nullable SignalInfo take(long wanted) {
        long ready = set & wanted;
        if (ready == 0) {
            return null;
        }
        int signal = 1 + Long.numberOfTrailingZeros((ready & FIRST) != 0 ? ready & FIRST : ready);
        if (signal < SignalInfo.FIRST_REAL_TIME) {
            set &= ~SignalInfo.bit(signal);
            return infos[signal];
        }
        Queue<SignalInfo> queue = queues.get(signal);
        SignalInfo taken = queue == null ? null : queue.poll();
        if (queue == null || queue.isEmpty()) {
            set &= ~SignalInfo.bit(signal);
        }
        if (taken == null) {
            return SignalInfo.sent(signal, SignalInfo.SI_USER, 0, 0);
        }
        room.release();
        return taken;
    }

    public void discard(long signals) {
        set &= ~signals;
        queues.entrySet().removeIf(each -> {
            boolean isDiscarded = (SignalInfo.bit(each.getKey()) & signals) != 0;
            if (isDiscarded) {
                room.release(each.getValue().size());
            }
            return isDiscarded;
        });
    }

    /** Discards all signals, and all that are sent later, because the process or the thread ends. */
    public void close() {
        isClosed = true;
        discard(-1);
    }

    /**
     * The information about a signal for its handler ({@code siginfo_t}).
     *
     * @param signal the number of the signal
     * @param code si_code
     * @param address si_addr of a fault; 0 for any other signal
     * @param sender si_pid; 0 for a fault
     * @param user si_uid; 0 for a fault
     * @param value si_status of a child, or the value of a queued signal
     */
    public record SignalInfo(int signal, int code, long address, int sender, int user, long value) {
        /** The size of {@code siginfo_t}. */
        public static final int BYTES = 128;

        public static final int ILL = 4;
        public static final int TRAP = 5;
        static final int BUS = 7;
        public static final int KILL = 9;
        public static final int SEGV = 11;
        static final int QUIT = 3;
        static final int ABRT = 6;
        static final int FPE = 8;
        static final int XCPU = 24;
        static final int XFSZ = 25;
        static final int SYS = 31;

        public static final int PIPE = 13;
        public static final int ALRM = 14;
        public static final int TERM = 15;
        public static final int CHLD = 17;
        public static final int CONT = 18;
        public static final int STOP = 19;
        static final int TSTP = 20;
        public static final int TTIN = 21;
        public static final int TTOU = 22;
        static final int URG = 23;
        static final int WINCH = 28;

        /** The lowest number of a signal that is queued ({@code SIGRTMIN} of the kernel). */
        static final int FIRST_REAL_TIME = 32;

        /** The highest number of a signal. */
        public static final int MOST = 64;

        public static final int SI_USER = 0;
        public static final int SI_KERNEL = 0x80;

        public static final int SI_TKILL = -6;

        static final int CHILD_EXITED = 1;
        static final int CHILD_KILLED = 2;
        static final int CHILD_DUMPED = 3;

        /** Returns the signal that reports a child with a status of {@code wait4}. */
        public static SignalInfo ofChild(int signal, int pid, int user, int status) {
            int code = !WaitStatus.isKilled(status)
                    ? CHILD_EXITED
                    : WaitStatus.isDumped(status) ? CHILD_DUMPED : CHILD_KILLED;
            return new SignalInfo(signal, code, 0, pid, user, WaitStatus.number(status));
        }

        public static SignalInfo ofFault(int signal, int code, long address) {
            return new SignalInfo(signal, code, address, 0, 0, 0);
        }

        public static SignalInfo sent(int signal, int code, int sender, int user) {
            return new SignalInfo(signal, code, 0, sender, user, 0);
        }

        /** Returns a signal that no process sent. */
        public static SignalInfo ofKernel(int signal) {
            return sent(signal, SI_KERNEL, 0, 0);
        }

        /** Returns the bit of a signal in a set. */
        public static long bit(int signal) {
            return 1L << (signal - 1);
        }

        /** Whether a signal dumps core when it ends a process ({@code SIG_KERNEL_COREDUMP_MASK}). */
        public static boolean dumps(int signal) {
            return switch (signal) {
                case QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS -> true;
                default -> false;
            };
        }

        public boolean isFault() {
            return code > 0 && (signal == ILL || signal == TRAP || signal == BUS || signal == SEGV);
        }

        public void putTo(ByteBuffer to) {
            to.putInt(0, signal);
            to.putInt(8, code);
            if (isFault()) {
                to.putLong(16, address);
                return;
            }
            to.putInt(16, sender);
            to.putInt(20, user);
            if (signal == CHLD && code > 0) {
                to.putInt(24, (int) value);
            } else {
                to.putLong(24, value);
            }
        }
    }
}
