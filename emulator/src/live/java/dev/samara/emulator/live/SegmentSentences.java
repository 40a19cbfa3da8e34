// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.fields;
import static dev.samara.emulator.live.Vocabulary.kept;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

/** Sentences about System V segments: attachments in several processes, and accesses to them. */
final class SegmentSentences {
    /** The maximum number of segments in a script. Their numbers are stored as the first kept results. */
    static final int MOST = 3;

    /** The kept result that contains the address of an attachment. */
    private static final int ADDRESS = 4;

    private static final int PLACES = 8;
    private static final long PAGE = 4096;
    static final int CREATE = 01000;
    private static final int EXCLUSIVE = 02000;

    private final Vocabulary v;
    private int segments;

    SegmentSentences(Vocabulary words) {
        v = words;
    }

    /** Starts with segments, and often with a child, created before or after the first attachment. */
    void begin() {
        if (v.chance(30)) {
            v.make(0, v.chance(20));
        }
        make();
        attach();
        if (v.chance(40)) {
            make();
        }
        if (v.chance(40)) {
            v.make(0, false);
        }
    }

    private int task() {
        return v.chance(70) ? 0 : v.below(v.tasks());
    }

    private Argument segment() {
        return v.chance(96) ? kept(v.below(Math.max(segments, 1))) : v.any(-1, Integer.MIN_VALUE);
    }

    private long place() {
        return FutexSentences.FIRST + PAGE * v.below(PLACES);
    }

    private Argument address() {
        return n(v.chance(80) ? place() : place() + v.one(1, 8, 2048, 4095));
    }

    private void make() {
        if (segments == MOST) {
            return;
        }
        v.call(
                JudgedCall.SHMGET,
                v.chance(60) ? n(0) : new Argument.SegmentKey(),
                v.any(1, 4096, 4097, 8192, 16384),
                n(v.one(0600, 0600, 0700, 0777, 0400, 0200, 0, 0066) | CREATE | v.bits(20, EXCLUSIVE)));
        v.keep(0, segments++);
    }

    private void attach() {
        boolean isAnywhere = v.chance(12);
        int task = task();
        Argument to = isAnywhere
                ? n(0)
                : v.chance(93) ? address() : v.any(-1, -PAGE, 1, 1L << 47, (1L << 47) - PAGE, Long.MIN_VALUE);
        long flags = v.bits(12, 010000, 020000, 040000, 0100000) | v.bits(2, 1, 01000, 1L << 31, 1L << 32);
        v.by(task, JudgedCall.SHMAT, segment(), to, n(flags));
        if (isAnywhere) {
            v.keep(task, ADDRESS);
        }
    }

    void add() {
        switch (v.below(28)) {
            case 0, 1, 2, 3, 4 -> attach();
            case 5, 6, 7 -> v.by(task(), JudgedCall.SHMDT, v.chance(85) ? address() : kept(ADDRESS));
            case 8, 9, 10, 11 -> status();
            case 12 -> v.by(task(), JudgedCall.SHMCTL, segment(), n(0), n(0));
            case 13 -> change();
            case 14 -> v.by(task(), JudgedCall.SHMCTL, segment(), v.any(11, 12, 99, 4, -1, 1L << 32 | 2), v.any(0, -1));
            case 15, 16, 17 -> v.add(new Step.Load(task(), width(), place() + v.one(0, 0, 8, 4088)));
            case 18, 19, 20 ->
                v.add(new Step.Store(task(), width(), place() + v.one(0, 0, 8, 4088), v.one(1, 0x55, -1)));
            case 21 -> findAgain();
            case 22, 23, 24 -> changeMappings();
            case 25 -> end();
            case 26 -> useInCalls();
            default -> {
                if (v.chance(50)) {
                    make();
                } else {
                    v.make(v.chance(80) ? 0 : v.below(v.tasks()), v.chance(10));
                }
            }
        }
    }

    private int width() {
        return (int) v.one(1, 4, 8);
    }

    private void status() {
        v.by(task(), JudgedCall.SHMCTL, segment(), n(2), v.out(Structure.SEGMENT));
    }

    /** Changes owner and mode: a user may give a segment away, and can still remove it. */
    private void change() {
        long user = v.one(1000, 1000, 1000, 0, -1);
        v.by(
                task(),
                JudgedCall.SHMCTL,
                segment(),
                n(1),
                v.chance(92)
                        ? fields(
                                w(0),
                                w(user),
                                w(v.one(1000, 1000, -1)),
                                w(0),
                                w(0),
                                w(v.one(0600, 0, 0400, 0777, -1)),
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
                                q(0))
                        : v.bad());
    }

    /** Creates a segment only if its number is kept, because otherwise nothing would remove it. */
    private void findAgain() {
        int by = task();
        v.by(
                by,
                JudgedCall.SHMGET,
                new Argument.SegmentKey(),
                v.any(0, 1, 4096, 4097, 16384, 16385, -1),
                n(v.one(0, 0, 0600, 0400, 0111, 0077) | v.bits(segments < MOST ? 30 : 0, CREATE, EXCLUSIVE)));
        if (segments < MOST) {
            // The segment may be new; the task that looked it up stores its number.
            v.keep(by, segments++);
        } else {
            v.call(JudgedCall.SHMCTL, kept(MOST - 1), n(2), v.out(Structure.SEGMENT));
        }
    }

    private void changeMappings() {
        int task = task();
        Argument at = n(place());
        Argument length = v.any(PAGE, PAGE, 2 * PAGE, 4 * PAGE, 1, 0);
        switch (v.below(7)) {
            case 0, 1 -> v.by(task, JudgedCall.MUNMAP, at, length);
            case 2 -> v.by(task, JudgedCall.MPROTECT, at, length, v.any(0, 1, 3, 5, 7));
            case 3 -> v.by(task, JudgedCall.MADVISE, at, length, v.any(4, 4, 9, 8, 21, 10, 11));
            case 4 -> v.by(task, JudgedCall.MMAP, at, length, n(3), v.any(0x32, 0x31, 0x10_0022), n(-1), n(0));
            case 5 ->
                v.by(
                        task,
                        JudgedCall.MREMAP,
                        at,
                        v.any(PAGE, PAGE, 2 * PAGE, 0),
                        v.any(PAGE, 2 * PAGE, 4 * PAGE),
                        v.any(3, 3, 0, 7),
                        n(place()));
            default -> v.by(task, JudgedCall.MSYNC, at, length, v.any(1, 4, 2, 5));
        }
    }

    /** A child whose end detaches its attachments. */
    private void end() {
        int child = v.make(0, false);
        if (v.chance(60)) {
            v.by(child, JudgedCall.SHMAT, segment(), address(), n(v.bits(20, 010000, 040000)));
        }
        if (v.chance(50)) {
            v.call(JudgedCall.KILL, v.pid(child), n(9));
        } else {
            v.begin(child, JudgedCall.EXIT_GROUP, n(0));
        }
        v.call(JudgedCall.WAITID, n(1), v.pid(child), v.out(Structure.SIGINFO), n(4), n(0));
        v.call(JudgedCall.SHMCTL, segment(), n(2), v.out(Structure.SEGMENT));
    }

    /** Calls that read or write an attachment, up to its end or beyond. */
    private void useInCalls() {
        long at = place() + v.one(0, 4090);
        switch (v.below(3)) {
            case 0 -> {
                v.call(JudgedCall.PIPE2, fields(w(-1), w(-1)), n(04000));
                v.call(JudgedCall.WRITE, n(v.descriptors() + 1), n(at), n(12));
                v.call(JudgedCall.READ, n(v.descriptors()), n(place()), n(12));
                v.opened(2);
            }
            case 1 -> v.by(task(), JudgedCall.FUTEX, n(at & -4), n(v.one(1, 129)), n(1), n(0), n(0), n(0));
            default ->
                v.call(
                        v.chance(50) ? JudgedCall.PROCESS_VM_READV : JudgedCall.PROCESS_VM_WRITEV,
                        v.pid(v.below(v.tasks())),
                        fields(Vocabulary.p(new Argument.Buffer(12)), q(12)),
                        n(1),
                        fields(q(at), q(12)),
                        n(1),
                        n(0));
        }
    }
}
