// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.fields;
import static dev.samara.emulator.live.Vocabulary.kept;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.w;

import java.util.List;

/**
 * Sentences about what a child shares with its parent: the child makes one call and ends, and the script checks what
 * the call changed.
 */
final class SharingSentences {
    private static final long WORDS = Placement.BIG + 0x3_0000;
    private static final long VM = 0x100;
    private static final long FS = 0x200;
    private static final long FILES = 0x400;
    private static final long SIGHAND = 0x800;
    private static final long PIDFD = 0x1000;
    private static final long VFORK = 0x4000;
    private static final long PARENT = 0x8000;
    private static final long PARENT_TID = 0x10_0000;
    private static final long CLEARED_TID = 0x20_0000;
    private static final long CHILD_TID = 0x100_0000;
    private static final long NO_HANDLERS = 1L << 32;

    /** Waits for children regardless of the signal that they send when they end. */
    private static final long ALL = 0x4000_0000L;

    private final Vocabulary v;
    private int process;
    private boolean isHandled;

    SharingSentences(Vocabulary words) {
        v = words;
    }

    void begin() {
        v.call(JudgedCall.OPENAT, n(-100), new Argument.Text("a"), n(TransferSentences.RDWR_CREAT), n(0644));
        v.call(JudgedCall.WRITE, n(0), new Argument.Text("abcdefghij"), n(10));
        v.opened(1);
        if (v.chance(80)) {
            v.call(JudgedCall.MKDIRAT, n(-100), new Argument.Text("d"), n(0755));
        }
        if (v.chance(40)) {
            v.call(JudgedCall.OPENAT, n(-100), new Argument.Text("."), n(0), n(0));
            v.opened(1);
        }
        if (v.chance(50)) {
            v.add(new Step.Handle(0, 10, v.bits(30, 0x1000_0000), 0));
            isHandled = true;
        }
        if (v.chance(50)) {
            v.call(JudgedCall.MMAP, n(FutexSentences.FIRST), n(8192), n(3), v.any(0x32, 0x31), n(-1), n(0));
        }
        if (v.chance(35)) {
            process = v.make(0, false);
        } else if (v.chance(20)) {
            v.make(0, true);
        }
    }

    void add() {
        if (v.chance(55)) {
            share();
        } else {
            look();
        }
    }

    private long flags(long shared, int by) {
        long flags = shared | v.bits(20, VM, FS, FILES, PARENT_TID, CHILD_TID, CLEARED_TID, VFORK);
        flags |= v.bits(10, PIDFD, 0x40000, 0x80_0000, 0x8000_0000L);
        if ((flags & PIDFD) != 0 && v.chance(80)) {
            flags &= ~PARENT_TID;
        }
        if (v.chance(20)) {
            flags |= SIGHAND | VM;
        }
        if (by != 0 && by == process && v.chance(60)) {
            // For any other task, the child would become a child of the judging process.
            flags |= PARENT;
        }
        return flags;
    }

    private void share() {
        int by = v.chance(70) || process == 0 ? v.chance(80) ? 0 : v.below(v.tasks()) : process;
        boolean isClone3 = v.chance(40);
        long kind = v.one(0, FS, FS, FILES, FILES, FILES, SIGHAND | VM, SIGHAND | VM, VM, VM);
        long flags = flags(kind, by);
        if (isClone3 && v.chance(8)) {
            flags |= NO_HANDLERS;
        }
        boolean isOfParent = (flags & PARENT) != 0;
        flags |= isOfParent && isClone3 && v.chance(90) ? 0 : v.one(17, 17, 17, 0, 23, 18, 10);
        if ((flags & 0xff) == 10 && (by != 0 || !isHandled)) {
            // This signal would end the parent.
            flags += 7;
        }
        v.add(new Step.Spawn(by, isClone3, flags, WORDS, action(kind)));
        int waiter = isOfParent ? 0 : by;
        if (v.chance(30)) {
            Argument child = kept(Step.Spawn.KEPT);
            v.by(waiter, JudgedCall.WAITID, n(1), child, v.out(Structure.SIGINFO), n(0x0100_0004L | ALL), n(0));
        }
        v.by(waiter, JudgedCall.WAIT4, kept(Step.Spawn.KEPT), fields(w(7)), n(ALL), n(0));
        if ((flags & PIDFD) != 0) {
            v.opened(1);
        }
        if (v.chance(60)) {
            long word = v.chance(50) ? WORDS + 16 : WORDS + v.one(0, 8);
            v.add(new Step.Load(by, 4, word));
            v.add(new Step.Store(by, 4, word, 0));
        }
        look();
    }

    private Step.Call does(JudgedCall call, Argument... arguments) {
        return new Step.Call(0, Step.Way.PLAIN, call, List.of(arguments));
    }

    private Step.Call action(long kind) {
        if (v.chance(12)) {
            return other();
        }
        if (kind == FS) {
            return switch (v.below(4)) {
                case 0, 1 -> does(JudgedCall.CHDIR, new Argument.Text(v.one("d", "d", "..", "d/..", "x")));
                case 2 -> does(JudgedCall.UMASK, v.any(0, 077, 027));
                default -> does(JudgedCall.FCHDIR, v.descriptor());
            };
        }
        if (kind == FILES) {
            return ofFiles();
        }
        if (kind == (SIGHAND | VM)) {
            return does(
                    JudgedCall.RT_SIGACTION,
                    // The signal that a child may send when it ends keeps its handler.
                    v.any(12, 12, 17, 23),
                    new Argument.Action(v.chance(50), v.bits(30, 4, 0x1000_0000), v.one(0, 0x200)),
                    n(0),
                    n(8));
        }
        if (kind == VM) {
            Argument at = n(FutexSentences.FIRST + v.one(0, 4096));
            return switch (v.below(4)) {
                case 0 -> does(JudgedCall.MUNMAP, at, n(4096));
                case 1 -> does(JudgedCall.MPROTECT, at, n(4096), v.any(0, 1, 3));
                case 2 -> does(JudgedCall.MMAP, at, n(4096), n(3), v.any(0x32, 0x31), n(-1), n(0));
                default -> does(JudgedCall.READ, v.descriptor(), at, v.any(1, 10));
            };
        }
        return other();
    }

    private Step.Call ofFiles() {
        Argument file = v.descriptor();
        return switch (v.below(10)) {
            case 0, 1 -> does(JudgedCall.CLOSE, file);
            case 2 -> does(JudgedCall.DUP, file);
            case 3 -> does(JudgedCall.DUP3, file, v.newDescriptor(), v.any(0, 02000000));
            case 4 -> does(JudgedCall.FCNTL, file, n(2), v.any(0, 1));
            case 5 -> does(JudgedCall.OPENAT, n(-100), new Argument.Text(v.name()), n(0102), n(0666));
            case 6 -> does(JudgedCall.EVENTFD2, n(1), n(04000));
            case 7 -> does(JudgedCall.CLOSE_RANGE, n(v.below(4)), v.any(1, 3, 5), v.any(0, 4));
            case 8 -> does(JudgedCall.MEMFD_CREATE, new Argument.Text("m"), n(0));
            default -> does(JudgedCall.FLOCK, file, v.any(5, 6, 8));
        };
    }

    private Step.Call other() {
        return switch (v.below(8)) {
            case 0 -> does(JudgedCall.EXIT, v.any(0, 3, 255));
            case 1 -> does(JudgedCall.EXIT_GROUP, v.any(0, 4, 256));
            case 2 -> does(JudgedCall.LSEEK, v.descriptor(), n(v.below(9)), n(0));
            case 3 -> does(JudgedCall.WRITE, v.descriptor(), new Argument.Text("xyz"), n(3));
            case 4 -> does(JudgedCall.SETPGID, n(-1), n(0));
            case 5 -> does(JudgedCall.FUTEX, n(WORDS + 16), n(1), n(1), n(0), n(0), n(0));
            case 6 ->
                does(
                        JudgedCall.FCNTL,
                        v.descriptor(),
                        v.any(6, 37),
                        fields(Vocabulary.h(1), Vocabulary.h(0), Vocabulary.q(0), Vocabulary.q(3), w(0)));
            default -> does(JudgedCall.SIGALTSTACK, n(0), n(0));
        };
    }

    /** Checks what a child may have changed. */
    private void look() {
        int task = v.chance(80) ? 0 : v.below(v.tasks());
        switch (v.below(14)) {
            case 0, 1 -> v.by(task, JudgedCall.GETCWD, new Argument.Out(Structure.PATH), n(4096));
            case 2 -> {
                v.by(task, JudgedCall.OPENAT, n(-100), new Argument.Text(v.name()), n(0101), n(0777));
                v.opened(task == 0 ? 1 : 0);
            }
            case 3 -> v.by(task, JudgedCall.UMASK, v.any(022, 077));
            case 4, 5, 6 -> v.by(task, JudgedCall.FCNTL, v.descriptor(), v.any(1, 3), n(0));
            case 7, 8 ->
                v.by(task, JudgedCall.RT_SIGACTION, v.any(10, 10, 12, 17, 23), n(0), v.out(Structure.SIGACTION), n(8));
            case 9 -> v.add(new Step.Load(task, 1, FutexSentences.FIRST + v.one(0, 4096)));
            case 10 -> v.add(new Step.Store(task, 1, FutexSentences.FIRST + v.one(0, 4096), 0x41));
            case 11 -> v.add(new Step.Noted(task));
            case 12 ->
                v.call(
                        JudgedCall.PPOLL,
                        fields(new Argument.Field('w', v.descriptor()), Vocabulary.h(1), Vocabulary.h(0)),
                        n(1),
                        Vocabulary.time(0, 0),
                        n(0),
                        n(8));
            default ->
                v.by(
                        task,
                        JudgedCall.WAITID,
                        n(3),
                        v.descriptor(),
                        v.out(Structure.SIGINFO),
                        n(5 | v.one(0, ALL)),
                        n(0));
        }
    }
}
