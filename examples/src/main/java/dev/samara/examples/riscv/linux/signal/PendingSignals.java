// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.signal;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * Signals that were sent and not yet taken: one of each number below {@link SignalInfo#FIRST_REAL_TIME}, and all of
 * each other number, in the order of their sending ({@code legacy_queue}, {@code kernel/signal.c}). Guarded by the
 * signals' lock of the process.
 */
public final class PendingSignals {
    private static final long FIRST = SignalInfo.bit(SignalInfo.ILL)
            | SignalInfo.bit(SignalInfo.TRAP)
            | SignalInfo.bit(SignalInfo.BUS)
            | SignalInfo.bit(SignalInfo.SEGV);

    /** The most signals of one number that queue, so that a guest cannot fill the heap. */
    private static final int MOST_QUEUED = 1024;

    private final @Nullable SignalInfo[] infos = new SignalInfo[SignalInfo.FIRST_REAL_TIME];
    private final Map<Integer, Queue<SignalInfo>> queues = new HashMap<>();

    /** Read without the lock, to see quickly that there is none. */
    private volatile long set;

    public PendingSignals() {}

    public long set() {
        return set;
    }

    /**
     * Adds a signal. Returns false if too many of its number wait: EAGAIN for the sender, but for {@code kill}, whose
     * signal is lost then ({@code __send_signal_locked}).
     */
    boolean add(SignalInfo info) {
        int signal = info.signal();
        long bit = SignalInfo.bit(signal);
        if (signal >= SignalInfo.FIRST_REAL_TIME) {
            Queue<SignalInfo> queue = queues.computeIfAbsent(signal, number -> new ArrayDeque<>());
            if (queue.size() >= MOST_QUEUED) {
                return info.code() == SignalInfo.SI_USER;
            }
            queue.add(info);
        } else if ((set & bit) == 0) {
            infos[signal] = info;
        }
        set |= bit;
        return true;
    }

    /** Takes the next signal of a set, those of faults first; null for none. */
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
        return taken;
    }

    public void discard(long signals) {
        set &= ~signals;
        queues.keySet().removeIf(signal -> (SignalInfo.bit(signal) & signals) != 0);
    }
}
