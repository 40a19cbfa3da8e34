// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.n;

import java.util.List;

/** Generates random scripts; each seed always produces the same script. */
final class ScriptMaker {
    private static final int MOST_TASKS = 6;

    private ScriptMaker() {}

    static List<Step> make(long seed) {
        Vocabulary v = new Vocabulary(seed);
        TransferSentences transfers = new TransferSentences(v);
        NameSentences names = new NameSentences(v);
        DescriptorSentences descriptors = new DescriptorSentences(v);
        SignalSentences signals = new SignalSentences(v);
        FutexSentences futexes = new FutexSentences(v);
        ProcessSentences processes = new ProcessSentences(v);
        SystemSentences systems = new SystemSentences(v);
        SegmentSentences segments = new SegmentSentences(v);
        SharingSentences shares = new SharingSentences(v);
        LimitSentences limits = new LimitSentences(v);
        KindSentences kinds = new KindSentences(v);
        int subject = v.below(26);
        int length = 6 + v.below(24);
        switch (subject) {
            case 0, 1, 2 -> {
                transfers.begin();
                repeat(length, v, transfers::add, descriptors::add, 10);
            }
            case 3, 4, 5 -> {
                names.begin();
                repeat(length, v, names::add, transfers::add, 10);
            }
            case 6, 7 -> {
                transfers.begin();
                repeat(length, v, descriptors::add, transfers::add, 25);
            }
            case 8, 9 -> {
                signals.begin();
                repeat(length, v, signals::add, processes::add, 5);
            }
            case 10, 11 -> {
                futexes.begin();
                repeat(length, v, futexes::add, transfers::add, 3);
            }
            case 12, 13 -> {
                v.make(0, false);
                repeat(length, v, processes::add, signals::add, 4);
            }
            case 14 -> {
                systems.begin();
                repeat(length, v, systems::add, processes::add, 6);
            }
            case 17, 18 -> {
                segments.begin();
                repeat(length, v, segments::add, transfers::add, 3);
            }
            case 19, 20 -> {
                shares.begin();
                repeat(length, v, shares::add, names::add, 6);
            }
            case 21, 22 -> {
                limits.begin();
                repeat(length, v, limits::add, descriptors::add, 15);
            }
            case 23, 24, 25 -> {
                kinds.begin();
                repeat(length, v, kinds::add, kinds::add, 0);
            }
            default -> {
                transfers.begin();
                if (v.chance(65)) {
                    descriptors.locksOfTasks();
                } else {
                    waits(v);
                }
            }
        }
        return List.copyOf(v.steps());
    }

    private static void repeat(int length, Vocabulary v, Runnable main, Runnable other, int percent) {
        for (int i = 0; i < length && v.tasks() < MOST_TASKS; i++) {
            (v.chance(percent) ? other : main).run();
        }
    }

    /** A task waits for an action of task 0. */
    private static void waits(Vocabulary v) {
        int first = v.descriptors();
        v.call(JudgedCall.PIPE2, Vocabulary.fields(Vocabulary.w(-1), Vocabulary.w(-1)), n(0));
        v.opened(2);
        boolean isThread = v.chance(40);
        int child = v.make(0, isThread);
        switch (v.below(3)) {
            case 0 -> {
                v.begin(child, JudgedCall.READ, n(first), v.memory(16), n(16));
                v.call(
                        JudgedCall.WRITE,
                        n(first + 1),
                        new Argument.Text("abcdefghijklmnopqrstuvwxyz"),
                        n(v.one(1, 16, 20)));
            }
            case 1 -> {
                v.call(JudgedCall.WRITE, n(first + 1), new Argument.Big(65536), n(65536));
                v.begin(child, JudgedCall.WRITE, n(first + 1), v.memory(10), n(10));
                v.call(JudgedCall.READ, n(first), new Argument.Big(4096), n(4096));
            }
            default -> {
                // Without a handler, it would be random whether a process that the signal ends still answers.
                v.add(new Step.Handle(0, 13, 0, 0));
                v.call(JudgedCall.WRITE, n(first + 1), new Argument.Big(65536), n(65536));
                if (!isThread) {
                    v.by(child, JudgedCall.CLOSE, n(first));
                }
                v.begin(child, JudgedCall.WRITE, n(first + 1), v.memory(10), n(10));
                v.by(0, JudgedCall.CLOSE, n(first));
            }
        }
        v.await(child);
        v.call(JudgedCall.IOCTL, n(first), n(0x541b), Vocabulary.fields(Vocabulary.w(7)));
    }
}
