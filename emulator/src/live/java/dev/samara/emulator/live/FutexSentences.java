// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.n;

/** Sentences about mapped memory, and futexes in it. */
final class FutexSentences {
    static final long FIRST = 0x2000_0000L;
    static final long SECOND = 0x2010_0000L;
    private static final int PRIVATE_FLAG = 128;

    private final Vocabulary v;

    private boolean isFirstShared;
    private boolean isSecondShared;

    FutexSentences(Vocabulary words) {
        v = words;
    }

    /** Maps a file or anonymous memory at two places, in every possible way. */
    void begin() {
        long shared = 1;
        long privately = 2;
        long kind = v.below(6);
        switch ((int) kind) {
            case 0 -> map(FIRST, 3, privately | 0x20, -1);
            case 1 -> {
                map(FIRST, 3, shared | 0x20, -1);
                isFirstShared = true;
            }
            case 2 -> {
                v.call(JudgedCall.MEMFD_CREATE, new Argument.Text("m"), n(0));
                sized();
            }
            default -> {
                v.call(JudgedCall.OPENAT, n(-100), new Argument.Text("a"), n(Vocabulary.RDWR_CREAT), n(0644));
                sized();
            }
        }
        if (v.chance(40)) {
            v.add(new Step.Store(0, 4, FIRST + v.one(0, 0, 4, 8), v.one(0, 1, -1)));
        }
    }

    private void sized() {
        int file = v.descriptors();
        v.call(JudgedCall.FTRUNCATE, n(file), n(v.one(8192, 4096, 100)));
        v.opened(1);
        boolean isReadOnly = v.chance(35);
        if (isReadOnly) {
            v.call(JudgedCall.OPENAT, n(-100), new Argument.Text("/proc/self/fd/" + file), n(0), n(0));
            v.opened(1);
        }
        isFirstShared = v.chance(75);
        isSecondShared = v.chance(75);
        map(FIRST, 3, isFirstShared ? 1 : 2, file);
        map(SECOND, isReadOnly ? 1 : v.one(1, 3), isSecondShared ? v.one(1, 1, 3) : 2, isReadOnly ? file + 1 : file);
    }

    private void map(long at, long protection, long flags, long file) {
        v.call(JudgedCall.MMAP, n(at), n(8192), n(protection), n(flags | 0x10), n(file), n(0));
    }

    private Argument word() {
        return n(
                v.chance(90)
                        ? v.one(FIRST, FIRST, FIRST, SECOND, SECOND, FIRST + 4, SECOND + 4, FIRST + 4096)
                        : v.one(
                                FIRST + 1,
                                FIRST + 2,
                                0,
                                Placement.BAD,
                                Placement.READ_ONLY,
                                Placement.EDGE_END - 4,
                                -4,
                                1L << 47));
    }

    private long flag() {
        return v.chance(45) ? PRIVATE_FLAG : 0;
    }

    private Argument time() {
        return v.chance(90) ? Vocabulary.time(0, v.one(0, 0, 1000)) : v.shortTime();
    }

    void add() {
        switch (v.below(16)) {
            case 0, 1, 2 -> v.call(JudgedCall.FUTEX, word(), n(flag()), v.any(0, 0, 1, -1), time(), n(0), n(0));
            case 3, 4 ->
                v.call(
                        JudgedCall.FUTEX,
                        word(),
                        n(1 | flag()),
                        v.any(0, 1, 2, -1, Integer.MAX_VALUE),
                        n(0),
                        n(0),
                        n(0));
            case 5 -> v.call(JudgedCall.FUTEX, word(), n(3 | flag()), v.any(0, 1, -1), v.any(0, 1, -1), word(), n(0));
            case 6 ->
                v.call(JudgedCall.FUTEX, word(), n(4 | flag()), v.any(0, 1, -1), v.any(0, 1, -1), word(), v.any(0, 1));
            case 7 ->
                v.call(
                        JudgedCall.FUTEX,
                        word(),
                        n(5 | flag()),
                        v.any(0, 1),
                        v.any(0, 1),
                        word(),
                        n((v.below(16) << 28L) | ((long) v.below(8) << 24) | (v.below(4) << 12) | v.below(3)));
            case 8, 9 ->
                v.call(
                        JudgedCall.FUTEX,
                        word(),
                        n(9 | flag() | v.one(0, 256)),
                        v.any(0, 0, 1),
                        time(),
                        n(0),
                        v.any(1, -1, 0, 2));
            case 10 -> v.call(JudgedCall.FUTEX, word(), n(10 | flag()), v.any(0, 1), n(0), n(0), v.any(1, 0, -1));
            case 11 ->
                v.call(
                        JudgedCall.FUTEX,
                        word(),
                        n(v.one(2, 14, 99, 0x180, 256, 257, 127) | flag()),
                        n(0),
                        time(),
                        word(),
                        n(0));
            case 12 -> memory();
            case 13 -> woken();
            case 14 -> waitForWords();
            default -> robust();
        }
    }

    private void memory() {
        switch (v.below(6)) {
            case 0 -> v.call(JudgedCall.MUNMAP, n(v.one(SECOND, FIRST + 4096)), n(4096));
            case 1 -> v.call(JudgedCall.MPROTECT, n(v.one(FIRST, SECOND)), n(4096), v.any(0, 1, 3));
            case 2 -> v.call(JudgedCall.FTRUNCATE, n(0), v.any(0, 4096, 8192));
            case 3 -> v.add(new Step.Load(0, 4, v.one(FIRST, SECOND, FIRST + 4096)));
            case 4 -> v.add(new Step.Store(0, 4, v.one(FIRST, SECOND, FIRST + 4), v.one(0, 1, -1)));
            default -> {
                map(v.one(FIRST, SECOND), v.one(0, 1, 3), v.one(1, 2, 0x21, 0x22, 0, 3), v.one(-1, 0, 1));
                isFirstShared = false;
                isSecondShared = false;
            }
        }
    }

    /** A task that waits, and another one that wakes it. */
    void woken() {
        boolean isFirst = v.chance(50);
        long flag = flag();
        // A child process has its own private memory, where no other task wakes it.
        boolean isShared = flag == 0 && (isFirst ? isFirstShared : isSecondShared);
        int waiter = v.make(0, !isShared || v.chance(40));
        Argument place = n(isFirst ? FIRST : SECOND);
        // The words may contain other values; then the wait and the wakes return immediately on both sides.
        boolean hasBits = v.chance(30);
        v.begin(
                waiter,
                JudgedCall.FUTEX,
                place,
                n(flag | (hasBits ? 9 : 0)),
                n(0),
                hasBits ? n(0) : Vocabulary.time(20, 0),
                n(0),
                n(v.one(1, 2, -1)));
        long wakes = v.below(4);
        if (wakes == 0) {
            v.repeat(JudgedCall.FUTEX, n(v.one(FIRST, SECOND)), n(10 | flag), n(1), n(0), n(0), n(v.one(1, 2, -1)));
        } else if (wakes == 1) {
            Argument target = n(v.one(FIRST + 4, SECOND + 4));
            v.repeat(JudgedCall.FUTEX, n(v.one(FIRST, SECOND)), n(4 | flag), n(0), n(1), target, v.any(0));
            v.call(JudgedCall.FUTEX, n(v.one(FIRST + 4, SECOND + 4)), n(1 | flag), n(5), n(0), n(0), n(0));
            v.call(JudgedCall.FUTEX, target, n(1 | flag), n(5), n(0), n(0), n(0));
        } else {
            v.repeat(JudgedCall.FUTEX, n(v.one(FIRST, SECOND)), n(1 | flag), n(1), n(0), n(0), n(0));
        }
        v.repeat(JudgedCall.FUTEX, place, n(1 | flag), n(1), n(0), n(0), n(0));
        v.await(waiter);
    }

    private void waitForWords() {
        Argument words = v.in(
                Vocabulary.q(v.one(0, 1, 1L << 32)),
                Vocabulary.q(v.one(FIRST, SECOND, FIRST + 1, Placement.BAD, 0)),
                Vocabulary.w(v.one(2, 2, 130, 0, 1, 3, 4)),
                Vocabulary.w(v.one(0, 0, 0, 1)));
        v.call(
                JudgedCall.FUTEX_WAITV,
                words,
                v.any(1, 1, 1, 0, 129, -1),
                v.any(0, 0, 0, 1),
                v.chance(90) ? Vocabulary.time(0, v.one(0, 1, -1)) : v.shortTime(),
                v.any(1, 1, 0, 2));
    }

    private void robust() {
        switch (v.below(3)) {
            case 0 -> v.call(JudgedCall.SET_ROBUST_LIST, v.any(FIRST, 0, 1, -1), v.any(24, 24, 0, 23, 25));
            case 1 ->
                v.call(
                        JudgedCall.GET_ROBUST_LIST,
                        v.any(0, 0, 0x3fff_ffff, -1),
                        v.in(Vocabulary.q(7)),
                        v.in(Vocabulary.q(7)));
            default -> robustEnd();
        }
    }

    /** A task exits while its robust list contains a word, which task 0 then reads. */
    private void robustEnd() {
        int child = v.make(0, false);
        long list = FIRST + 64;
        v.add(new Step.Store(child, 8, list, v.one(FIRST + 96, list, FIRST + 97, Placement.BAD)));
        v.add(new Step.Store(child, 8, list + 8, v.one(-92, -96, -88, 0)));
        v.add(new Step.Store(child, 8, list + 16, v.one(0, 0, FIRST + 96)));
        v.add(new Step.Store(child, 8, FIRST + 96, list));
        v.by(child, JudgedCall.SET_ROBUST_LIST, n(list), n(24));
        v.begin(child, JudgedCall.EXIT, n(0));
        v.call(JudgedCall.WAIT4, v.pid(child), n(0), n(0), n(0));
        v.add(new Step.Load(0, 4, v.one(FIRST + 4, FIRST)));
    }
}
