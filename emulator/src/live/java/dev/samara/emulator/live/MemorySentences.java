// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.fields;
import static dev.samara.emulator.live.Vocabulary.kept;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

import java.util.List;

/**
 * Sentences about memory: mappings that processes and children of {@code clone} share, limits on them, and copies
 * between processes.
 */
final class MemorySentences {
    /** Where a child of {@code clone} stores: its thread ID for its parent, for itself, and a word of its own. */
    private static final long WORDS = Placement.BIG + 0x3_0000;

    private static final int DATA = 2;
    private static final int SPACE = 9;

    private static final long VM = 0x100;
    private static final long VFORK = 0x4000;
    private static final long PARENT_TID = 0x10_0000;
    private static final long CLEARED_TID = 0x20_0000;
    private static final long CHILD_TID = 0x100_0000;

    /** __WALL. */
    private static final long ALL = 0x4000_0000L;

    private final Vocabulary v;

    MemorySentences(Vocabulary words) {
        v = words;
    }

    void begin() {
        switch (v.below(3)) {
            case 0 -> v.call(JudgedCall.MEMFD_CREATE, new Argument.Text("m"), n(0));
            case 1 -> v.call(JudgedCall.OPENAT, n(-100), new Argument.Text("a"), n(Vocabulary.RDWR_CREAT), n(0644));
            default -> {
                map(0);
                return;
            }
        }
        v.call(JudgedCall.FTRUNCATE, n(0), v.any(8192, 4096, 100));
        v.opened(1);
        map(0);
        if (v.chance(50)) {
            v.make(0, v.chance(25));
        }
    }

    private int task() {
        return v.chance(80) ? 0 : v.below(v.tasks());
    }

    private Argument place() {
        return n(FutexSentences.FIRST + v.one(0, 4096, 8192));
    }

    private void map(int task) {
        boolean isOfFile = v.descriptors() > 0 && v.chance(60);
        v.by(
                task,
                JudgedCall.MMAP,
                place(),
                v.any(4096, 8192),
                v.any(0, 1, 3, 3, 3),
                n(isOfFile ? v.one(0x11, 0x12) : v.one(0x32, 0x31, 0x10_0022)),
                n(isOfFile ? 0 : -1),
                n(isOfFile ? v.one(0, 0, 4096) : 0));
    }

    void add() {
        int task = task();
        switch (v.below(20)) {
            case 0, 1, 2 -> share();
            case 3, 4, 5 -> otherMemory();
            case 6, 7 -> limit(task);
            case 8 -> map(task);
            case 9 -> v.by(task, JudgedCall.MUNMAP, place(), v.any(4096, 8192, 0));
            case 10 ->
                v.by(
                        task,
                        JudgedCall.MREMAP,
                        place(),
                        v.any(4096, 8192, 0),
                        v.any(4096, 8192),
                        v.any(0, 1, 3, 7),
                        n(FutexSentences.SECOND));
            case 11 -> v.by(task, JudgedCall.MPROTECT, place(), v.any(4096, 8192), v.any(0, 1, 3));
            case 12 -> v.by(task, JudgedCall.MADVISE, place(), v.any(4096, 8192), v.any(4, 4, 9, 10, 11, 21));
            case 13 -> v.by(task, JudgedCall.MSYNC, place(), v.any(4096, 8192), v.any(1, 4, 2, 5));
            case 14 -> {
                if (v.descriptors() > 0) {
                    v.by(task, JudgedCall.FTRUNCATE, n(0), v.any(0, 4096, 8192));
                }
            }
            case 15, 16, 17 -> v.add(new Step.Store(task, 1, FutexSentences.FIRST + v.one(0, 4096, 8191), 0x41));
            default -> v.add(new Step.Load(task, 1, FutexSentences.FIRST + v.one(0, 4096, 8191)));
        }
    }

    /** A child that shares the memory of its parent, or copies it, makes one call and ends. */
    private void share() {
        long flags = v.bits(60, VM) | v.bits(20, PARENT_TID, CHILD_TID, CLEARED_TID, VFORK);
        v.add(new Step.Spawn(task(), v.chance(40), flags | 17, WORDS, inChild()));
        v.call(JudgedCall.WAIT4, kept(Step.Spawn.KEPT), fields(w(7)), n(ALL), n(0));
        long word = v.chance(50) ? WORDS + 16 : WORDS + v.one(0, 8);
        v.add(new Step.Load(0, 4, word));
        v.add(new Step.Store(0, 4, word, 0));
    }

    private Step.Call inChild() {
        return switch (v.below(6)) {
            case 0 -> does(JudgedCall.MUNMAP, place(), n(4096));
            case 1 -> does(JudgedCall.MPROTECT, place(), n(4096), v.any(0, 1, 3));
            case 2 -> does(JudgedCall.MMAP, place(), n(4096), n(3), v.any(0x32, 0x31), n(-1), n(0));
            case 3 -> does(JudgedCall.MREMAP, place(), n(4096), n(8192), n(3), n(FutexSentences.SECOND));
            case 4 -> does(JudgedCall.FUTEX, n(WORDS + 16), n(1), n(1), n(0), n(0), n(0));
            default -> does(v.chance(50) ? JudgedCall.EXIT : JudgedCall.EXIT_GROUP, v.any(0, 3, 255));
        };
    }

    private static Step.Call does(JudgedCall call, Argument... arguments) {
        return new Step.Call(0, Step.Way.PLAIN, call, List.of(arguments));
    }

    private void limit(int task) {
        // The limit is lower than what either side uses, or does not bind.
        Argument limits = fields(q(v.one(1, 4096, 8192, -1)), q(-1));
        v.by(task, JudgedCall.PRLIMIT64, v.chance(80) ? n(0) : v.process(), v.any(DATA, SPACE), limits, n(0));
    }

    private Argument parts(int length) {
        return v.chance(90) ? fields(Vocabulary.p(v.memory(length)), q(v.chance(90) ? length : v.one(-1, 0))) : v.bad();
    }

    /** Copies between the memory of two processes. */
    private void otherMemory() {
        int length = v.length();
        long at = v.one(
                FutexSentences.FIRST,
                FutexSentences.FIRST + 4090,
                Placement.READ_ONLY,
                Placement.BAD,
                Placement.EDGE_END - 4,
                -1);
        Argument there = v.chance(92) ? fields(q(at), q(v.chance(90) ? length : v.one(-1, 0))) : v.bad();
        v.call(
                v.chance(60) ? JudgedCall.PROCESS_VM_READV : JudgedCall.PROCESS_VM_WRITEV,
                v.chance(70) ? v.pid(v.below(v.tasks())) : v.process(),
                parts(length),
                v.any(1, 1, 1, 1, 0, -1, 1025),
                there,
                v.any(1, 1, 1, 1, 0, -1, 1025),
                v.any(0, 0, 0, 0, 1));
    }
}
