// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.h;
import static dev.samara.emulator.live.Vocabulary.i;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;

/** Sentences about descriptors, their flags, and file locks. */
final class DescriptorSentences {
    private final Vocabulary v;

    DescriptorSentences(Vocabulary words) {
        v = words;
    }

    void add() {
        switch (v.below(23)) {
            case 0 -> {
                v.call(JudgedCall.DUP, v.descriptor());
                v.opened(1);
            }
            case 1 -> {
                Argument file = v.descriptor();
                v.call(JudgedCall.FCNTL, file, n(2), v.any(0, 1, 1));
                v.call(JudgedCall.FCNTL, file, v.any(0, 0, 1030), v.any(0, 0, 3));
                v.opened(1);
            }
            case 2, 3 -> v.call(JudgedCall.DUP3, v.descriptor(), v.newDescriptor(), v.any(0, 0, 02000000, 1, 04000));
            case 4 -> v.call(JudgedCall.CLOSE, v.descriptor());
            case 5 -> v.call(JudgedCall.CLOSE_RANGE, n(v.below(8)), v.any(0, 3, 5, 7, 600), v.any(0, 4, 4, 8, 2, 6));
            case 6, 7, 8 -> control();
            case 9, 10, 11, 12, 13 -> lock(0);
            case 14 -> v.timed(JudgedCall.FLOCK, v.descriptor(), v.any(1, 2, 5, 6, 8, 12, 4, 0, 3, 16));
            case 15, 20, 21, 22 -> reopen();
            case 16 -> {
                v.call(
                        JudgedCall.MEMFD_CREATE,
                        v.chance(80) ? new Argument.Text("m") : v.path(),
                        v.any(0, 1, 2, 3, 2, 8, 16, 24, 32, 10));
                v.opened(1);
            }
            case 17 -> seals();
            case 18 ->
                v.call(
                        JudgedCall.IOCTL,
                        v.descriptor(),
                        v.any(0x5421, 0x5450, 0x5451),
                        v.in(Vocabulary.w(v.one(0, 1))));
            default -> v.timed(JudgedCall.READ, v.descriptor(), v.memory(4), n(4));
        }
    }

    private void seals() {
        if (v.chance(50)) {
            v.call(JudgedCall.FCNTL, v.descriptor(), n(1034), n(0));
        } else {
            v.call(JudgedCall.FCNTL, v.descriptor(), n(1033), v.any(1, 2, 4, 8, 16, 32, 15, 64, 0));
        }
    }

    private void reopen() {
        long flags =
                v.one(0, 1, 2, 2, 010000000) | v.bits(5, 0100, 0200, 01000, 02000, 04000, 0200000, 0400000, 02000000);
        v.timed(
                JudgedCall.OPENAT,
                n(-100),
                new Argument.Text("/proc/self/fd/" + v.below(Math.max(v.descriptors(), 1))),
                n(flags),
                n(0644));
        v.opened(1);
    }

    private void control() {
        switch (v.below(12)) {
            case 0 -> {
                Argument file = v.descriptor();
                if (v.chance(50)) {
                    v.call(JudgedCall.FCNTL, file, n(2), v.any(0, 1, 1));
                }
                v.call(JudgedCall.FCNTL, file, v.any(0, 0, 1030), v.any(0, 0, 3, 8, 20, 1023, 1024, -1, 500));
                v.opened(1);
            }
            case 1 -> v.call(JudgedCall.FCNTL, v.descriptor(), n(1), n(0));
            case 2, 3 -> v.call(JudgedCall.FCNTL, v.descriptor(), n(2), v.any(0, 1, 2, 3, -1));
            case 4, 5 -> v.call(JudgedCall.FCNTL, v.descriptor(), n(3), n(0));
            case 6, 7 ->
                v.call(JudgedCall.FCNTL, v.descriptor(), n(4), v.any(0, 02000, 04000, 06000, 1, 2, 3, 0100, 02000000));
            case 8 ->
                v.call(
                        JudgedCall.FCNTL,
                        v.descriptor(),
                        v.any(1032, 1031),
                        v.any(0, 4096, 4097, 8192, 65536, 1 << 20, (1 << 20) + 1, -1, 1L << 31));
            case 9 -> v.call(JudgedCall.FCNTL, v.descriptor(), v.any(9, 16), v.in(Vocabulary.w(7), Vocabulary.w(7)));
            case 10 -> v.call(JudgedCall.FCNTL, v.descriptor(), v.any(1, 3, 1034, 9), n(-1));
            default ->
                v.call(JudgedCall.FCNTL, v.descriptor(), v.any(99, -1, 2000, 1028, 1L << 32, 1L << 32 | 3), n(0));
        }
    }

    private Argument range() {
        return v.in(
                h(v.one(0, 0, 1, 1, 1, 2, 2, 3, -1)),
                h(v.one(0, 0, 0, 0, 1, 2, 3)),
                q(v.chance(80) ? v.below(12) : v.one(-1, -5, 100, Long.MAX_VALUE, Long.MAX_VALUE - 1, Long.MIN_VALUE)),
                q(v.chance(80) ? v.below(6) : v.one(-1, -3, 100, Long.MAX_VALUE, Long.MIN_VALUE)),
                i(n(v.chance(90) ? 0 : 1)));
    }

    /** Takes a lock, in task 0 or another task. */
    void lock(int task) {
        long command = v.one(5, 6, 6, 6, 7, 36, 37, 37, 37, 38);
        Step.Way way = task == 0 ? Step.Way.TIMED : Step.Way.PLAIN;
        if (task != 0) {
            command = command == 7 ? 6 : command == 38 ? 37 : command;
        }
        v.add(new Step.Call(task, way, JudgedCall.FCNTL, java.util.List.of(v.descriptor(), n(command), range())));
    }

    /** A process locks a file, and then closes one of its descriptors; another process checks the lock. */
    private void closedAgain(int task, int other) {
        Argument file = v.descriptor();
        v.by(
                task,
                JudgedCall.FCNTL,
                file,
                v.any(6, 6, 37),
                Vocabulary.fields(h(1), h(0), q(0), q(v.below(4)), i(n(0))));
        v.by(task, JudgedCall.DUP, file);
        v.by(task, JudgedCall.CLOSE, v.chance(50) ? n(v.descriptors()) : file);
        v.by(other, JudgedCall.FCNTL, file, n(5), Vocabulary.fields(h(1), h(0), q(0), q(0), i(n(0))));
    }

    /** Locks in several processes. */
    void locksOfTasks() {
        int child = v.make(0, v.chance(25));
        int other = v.make(0, false);
        for (int k = 0; k < 8 + v.below(10); k++) {
            int task = (int) v.one(0, 0, child, child, other);
            switch (v.below(10)) {
                case 8, 9 -> closedAgain(task, task == 0 ? child : 0);
                case 0 -> v.by(task, JudgedCall.CLOSE, v.descriptor());
                case 1 -> v.by(task, JudgedCall.DUP, v.descriptor());
                case 2 -> v.by(task, JudgedCall.FLOCK, v.descriptor(), v.any(5, 6, 8));
                default -> lock(task);
            }
        }
    }
}
