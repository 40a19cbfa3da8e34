// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

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
}
