// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.fields;
import static dev.samara.emulator.live.Vocabulary.kept;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

import java.util.List;

/** Sentences that reach limits: of descriptors, and of memory where both sides have the same limits. */
final class LimitSentences {
    private static final int DATA = 2;
    private static final int FILES = 7;
    private static final int SPACE = 9;
    private static final int HARD = 1024;
    private static final long PIDFD = 0x1011;

    private final Vocabulary v;

    LimitSentences(Vocabulary words) {
        v = words;
    }

    void begin() {
        v.call(JudgedCall.OPENAT, n(-100), new Argument.Text("a"), n(TransferSentences.RDWR_CREAT), n(0644));
        v.opened(1);
        if (v.chance(50)) {
            v.call(JudgedCall.PIPE2, fields(w(-1), w(-1)), n(0));
            v.opened(2);
        }
        if (v.chance(20)) {
            v.make(0, v.chance(50));
        }
        if (v.chance(70)) {
            limitFiles();
        } else {
            limitMemory();
        }
    }

    private int task() {
        return v.chance(85) ? 0 : v.below(v.tasks());
    }

    private void set(int resource, long soft, long hard) {
        if (v.chance(50)) {
            v.by(task(), JudgedCall.SETRLIMIT, n(resource), fields(q(soft), q(hard)));
        } else {
            v.by(
                    task(),
                    JudgedCall.PRLIMIT64,
                    v.chance(80) ? n(0) : v.process(),
                    n(resource),
                    fields(q(soft), q(hard)),
                    v.chance(50) ? n(0) : fields(q(7), q(7)));
        }
    }

    private void limitFiles() {
        long soft = v.chance(85) ? Math.max(0, v.descriptors() + v.below(6) - 3) : v.one(0, 1, HARD, HARD + 1, -1);
        set(FILES, soft, v.chance(90) ? HARD : v.one(soft, 12, HARD + 1, -1));
    }

    private void limitMemory() {
        // The limit is lower than what either side uses, or does not bind.
        set((int) v.one(DATA, SPACE), v.one(1, 4096, 4096, 8192, -1), -1);
    }

    void add() {
        int task = task();
        switch (v.below(26)) {
            case 0, 1, 2 -> limitFiles();
            case 3, 4, 5 ->
                opens(
                        1,
                        task,
                        JudgedCall.OPENAT,
                        n(-100),
                        new Argument.Text(v.one("a", "b", ".", "x", "/proc/self/fd/0")),
                        n(v.one(0, 0102, 0302, 010000000, 02000000)),
                        n(0644));
            case 6, 7 -> opens(1, task, JudgedCall.DUP, v.descriptor());
            case 8, 9 ->
                v.by(
                        task,
                        JudgedCall.DUP3,
                        v.descriptor(),
                        n(v.chance(70) ? near() : v.one(HARD - 1, HARD, -1)),
                        v.any(0, 02000000));
            case 10, 11, 12 -> opens(1, task, JudgedCall.FCNTL, v.descriptor(), v.any(0, 1030), n(near()));
            case 13, 14 ->
                opens(
                        2,
                        task,
                        JudgedCall.PIPE2,
                        v.chance(85) ? fields(w(-1), w(-1)) : v.bad(),
                        v.any(0, 02000000, 04000, 1));
            case 15 -> opens(1, task, JudgedCall.EVENTFD2, n(1), v.any(04000, 02004000, 2));
            case 16 ->
                opens(
                        1,
                        task,
                        JudgedCall.MEMFD_CREATE,
                        v.chance(85) ? new Argument.Text("m") : v.bad(),
                        v.any(0, 1, 64));
            case 17 -> opens(1, task, JudgedCall.PIDFD_OPEN, v.process(), v.any(0, 04000, 1));
            case 18 -> spawn();
            case 19, 20 -> v.by(task, JudgedCall.CLOSE, v.descriptor());
            case 21 ->
                v.by(
                        task,
                        JudgedCall.PPOLL,
                        fields(new Argument.Field('w', v.descriptor()), Vocabulary.h(0x7f), Vocabulary.h(0)),
                        v.any(1, 1, near(), HARD + 1, HARD),
                        Vocabulary.time(0, 0),
                        n(0),
                        n(8));
            case 22 -> v.by(task, JudgedCall.GETRLIMIT, v.any(FILES, FILES, 4), fields(q(7), q(7)));
            case 23 -> limitMemory();
            case 24 -> useMemory(task);
            default -> {
                if (v.tasks() < 3) {
                    // Fails if the pipes of the new task cannot be opened.
                    v.make(0, v.chance(30));
                } else {
                    limitFiles();
                }
            }
        }
    }

    private long near() {
        return Math.max(0, v.descriptors() + v.below(8) - 4);
    }

    private void opens(int count, int task, JudgedCall call, Argument... arguments) {
        v.by(task, call, arguments);
        if (task == 0) {
            v.opened(count);
        }
    }

    /** Creates a child with a descriptor for it; fails if the limit does not allow another descriptor. */
    private void spawn() {
        v.add(new Step.Spawn(
                0,
                v.chance(50),
                PIDFD,
                v.chance(90) ? Placement.BIG : Placement.BAD,
                new Step.Call(0, Step.Way.PLAIN, JudgedCall.DUP, List.of(n(0)))));
        v.call(JudgedCall.WAIT4, kept(Step.Spawn.KEPT), fields(w(7)), n(0), n(0));
        v.opened(1);
    }

    private void useMemory(int task) {
        Argument at = n(FutexSentences.FIRST + v.one(0, 4096, 8192));
        switch (v.below(5)) {
            case 0, 1, 2 ->
                v.by(
                        task,
                        JudgedCall.MMAP,
                        at,
                        v.any(4096, 8192),
                        v.any(0, 1, 3),
                        v.any(0x32, 0x31, 0x10_0022),
                        n(-1),
                        n(0));
            case 3 ->
                v.by(task, JudgedCall.MREMAP, at, n(4096), v.any(4096, 8192), v.any(0, 3), n(FutexSentences.SECOND));
            default -> v.by(task, JudgedCall.MPROTECT, at, n(4096), v.any(1, 3));
        }
    }
}
