// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.h;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

/**
 * Sentences that make the same calls on descriptors of each kind, and on names in {@code /proc} and {@code /dev}. These
 * calls transfer no bytes, because the bytes differ between the two sides.
 */
final class KindSentences {
    private static final String[] EMULATED = {
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/proc",
        "/proc/self",
        "/proc/self/fd",
        "/proc/self/task",
        "/proc/self/maps",
        "/proc/self/mem",
        "/proc/self/pagemap",
        "/proc/cpuinfo"
    };

    private static final String[] NAMES = {
        "/proc/self/x",
        "/proc/self/fd/x",
        "/proc/self/fd/99",
        "/proc/self/maps/",
        "/proc/self/maps/x",
        "/proc/self/cwd",
        "/proc/self/cwd/x",
        "/proc/x",
        "/proc/.",
        "/proc/self/..",
        "/proc/self/fd/.",
        "/proc/99999999",
        "/dev/null/",
        "/dev/null/x",
        "/dev/fd/0"
    };

    private static final long[] REQUESTS = {2, 0x541b, 0x5421, 0x5450, 0x5451, 0x5452, 0x5452, 0x5401, 0};

    private final Vocabulary v;

    KindSentences(Vocabulary words) {
        v = words;
    }

    private static Argument s(String text) {
        return new Argument.Text(text);
    }

    /** Starts with descriptors of some kinds. */
    void begin() {
        v.call(JudgedCall.OPENAT, n(-100), s("a"), n(TransferSentences.RDWR_CREAT), n(0644));
        v.opened(1);
        for (int i = 3 + v.below(5); i > 0; i--) {
            open();
        }
    }

    private void open() {
        switch (v.below(10)) {
            case 0 -> {
                v.call(JudgedCall.PIPE2, Vocabulary.fields(w(-1), w(-1)), n(04000));
                v.opened(1);
            }
            case 1 -> v.call(JudgedCall.EVENTFD2, n(7), n(04000));
            case 2 -> v.call(JudgedCall.MEMFD_CREATE, s("m"), n(v.one(0, 2)));
            case 3 -> v.call(JudgedCall.PIDFD_OPEN, v.pid(0), n(v.one(0, 04000)));
            case 4 -> v.call(JudgedCall.OPENAT, n(-100), s("."), n(v.one(04000, 04002, 010000000)), n(0));
            case 5 ->
                v.call(
                        JudgedCall.OPENAT,
                        n(-100),
                        s("/proc/self/fd/" + v.below(v.descriptors())),
                        n(v.one(04000, 04001, 04002, 010000000, 010000000, 010400000)),
                        n(0));
            default ->
                v.call(
                        JudgedCall.OPENAT,
                        n(-100),
                        s(v.one(EMULATED)),
                        n(v.one(0, 0, 0, 1, 2, 010000000) | v.bits(10, 01000, 02000, 040000, 0200000, 01000000)),
                        n(0));
        }
        v.opened(1);
    }

    private Argument name() {
        return s(v.chance(50) ? v.one(NAMES) : v.chance(60) ? v.one(EMULATED) : "/proc/self/fd/" + v.below(6));
    }

    /**
     * Returns a name other than {@code /proc}. On the kernel that folder belongs to user 0, and in the emulator to the
     * guest.
     */
    private Argument movable() {
        Argument name = name();
        return name.equals(s("/proc")) ? s("/proc/self") : name;
    }

    void add() {
        switch (v.below(24)) {
            case 0, 1, 2, 3, 4 ->
                v.call(
                        JudgedCall.IOCTL,
                        v.descriptor(),
                        v.any(REQUESTS),
                        v.chance(90) ? Vocabulary.fields(w(v.one(0, 1))) : v.bad());
            case 5, 6 -> v.call(JudgedCall.FTRUNCATE, v.descriptor(), size());
            case 7 -> v.call(JudgedCall.TRUNCATE, name(), size());
            case 8, 9 ->
                v.call(JudgedCall.FALLOCATE, v.descriptor(), v.any(0, 0, 1, 2, 3, 16, 128), size(), v.any(1, 4096, 0));
            case 10 ->
                v.call(JudgedCall.FCNTL, v.descriptor(), n(4), n(v.bits(25, 02000, 04000, 020000, 040000, 01000000)));
            case 11 -> v.call(JudgedCall.FCNTL, v.descriptor(), v.any(1031, 1032, 1033, 1034, 9, 1027), n(0));
            case 12 -> v.call(v.chance(50) ? JudgedCall.FSYNC : JudgedCall.FDATASYNC, v.descriptor());
            case 13 -> v.call(JudgedCall.READAHEAD, v.descriptor(), n(0), v.any(0, 5, -1));
            case 14 -> v.call(JudgedCall.FADVISE64, v.descriptor(), n(0), v.any(0, 5, -1), v.any(0, 3, 6));
            case 15 -> v.call(JudgedCall.LSEEK, v.descriptor(), v.any(0, 1, -1), v.any(0, 0, 1, 5));
            case 16 -> nothing();
            case 17 -> v.call(JudgedCall.FLOCK, v.descriptor(), v.any(5, 6, 8, 16));
            case 18 -> open();
            case 19 -> attributes();
            case 20, 21 -> names();
            case 22 -> v.call(JudgedCall.NEWFSTATAT, n(-100), name(), v.out(Structure.STAT), v.any(0, 0x100));
            default ->
                v.call(
                        JudgedCall.PPOLL,
                        Vocabulary.fields(new Argument.Field('w', v.descriptor()), h(v.one(0x7f, 5, 0)), h(-1)),
                        n(1),
                        Vocabulary.time(0, 0),
                        n(0),
                        n(8));
        }
    }

    private Argument size() {
        return v.any(0, 0, 1, 5, 4096, 1L << 31, Long.MAX_VALUE, -1);
    }

    /** Transfers of zero bytes, which reveal the order of errors. */
    private void nothing() {
        Argument to = v.chance(60) ? v.bad() : new Argument.Buffer(0);
        switch (v.below(6)) {
            case 0 -> v.call(JudgedCall.READ, v.descriptor(), to, n(0));
            case 1 -> v.call(JudgedCall.WRITE, v.descriptor(), to, n(0));
            case 2 -> v.call(JudgedCall.PREAD64, v.descriptor(), to, n(0), v.any(0, 0, -1));
            case 3 -> v.call(JudgedCall.PWRITE64, v.descriptor(), to, n(0), v.any(0, 0, -1));
            case 4 -> v.call(JudgedCall.READV, v.descriptor(), v.bad(), v.any(0, 1, 2000));
            default -> v.call(JudgedCall.WRITEV, v.descriptor(), v.bad(), v.any(0, 1, 2000));
        }
    }

    private void attributes() {
        Argument times = v.chance(50) ? n(0) : Vocabulary.fields(q(5), q(5), q(6), q(v.one(6, -5)));
        switch (v.below(6)) {
            case 0 -> v.call(JudgedCall.FCHMOD, v.descriptor(), n(0644));
            case 1 -> v.call(JudgedCall.FCHMODAT, n(-100), name(), n(0644));
            case 2 -> v.call(JudgedCall.FCHOWN, v.descriptor(), n(-1), n(-1));
            case 3 -> v.call(JudgedCall.FCHOWNAT, n(-100), name(), n(-1), n(-1), v.any(0, 0x100));
            case 4 -> v.call(JudgedCall.UTIMENSAT, v.descriptor(), n(0), times, n(0));
            default -> v.call(JudgedCall.UTIMENSAT, n(-100), name(), times, v.any(0, 0x100));
        }
    }

    private void names() {
        switch (v.below(10)) {
            case 0, 1, 2 -> {
                v.call(
                        JudgedCall.OPENAT,
                        n(-100),
                        name(),
                        n(v.one(04000, 04001, 04102, 04302, 0200000) | v.bits(15, 01000, 0400000, 010000000, 01000000)),
                        n(0644));
                v.opened(1);
            }
            case 3 -> v.call(JudgedCall.MKDIRAT, n(-100), name(), n(0755));
            case 4 -> v.call(JudgedCall.MKNODAT, n(-100), name(), n(0644), n(0));
            case 5 -> v.call(JudgedCall.SYMLINKAT, s("x"), n(-100), name());
            case 6 -> v.call(JudgedCall.UNLINKAT, n(-100), movable(), v.any(0, 0x200));
            case 7 ->
                v.call(
                        JudgedCall.RENAMEAT2,
                        n(-100),
                        movable(),
                        n(-100),
                        v.chance(50) ? movable() : s("b"),
                        v.any(0, 1));
            case 8 -> v.call(JudgedCall.RENAMEAT2, n(-100), s("a"), n(-100), movable(), v.any(0, 1));
            default ->
                v.call(JudgedCall.LINKAT, n(-100), name(), n(-100), v.chance(50) ? name() : s("b"), v.any(0, 0x400));
        }
    }
}
