// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.h;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.p;
import static dev.samara.emulator.live.Vocabulary.q;
import static dev.samara.emulator.live.Vocabulary.w;

import java.util.ArrayList;
import java.util.List;

/** Sentences about reads, writes, positions and sizes of files, pipes and memory files. */
final class TransferSentences {
    static final int RDWR_CREAT = 0102;

    private final Vocabulary v;

    TransferSentences(Vocabulary words) {
        v = words;
    }

    /** Starts with some non-empty files. */
    void begin() {
        int files = 1 + v.below(3);
        for (int i = 0; i < files; i++) {
            switch (v.below(7)) {
                case 0 -> {
                    int pipe = v.descriptors();
                    v.call(JudgedCall.PIPE2, Vocabulary.fields(w(-1), w(-1)), n(v.one(0, 04000, 02000000)));
                    v.opened(2);
                    if (v.chance(40)) {
                        takeSome(pipe);
                    } else if (v.chance(50)) {
                        giveSome(pipe);
                    }
                }
                case 1 -> {
                    v.call(JudgedCall.MEMFD_CREATE, new Argument.Text("m"), n(v.one(0, 2)));
                    v.opened(1);
                }
                case 2 -> {
                    v.call(JudgedCall.EVENTFD2, n(v.one(0, 1, 7)), n(v.one(04000, 04001)));
                    v.opened(1);
                }
                default -> {
                    long extra = v.bits(20, 02000, 04000, 02000000);
                    v.call(
                            JudgedCall.OPENAT,
                            n(-100),
                            new Argument.Text(v.one("a", "b")),
                            n(RDWR_CREAT | extra),
                            n(0644));
                    v.call(JudgedCall.WRITE, n(v.descriptors()), new Argument.Text("abcdefghij"), n(10));
                    if (v.chance(60)) {
                        v.call(JudgedCall.LSEEK, n(v.descriptors()), n(v.below(6)), n(0));
                    }
                    v.opened(1);
                }
            }
        }
    }

    /** Reads of a pipe that contains fewer bytes than requested, or more than fit into the memory. */
    private void takeSome(int pipe) {
        v.timed(JudgedCall.WRITE, n(pipe + 1), new Argument.Text("abcdefghij"), n(1 + v.below(10)));
        Argument part = v.chance(60) ? new Argument.Edge(v.below(6)) : v.memory(8);
        v.timed(JudgedCall.READ, n(pipe), part, n(1 + v.below(12)));
        v.call(JudgedCall.IOCTL, n(pipe), n(0x541b), v.in(w(7)));
    }

    /** Small writes to a pipe of one page. */
    private void giveSome(int pipe) {
        v.call(JudgedCall.FCNTL, n(pipe + 1), n(1031), v.any(4096, 4096, 8192));
        for (int i = 2 + v.below(2); i > 0; i--) {
            v.timed(JudgedCall.WRITE, n(pipe + 1), new Argument.Text("abcdefghij"), n(1 + v.below(10)));
        }
        v.call(JudgedCall.IOCTL, n(pipe), n(0x541b), v.in(w(7)));
    }

    private Argument parts() {
        List<Argument.Field> fields = new ArrayList<>();
        int count = 1 + v.below(4);
        boolean hasEdge = false;
        for (int i = 0; i < count; i++) {
            int length = v.length();
            Argument to = v.memory(length);
            // Memory contains only one edge.
            to = hasEdge && to instanceof Argument.Edge ? new Argument.Buffer(length) : to;
            hasEdge |= to instanceof Argument.Edge;
            fields.add(p(to));
            fields.add(q(v.chance(95) ? length : v.one(-1, Long.MIN_VALUE, Long.MAX_VALUE)));
        }
        return v.chance(96) ? new Argument.Fields(fields) : v.bad();
    }

    private Argument count(Argument parts) {
        int there = parts instanceof Argument.Fields fields ? fields.fields().size() / 2 : 1;
        return n(v.chance(90) ? there : v.one(0, -1, 1025, Integer.MAX_VALUE, 1L << 32));
    }

    private Argument size(int length) {
        return n(v.chance(92) ? length : v.one(-1, Long.MIN_VALUE, 1L << 62, Long.MAX_VALUE));
    }

    private void big(JudgedCall call, Argument... position) {
        int length = (int) v.one(4096, 4097, 8192, 65535, 65536, 65537, 70000, 131072);
        Argument[] all = new Argument[3 + position.length];
        all[0] = v.descriptor();
        all[1] = new Argument.Big(length);
        all[2] = n(length);
        System.arraycopy(position, 0, all, 3, position.length);
        v.timed(call, all);
    }

    void add() {
        int length = v.length();
        switch (v.below(30)) {
            case 0, 1, 2, 3 -> v.timed(JudgedCall.READ, v.descriptor(), v.memory(length), size(length));
            case 4, 5, 6 -> v.timed(JudgedCall.WRITE, v.descriptor(), v.memory(length), size(length));
            case 7 -> v.call(JudgedCall.PREAD64, v.descriptor(), v.memory(length), size(length), v.offset());
            case 8 -> v.call(JudgedCall.PWRITE64, v.descriptor(), v.memory(length), size(length), v.offset());
            case 9, 10 -> {
                Argument parts = parts();
                v.timed(JudgedCall.READV, v.descriptor(), parts, count(parts));
            }
            case 11, 12 -> {
                Argument parts = parts();
                v.timed(JudgedCall.WRITEV, v.descriptor(), parts, count(parts));
            }
            case 13 -> {
                Argument parts = parts();
                JudgedCall call = v.chance(50) ? JudgedCall.PREADV : JudgedCall.PWRITEV;
                v.call(call, v.descriptor(), parts, count(parts), v.offset(), n(0));
            }
            case 14, 15, 16 ->
                v.call(
                        JudgedCall.LSEEK,
                        v.descriptor(),
                        v.offset(),
                        v.any(0, 0, 1, 1, 2, 2, 3, 4, 3, 4, 5, -1, 1L << 32));
            case 17, 18 -> v.call(JudgedCall.FTRUNCATE, v.descriptor(), v.offset());
            case 19 -> v.call(JudgedCall.TRUNCATE, v.ownPath(), v.offset());
            case 20 ->
                v.call(JudgedCall.FALLOCATE, v.descriptor(), v.any(0, 3, 3, 0, 2, 64, -1), allocated(), allocated());
            case 21 -> sendfile();
            case 22 -> poll();
            case 23 -> select();
            case 24 -> v.call(JudgedCall.FSTAT, v.descriptor(), v.out(Structure.STAT));
            case 25 -> v.call(JudgedCall.FADVISE64, v.descriptor(), v.offset(), v.offset(), v.any(0, 1, 4, 5, 6, -1));
            case 26 -> {
                if (v.chance(50)) {
                    v.call(JudgedCall.READAHEAD, v.descriptor(), v.offset(), v.offset());
                } else {
                    v.call(v.chance(50) ? JudgedCall.FSYNC : JudgedCall.FDATASYNC, v.descriptor());
                }
            }
            case 27 ->
                v.call(
                        JudgedCall.IOCTL,
                        v.descriptor(),
                        v.any(0x541b, 0x5421, 0x5450, 0x5451, 0x5401, 0),
                        v.in(w(v.one(0, 1, 2))));
            case 28 -> big(v.chance(50) ? JudgedCall.WRITE : JudgedCall.READ);
            default -> big(v.chance(50) ? JudgedCall.PWRITE64 : JudgedCall.PREAD64, v.any(0, 5, 4096, 65530));
        }
    }

    private Argument allocated() {
        return v.any(0, 1, 5, 10, 4095, 4096, 8192, 65536, -1, Long.MAX_VALUE, Long.MIN_VALUE);
    }

    private void sendfile() {
        v.timed(
                JudgedCall.SENDFILE,
                v.descriptor(),
                v.descriptor(),
                v.chance(50) ? n(0) : v.in(q(v.one(0, 1, 5, 10, 11, 4096, -1, Long.MAX_VALUE))),
                v.any(0, 1, 3, 10, 100, 5000, -1));
    }

    private void poll() {
        List<Argument.Field> fields = new ArrayList<>();
        int count = v.below(4);
        for (int i = 0; i < count; i++) {
            fields.add(new Argument.Field('w', v.descriptor()));
            fields.add(h(v.one(1, 4, 5, 0, 0x41, 0x7f, 2, 0x345)));
            fields.add(h(v.one(0, -1)));
        }
        Argument entries = count == 0 ? n(0) : new Argument.Fields(fields);
        boolean hasMask = v.chance(20);
        v.call(
                JudgedCall.PPOLL,
                entries,
                n(v.chance(95) ? count : v.one(-1, 2000, 1L << 32)),
                v.shortTime(),
                hasMask ? v.in(q(v.one(0, -1, 0x2000))) : n(0),
                n(v.chance(90) ? 8 : v.one(0, 4, 16)));
    }

    private Argument set() {
        return v.chance(30) ? n(0) : v.in(q(v.one(1, 2, 3, 4, 5, 7, 8, 15, 31, 0, 1L << 40)));
    }

    private void select() {
        v.call(
                JudgedCall.PSELECT6,
                v.any(0, 1, 2, 3, 4, 5, 8, 64, -1),
                set(),
                set(),
                set(),
                v.shortTime(),
                v.chance(70) ? n(0) : v.in(p(v.in(q(v.one(0, -1)))), q(v.one(8, 8, 0, 4))));
    }
}
