// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.fields;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.p;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

import java.util.ArrayList;
import java.util.List;

/**
 * Sentences about programs, process descriptors, users, segments, and memory of other processes. Calls that would
 * replace a judge by another program, or create a child without a judge, are made so that they fail.
 */
final class SystemSentences {
    private static final long EMPTY_PATH = 0x1000;
    private static final long NO_SEGMENT = 0x7fff_ff00L;

    private final Vocabulary v;

    SystemSentences(Vocabulary words) {
        v = words;
    }

    /** Starts with a child, and with files of all kinds that are not programs. */
    void begin() {
        if (v.chance(70)) {
            v.make(0, v.chance(25));
        }
        if (v.chance(60)) {
            v.call(JudgedCall.OPENAT, n(-100), new Argument.Text("a"), n(TransferSentences.RDWR_CREAT), n(0755));
            v.call(
                    JudgedCall.WRITE,
                    n(0),
                    new Argument.Text(
                            v.one("abcdefghij", "#!nothing\n", "#! ./a\n", "#!d\nabcd", "#!b  x\nab", "#!\nabcdefg")),
                    n(v.one(10, 10, 7, 2, 0)));
            v.opened(1);
        }
        if (v.chance(40)) {
            v.call(JudgedCall.MKDIRAT, n(-100), new Argument.Text("d"), n(0755));
            v.call(JudgedCall.SYMLINKAT, new Argument.Text("a"), n(-100), new Argument.Text("l"));
        }
        if (v.chance(60)) {
            openProcess();
        }
    }

    void add() {
        switch (v.below(16)) {
            case 0, 1 -> execute();
            case 2 -> cloneLegacy();
            case 3, 4 -> clone3();
            case 5 -> openProcess();
            case 6, 7, 8 -> useProcess();
            case 9 -> users();
            case 10 -> segments();
            case 11, 12 -> otherMemory();
            case 13 -> waitForWords();
            case 14 -> excluded();
            default -> v.call(JudgedCall.FCHMODAT, n(-100), v.ownPath(), n(v.one(0755, 0644, 0111, 0)));
        }
    }

    private Argument strings() {
        List<Argument.Field> all = new ArrayList<>();
        for (int i = v.below(3); i > 0; i--) {
            all.add(p(v.chance(92) ? new Argument.Text("x") : v.bad()));
        }
        all.add(q(0));
        return v.chance(90) ? new Argument.Fields(all) : v.chance(50) ? n(0) : v.bad();
    }

    private void execute() {
        if (v.chance(60)) {
            v.call(JudgedCall.EXECVE, v.ownPath(), strings(), strings());
        } else {
            boolean isEmpty = v.chance(50);
            v.call(
                    JudgedCall.EXECVEAT,
                    v.chance(60) ? v.descriptor() : n(-100),
                    isEmpty ? new Argument.Text("") : v.ownPath(),
                    strings(),
                    strings(),
                    n(v.chance(85) ? v.one(EMPTY_PATH, EMPTY_PATH, 0, 0x100) : v.one(1, 0x200, -1)));
        }
    }

    private void cloneLegacy() {
        long flags = v.one(
                0x10000,
                0x800,
                0x10800,
                0x10011,
                0x20200,
                0x2000_0011L,
                0x10100,
                0x101011,
                0x400_0011L,
                0x800_0011L,
                0x4000_0011L,
                0x40_1011,
                0x2_0011,
                0x2001_0900L);
        v.call(JudgedCall.CLONE, n(flags), n(0), n(0), n(0), n(0));
    }

    /** Each of these calls contains something that every kernel rejects for this user. */
    private void clone3() {
        long flags = 0;
        long signal = 17;
        long stack = 0;
        long stackBytes = 0;
        long tids = 0;
        long tidCount = 0;
        long size = 88;
        switch (v.below(6)) {
            case 0 -> size = v.one(0, 1, 63, 4097, 1L << 40, -1);
            case 1 ->
                flags = v.one(
                        0x10000,
                        0x800,
                        0x20200,
                        0x1_0000_0900L,
                        0x40_0000,
                        1,
                        0xff,
                        1L << 40,
                        0x2000_0000L,
                        0x400_0000);
            case 2 -> signal = v.one(65, 0xff, -1, 1L << 32);
            case 3 -> {
                stack = v.one(0, 0x1001_0000, -4096);
                stackBytes = stack == 0 ? 4096 : v.one(0, -1, Long.MIN_VALUE);
            }
            case 4 -> {
                tids = v.one(0, Placement.READ_ONLY, Placement.BAD);
                tidCount = tids == 0 ? 1 : v.one(0, 33, 1, -1);
            }
            default -> {
                flags = v.one(0x1_0f00L, 0x8000);
                signal = v.one(17, 64);
            }
        }
        Argument given = fields(
                q(flags), q(0), q(0), q(0), q(signal), q(stack), q(stackBytes), q(0), q(tids), q(tidCount), q(0));
        v.call(JudgedCall.CLONE3, v.chance(95) ? given : v.bad(), n(size));
    }

    private void openProcess() {
        v.call(JudgedCall.PIDFD_OPEN, v.process(), v.any(0, 0, 04000, 0200, 1, 1L << 32));
        v.opened(1);
    }

    private void useProcess() {
        switch (v.below(7)) {
            case 0, 1 ->
                v.call(
                        JudgedCall.PIDFD_SEND_SIGNAL,
                        v.chance(85) ? v.descriptor() : v.any(-10000, -10001, -100),
                        v.any(0, 0, 18, 23, -1, 65),
                        v.chance(80) ? n(0) : v.bad(),
                        v.any(0, 0, 1, 2, 4, 8, 3));
            case 2, 3 ->
                v.timed(
                        JudgedCall.WAITID,
                        n(3),
                        v.descriptor(),
                        v.out(Structure.SIGINFO),
                        v.any(4, 5, 0x0100_0005L, 0x0100_0004L),
                        n(0));
            case 4 ->
                v.call(
                        JudgedCall.PPOLL,
                        new Argument.Fields(List.of(
                                new Argument.Field('w', v.descriptor()),
                                Vocabulary.h(v.one(1, 5, 0x41)),
                                Vocabulary.h(0))),
                        n(1),
                        Vocabulary.time(0, 0),
                        n(0),
                        n(8));
            case 5 -> {
                if (v.tasks() > 1) {
                    v.begin(1, JudgedCall.EXIT, v.any(0, 3));
                    v.call(JudgedCall.WAITID, n(1), v.pid(1), n(0), n(0x0100_0004L), n(0));
                } else {
                    v.timed(JudgedCall.READ, v.descriptor(), v.memory(8), n(8));
                }
            }
            default -> {
                v.call(JudgedCall.DUP, v.descriptor());
                v.opened(1);
            }
        }
    }

    private void users() {
        long user = v.one(-1, -1, 0, 1, 0xffff_ffffL);
        switch (v.below(3)) {
            case 0 -> v.call(JudgedCall.SETRESUID, n(user), v.any(-1, -1, 0), v.any(-1, 0, 1));
            case 1 -> v.call(JudgedCall.SETGROUPS, v.any(0, 1, -1, 65537), v.chance(50) ? n(0) : v.bad());
            default -> v.call(JudgedCall.GETGROUPS, v.any(-1, Integer.MIN_VALUE), v.bad());
        }
    }

    private void segments() {
        switch (v.below(4)) {
            case 0 ->
                v.call(
                        JudgedCall.SHMGET,
                        n(0x5aa5_0000L | v.below(4)),
                        v.any(0, 1, 4096, -1, 1L << 62),
                        v.any(0, 0600, 02000));
            case 1 -> v.call(JudgedCall.SHMGET, n(v.one(0, 0x5aa5_1111L)), v.any(0, -1, Long.MIN_VALUE), n(01600));
            case 2 ->
                v.call(
                        JudgedCall.SHMAT,
                        v.any(NO_SEGMENT, -1, Integer.MIN_VALUE),
                        v.any(0, FutexSentences.FIRST, FutexSentences.FIRST + 1),
                        v.any(0, 010000, 020000, 040000));
            default -> {
                if (v.chance(50)) {
                    v.call(JudgedCall.SHMDT, v.any(0, FutexSentences.FIRST, FutexSentences.FIRST + 1, -4096));
                } else {
                    v.call(JudgedCall.SHMCTL, v.any(NO_SEGMENT, -1), v.any(0, 1, 2, 99, -1), v.bad());
                }
            }
        }
    }

    private Argument parts(int length) {
        return v.chance(90) ? fields(p(v.memory(length)), q(v.chance(90) ? length : v.one(-1, 0))) : v.bad();
    }

    private void otherMemory() {
        int length = v.length();
        long at = v.one(Placement.ARGUMENTS, Placement.READ_ONLY, Placement.BAD, Placement.EDGE_END - 4, -1);
        Argument there = v.chance(92) ? fields(q(at), q(v.chance(90) ? length : v.one(-1, 0))) : v.bad();
        Argument process = v.chance(70) ? v.pid(v.below(v.tasks())) : v.process();
        v.call(
                v.chance(60) ? JudgedCall.PROCESS_VM_READV : JudgedCall.PROCESS_VM_WRITEV,
                process,
                parts(length),
                v.any(1, 1, 1, 1, 0, -1, 1025),
                there,
                v.any(1, 1, 1, 1, 0, -1, 1025),
                v.any(0, 0, 0, 0, 1));
    }

    private void waitForWords() {
        Argument words = v.in(
                q(v.one(0, 1, 1L << 32)),
                q(v.one(Placement.BIG, Placement.BIG + 1, Placement.BAD, 0)),
                w(v.one(2, 2, 130, 0, 1, 3, 4)),
                w(v.one(0, 0, 0, 1)));
        v.call(
                JudgedCall.FUTEX_WAITV,
                words,
                v.any(1, 1, 1, 0, 129, -1),
                v.any(0, 0, 0, 1),
                v.chance(90) ? Vocabulary.time(0, v.one(0, 1, -1)) : v.shortTime(),
                v.any(1, 1, 0, 2));
    }

    /** Calls that the document's table excludes; the rest of the script is not compared. */
    private void excluded() {
        if (!v.chance(25)) {
            useProcess();
            return;
        }
        switch (v.below(4)) {
            case 0 -> v.call(JudgedCall.PREADV2, v.descriptor(), parts(4), n(1), v.any(0, -1), n(0), v.any(0, 8, -1));
            case 1 -> v.call(JudgedCall.PWRITEV2, v.descriptor(), parts(4), n(1), v.any(0, -1), n(0), v.any(0, 16));
            case 2 -> v.call(JudgedCall.COPY_FILE_RANGE, v.descriptor(), n(0), v.descriptor(), n(0), n(4), n(0));
            default -> v.call(JudgedCall.SPLICE, v.descriptor(), n(0), v.descriptor(), n(0), n(4), n(2));
        }
    }
}
