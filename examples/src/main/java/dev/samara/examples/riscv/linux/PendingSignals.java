// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import org.jspecify.annotations.Nullable;

/** Signals that were sent and not yet taken, one of each number. Guarded by the signals' lock of the process. */
final class PendingSignals {
    private static final long FIRST = SignalInfo.bit(SignalInfo.ILL)
            | SignalInfo.bit(SignalInfo.TRAP)
            | SignalInfo.bit(SignalInfo.BUS)
            | SignalInfo.bit(SignalInfo.SEGV);

    private final @Nullable SignalInfo[] infos = new SignalInfo[SignalInfo.MOST + 1];

    /** Read without the lock, to see quickly that there is none. */
    private volatile long set;

    PendingSignals() {}

    long set() {
        return set;
    }

    void add(SignalInfo info) {
        if ((set & SignalInfo.bit(info.signal())) == 0) {
            infos[info.signal()] = info;
            set |= SignalInfo.bit(info.signal());
        }
    }

    /** Takes the next signal of a set, those of faults first; null for none. */
    @Nullable
    SignalInfo take(long wanted) {
        long ready = set & wanted;
        if (ready == 0) {
            return null;
        }
        int signal = 1 + Long.numberOfTrailingZeros((ready & FIRST) != 0 ? ready & FIRST : ready);
        SignalInfo taken = infos[signal];
        discard(SignalInfo.bit(signal));
        return taken;
    }

    void discard(long signals) {
        set &= ~signals;
    }
}
