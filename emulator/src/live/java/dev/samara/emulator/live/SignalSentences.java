// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.fields;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

/**
 * Sentences about signals that are sent, blocked, handled or waited for; about alternate stacks; and about registers.
 */
final class SignalSentences {
    private static final long ALARM = 1L << 13;
    private static final long ON_STACK = 0x0800_0000L;
    private static final long RESTART = 0x1000_0000L;
    private static final long NO_DEFER = 0x4000_0000L;
    private static final long RESET = 0x8000_0000L;

    private final Vocabulary v;

    SignalSentences(Vocabulary words) {
        v = words;
    }

    private long signal() {
        return v.one(10, 10, 12, 14, 15, 17, 18, 2, 13, 34, 34, 35, 64, 23, 28);
    }

    private long signalOrBad() {
        return v.chance(88) ? signal() : v.one(0, 0, -1, 65, 64, 1L << 32 | 10, Integer.MIN_VALUE);
    }

    /** Chooses signals to block, except for the signal that interrupts timed calls. */
    private long mask() {
        return v.chance(70)
                ? v.bits(50, 1L << 9, 1L << 11, 1L << 12, 1L << 33, 1L << 34)
                : v.one(0, ~ALARM, 1L << 8 | 1L << 18);
    }

    private Argument set() {
        return v.in(q(mask()));
    }

    private Argument bytes() {
        return n(v.chance(94) ? 8 : v.one(0, 4, 7, 16));
    }

    /** Starts with handlers, because most signals kill a process that has no handler. */
    void begin() {
        for (long each : new long[] {2, 10, 12, 13, 14, 15, 34, 35, 64}) {
            if (v.chance(75)) {
                handle(each);
            }
        }
    }

    private void handle(long signal) {
        v.add(new Step.Handle(
                0, (int) signal, v.bits(25, ON_STACK, RESTART, NO_DEFER) | v.bits(10, RESET, 1, 2), mask()));
    }

    private Argument info(long signal) {
        return v.in(
                w(signal),
                w(0),
                w(v.one(-1, -1, -2, -3, 0, 1, -6, -60)),
                w(0),
                w(0),
                w(0),
                q(v.one(5, -1)),
                q(0),
                q(0),
                q(0),
                q(0),
                q(0),
                q(0),
                q(0),
                q(0),
                q(0),
                q(0),
                q(0));
    }

    void add() {
        long signal = signalOrBad();
        switch (v.below(26)) {
            case 0, 1, 2 -> v.call(JudgedCall.KILL, v.pid(0), n(signal));
            case 3 -> v.call(JudgedCall.TGKILL, v.process(), v.thread(), n(v.chance(80) ? signal : 0));
            case 4, 5 -> v.call(JudgedCall.TGKILL, v.pid(0), v.tid(0), n(signal));
            case 6 -> v.call(JudgedCall.TKILL, v.chance(80) ? v.tid(0) : v.thread(), n(signal));
            case 7, 8 -> v.call(JudgedCall.RT_SIGQUEUEINFO, v.pid(0), n(signal), info(v.chance(80) ? signal : 5));
            case 9 -> v.call(JudgedCall.RT_TGSIGQUEUEINFO, v.pid(0), v.tid(0), n(signal), info(signal));
            case 10 -> masks();
            case 11, 12 ->
                v.call(
                        JudgedCall.RT_SIGPROCMASK,
                        v.any(0, 1, 2, 2, 3, -1),
                        v.chance(80) ? set() : n(0),
                        v.chance(60) ? v.in(q(7)) : n(0),
                        bytes());
            case 13, 14 -> v.call(JudgedCall.RT_SIGPENDING, v.in(q(7)), bytes());
            case 15, 16, 17 -> {
                if (v.chance(15)) {
                    v.timed(JudgedCall.RT_SIGTIMEDWAIT, set(), v.out(Structure.SIGINFO), n(0), bytes());
                } else {
                    Argument info = v.chance(80) ? v.out(Structure.SIGINFO) : n(0);
                    v.call(JudgedCall.RT_SIGTIMEDWAIT, set(), info, v.shortTime(), bytes());
                }
            }
            case 18 -> handle(signal());
            case 19 ->
                v.call(
                        JudgedCall.RT_SIGACTION,
                        n(v.chance(85) ? signalToSet() : v.one(0, -1, 9, 19, 65, 11)),
                        action(),
                        v.chance(70) ? v.out(Structure.SIGACTION) : n(0),
                        bytes());
            case 20, 21 -> v.add(new Step.Noted(0));
            case 22 -> {
                if (v.chance(50)) {
                    nested();
                    return;
                }
                v.call(
                        JudgedCall.SIGALTSTACK,
                        v.chance(60) ? stack() : n(0),
                        v.chance(60) ? v.in(q(7), w(7), q(7)) : n(0));
                if (v.chance(50)) {
                    v.call(JudgedCall.SIGALTSTACK, n(0), v.in(q(7), w(7), q(7)));
                }
            }
            case 23 ->
                v.add(new Step.Registers(
                        0,
                        v.one(-512, -513, -514, -515, -516, Long.MIN_VALUE, Long.MAX_VALUE, -1, 0, -4, -38, 64, 139)));
            case 24 -> v.timed(JudgedCall.RT_SIGSUSPEND, v.in(q(v.one(0, 1L << 9, 1L << 33))), bytes());
            default -> timers();
        }
    }

    /** Changes the mask several times, each time based on the previous mask. */
    private void masks() {
        for (int i = 2 + v.below(2); i > 0; i--) {
            v.call(JudgedCall.RT_SIGPROCMASK, v.any(0, 0, 1, 2), set(), n(0), n(8));
        }
        v.call(JudgedCall.RT_SIGPROCMASK, n(0), n(0), v.in(q(7)), n(8));
    }

    /** Two handlers that start at the same time, possibly on the alternate stack. */
    private void nested() {
        long both = 1L << 9 | 1L << 11;
        v.call(
                JudgedCall.SIGALTSTACK,
                v.in(q(0x1001_8000L), w(v.one(0, 1L << 31, 1L << 31)), q(0x4000)),
                v.chance(50) ? n(0) : v.in(q(7), w(7), q(7)));
        v.add(new Step.Handle(0, 10, v.one(0, ON_STACK, ON_STACK), 0));
        v.add(new Step.Handle(0, 12, v.one(0, ON_STACK, ON_STACK), 0));
        v.call(JudgedCall.RT_SIGPROCMASK, n(0), v.in(q(both)), n(0), n(8));
        v.call(JudgedCall.KILL, v.pid(0), n(10));
        v.call(JudgedCall.TGKILL, v.pid(0), v.tid(0), n(12));
        v.call(JudgedCall.RT_SIGPROCMASK, n(1), v.in(q(both)), n(0), n(8));
        v.add(new Step.Noted(0));
        v.call(JudgedCall.SIGALTSTACK, n(0), v.in(q(7), w(7), q(7)));
    }

    private long signalToSet() {
        return v.one(1, 3, 10, 12, 17, 18, 23, 34, 64);
    }

    private Argument action() {
        return v.chance(60)
                ? new Argument.Action(v.chance(50), v.one(0, 0, RESTART, 0x1234_5600L, -1, 4, 1, 2), mask())
                : v.chance(80) ? n(0) : v.bad();
    }

    /**
     * Returns a stack that does not extend beyond the end of all memory, because on x86 the kernel checks whether a
     * handler's frame is on the stack that it enters.
     */
    private Argument stack() {
        return v.in(
                q(v.one(0x1001_8000L, 0x1001_8001L, 0, -4096)),
                w(v.one(0, 1, 2, 3, 4, 1L << 31, 1L << 31, 1L << 31 | 1, 1L << 31 | 2)),
                q(v.one(0x4000, 0x4000, 0x8000, 0x7ff, 0)));
    }

    private void timers() {
        switch (v.below(4)) {
            case 0 ->
                v.call(
                        JudgedCall.SETITIMER,
                        v.any(0, 1, 2, 3, -1),
                        fields(q(0), q(0), q(v.one(1000, 0)), q(v.one(0, -1, 1_000_000))),
                        v.chance(50) ? n(0) : v.out(Structure.ANY));
            case 1 -> v.call(JudgedCall.GETITIMER, v.any(0, 1, 2, 3, -1), v.out(Structure.ANY));
            case 2 -> v.call(JudgedCall.NANOSLEEP, v.shortTime(), n(0));
            default ->
                v.call(
                        JudgedCall.CLOCK_NANOSLEEP,
                        v.any(0, 1, 3, 4, 7, 11, 12, -1),
                        v.any(0, 1, 2),
                        v.shortTime(),
                        n(0));
        }
    }
}
