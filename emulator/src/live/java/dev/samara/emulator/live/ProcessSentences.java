// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

/** Sentences about processes: children, waits, groups, limits, and times. */
final class ProcessSentences {
    private final Vocabulary v;

    ProcessSentences(Vocabulary words) {
        v = words;
    }

    void add() {
        switch (v.below(26)) {
            case 0 -> v.make(v.below(Math.min(v.tasks(), 2)), v.chance(30));
            case 1, 2 -> exit();
            case 3, 4, 5 ->
                v.timed(
                        JudgedCall.WAIT4,
                        child(),
                        v.chance(80) ? v.in(w(7)) : n(0),
                        v.any(0, 1, 1, 3, 0x4000_0000L, 0x2000_0001L, 2, 4, 8, -1),
                        v.chance(70) ? n(0) : v.out(Structure.ANY));
            case 6, 7, 8 ->
                v.timed(
                        JudgedCall.WAITID,
                        v.any(0, 1, 1, 2, 3, 4, -1),
                        child(),
                        v.out(Structure.SIGINFO),
                        v.any(4, 5, 5, 0x0100_0005L, 0x0100_0004L, 0, 1, 6, 0xf, 0x0100_0000L),
                        n(0));
            case 9 -> {
                if (v.tasks() > 1) {
                    v.call(JudgedCall.KILL, v.pid(1 + v.below(v.tasks() - 1)), v.any(0, 18));
                } else {
                    v.call(JudgedCall.KILL, any(), n(0));
                }
            }
            case 10 -> stopped();
            case 11 -> v.call(JudgedCall.GETPGID, any());
            case 12 -> v.call(JudgedCall.GETSID, any());
            case 13 -> v.call(JudgedCall.SETPGID, any(), v.chance(60) ? n(0) : any());
            case 14, 15, 16 -> limits();
            case 17 -> v.call(JudgedCall.GETRUSAGE, v.any(0, 1, -1, 2, -2), v.out(Structure.ANY));
            case 18 ->
                v.call(
                        JudgedCall.CLOCK_GETTIME,
                        v.any(0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 16, -1, -2, -3, -5, -6, -8),
                        v.out(Structure.ANY));
            case 19 ->
                v.call(
                        JudgedCall.CLOCK_GETRES,
                        v.any(0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 16, -1, -2, -6, -7),
                        v.chance(80) ? v.in(q(7), q(7)) : n(0));
            case 20 -> v.call(JudgedCall.TIMES, v.chance(80) ? v.out(Structure.ANY) : n(0));
            case 21 ->
                v.call(
                        JudgedCall.CLONE,
                        n(v.one(0x10000, 0x800, 0x10800, 0x10011, 0x20200, 0x20000011L, 0x10100)),
                        n(0),
                        n(0),
                        n(0),
                        n(0));
            case 22 -> v.call(JudgedCall.SCHED_GETAFFINITY, any(), v.any(0, 1, 4, 12, -1), v.out(Structure.ANY));
            case 23 ->
                v.call(JudgedCall.GETRANDOM, v.out(Structure.ANY), v.any(0, 16, 512, 100), v.any(0, 1, 2, 4, 3, 8, 6));
            case 24 -> v.call(JudgedCall.PIDFD_OPEN, any(), v.any(0, 04000, 0200, 1));
            default -> v.add(new Step.Noted(0));
        }
    }

    /** A child is stopped and continued. */
    private void stopped() {
        int child = v.make(0, false);
        v.call(JudgedCall.KILL, v.pid(child), n(19));
        v.call(JudgedCall.WAITID, n(1), v.pid(child), v.out(Structure.SIGINFO), v.any(2, 6, 0x0100_0002L), n(0));
        v.call(JudgedCall.WAIT4, v.pid(child), v.in(w(7)), v.any(1, 3), n(0));
        v.call(JudgedCall.KILL, v.pid(child), n(18));
        v.call(JudgedCall.WAITID, n(1), v.pid(child), v.out(Structure.SIGINFO), v.any(8, 0x0100_0008L), n(0));
        v.call(JudgedCall.GETPPID);
    }

    private Argument any() {
        return v.process();
    }

    private Argument child() {
        return v.chance(60)
                ? n(-1)
                : v.chance(70) ? v.process() : new Argument.TaskNumber(false, v.below(v.tasks()), true);
    }

    /** A child exits, and a task waits for it. */
    private void exit() {
        int child = v.make(0, false);
        switch (v.below(3)) {
            case 0 -> v.call(JudgedCall.KILL, v.pid(child), n(9));
            case 1 -> v.begin(child, JudgedCall.EXIT, v.any(0, 1, 3));
            default -> v.begin(child, JudgedCall.EXIT_GROUP, v.any(0, 1, 3, 255, 256, -1));
        }
        // Without this wait, it would be random whether the child ended before the next call.
        v.call(JudgedCall.WAITID, n(1), v.pid(child), v.out(Structure.SIGINFO), n(0x0100_0004L), n(0));
        for (int i = v.below(3); i > 0; i--) {
            if (v.chance(30)) {
                v.timed(JudgedCall.WAITID, n(1), v.pid(child), v.out(Structure.SIGINFO), v.any(4, 5, 6), n(0));
            } else {
                v.timed(
                        JudgedCall.WAIT4,
                        v.chance(60) ? v.pid(child) : n(-1),
                        v.in(w(7)),
                        v.any(0, 1, 1, 2, 8),
                        v.chance(70) ? n(0) : v.out(Structure.ANY));
            }
        }
    }

    private void limits() {
        // Excludes limits that a kernel sets for its processes, and limits that would end or impede a judge.
        Argument resource = v.any(4, 4, 5, 7, 7, 7, 15, 16, -1, 1L << 32 | 7);
        boolean isSet = v.chance(35);
        Argument given = isSet
                ? v.in(q(v.one(0, 10, 100, 1024, 4096, 1L << 20, -1)), q(v.one(10, 100, 1024, 1L << 20, -1)))
                : n(0);
        Argument known = v.any(7, 7, 7, 4);
        switch (v.below(4)) {
            case 0 ->
                v.call(
                        JudgedCall.PRLIMIT64,
                        v.chance(70) ? n(0) : any(),
                        isSet ? resource : known,
                        given,
                        isSet ? n(0) : v.in(q(7), q(7)));
            case 1 -> v.call(JudgedCall.GETRLIMIT, known, v.in(q(7), q(7)));
            case 2 ->
                v.call(
                        JudgedCall.SETRLIMIT,
                        known,
                        v.in(q(v.one(0, 5, 10, 100, 1024)), q(v.one(1024, 1024, 100, 2000))));
            default -> {
                v.call(JudgedCall.DUP, v.descriptor());
                v.opened(1);
            }
        }
    }
}
