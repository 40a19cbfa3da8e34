// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static dev.samara.emulator.live.Vocabulary.fields;
import static dev.samara.emulator.live.Vocabulary.n;
import static dev.samara.emulator.live.Vocabulary.q;

/** Sentences about names: files, folders, links, and their attributes. */
final class NameSentences {
    private static final int DIRECTORY = 0200000;
    private static final int PATH = 010000000;
    private static final int NOFOLLOW = 0400000;
    private static final long NOW = (1L << 30) - 1;
    private static final long OMIT = (1L << 30) - 2;

    private final Vocabulary v;

    NameSentences(Vocabulary words) {
        v = words;
    }

    private static Argument s(String text) {
        return new Argument.Text(text);
    }

    /** Starts with some files, folders and links. */
    void begin() {
        if (v.chance(35)) {
            // The number of the first open descriptor is known.
            v.call(JudgedCall.OPENAT, n(-100), s("."), n(v.one(0, 0, DIRECTORY)), n(0));
            v.opened(1);
        }
        if (v.chance(80)) {
            v.call(JudgedCall.MKDIRAT, n(-100), s("d"), n(0755));
            if (v.chance(60)) {
                v.call(JudgedCall.OPENAT, n(-100), s("d/f"), n(TransferSentences.RDWR_CREAT), n(0600));
                v.opened(1);
            }
        }
        if (v.chance(70)) {
            v.call(JudgedCall.OPENAT, n(-100), s("a"), n(TransferSentences.RDWR_CREAT), n(0644));
            v.call(JudgedCall.WRITE, n(v.descriptors()), s("abcdefghij"), n(10));
            v.opened(1);
        }
        if (v.chance(40)) {
            v.call(JudgedCall.SYMLINKAT, s(v.one("a", "./a", "d/f", "d/../a")), n(-100), s("l"));
        }
        if (v.chance(30)) {
            v.call(JudgedCall.SYMLINKAT, s(v.one("d", "./d", ".")), n(-100), s("dl"));
        }
        if (v.chance(20)) {
            v.call(JudgedCall.SYMLINKAT, s("loop"), n(-100), s("loop"));
        }
        if (v.chance(20)) {
            v.call(JudgedCall.SYMLINKAT, s("nothing"), n(-100), s("dangling"));
        }
        if (v.chance(15)) {
            v.call(JudgedCall.SYMLINKAT, s(".."), n(-100), s("d/up"));
        }
        if (v.chance(30)) {
            v.call(
                    JudgedCall.OPENAT,
                    n(-100),
                    s(v.one("d", ".", "dl")),
                    n(v.one(DIRECTORY, PATH, PATH | DIRECTORY)),
                    n(0));
            v.opened(1);
        }
    }

    long openFlags() {
        long flags = v.one(0, 0, 1, 2, 2, 2, 3);
        flags |= v.chance(45) ? 0100 : 0;
        flags |= v.bits(12, 0200, 01000, 02000, 04000, DIRECTORY, NOFOLLOW, 02000000, PATH);
        flags |= v.bits(4, 010000, 04010000, 0400, 0100000, 01000000, 020000, 020200000);
        return flags;
    }

    void open() {
        v.timed(
                JudgedCall.OPENAT,
                v.folder(),
                v.chance(10) ? v.path() : v.ownPath(),
                n(openFlags()),
                n(v.one(0644, 0600, 0755, 0666, 0777, 07777)));
        v.opened(1);
    }

    private Argument flags(long... known) {
        return n(v.chance(85) ? v.one(known) : v.bits(30, 0x100, 0x200, 0x400, 0x1000, 0x2000, 1, 2, 4, 8, 0x8000));
    }

    void add() {
        switch (v.below(36)) {
            case 0, 1, 2, 3, 4, 5 -> open();
            case 6 -> v.call(JudgedCall.MKDIRAT, v.folder(), v.ownPath(), n(v.one(0755, 0700, 0777, 01777)));
            case 7, 8 -> v.call(JudgedCall.UNLINKAT, v.folder(), v.ownPath(), flags(0, 0, 0, 0x200, 0x200));
            case 9, 10, 11 ->
                v.call(JudgedCall.RENAMEAT2, v.folder(), v.ownPath(), v.folder(), v.ownPath(), flags(0, 0, 0, 0, 1, 2));
            case 12, 13 ->
                v.call(JudgedCall.LINKAT, v.folder(), v.ownPath(), v.folder(), v.ownPath(), flags(0, 0, 0x400));
            case 14, 15 -> v.call(JudgedCall.SYMLINKAT, target(), v.folder(), v.ownPath());
            case 16, 17 -> readLink();
            case 18 ->
                v.call(
                        JudgedCall.CHDIR,
                        v.chance(70) ? s(v.one("d", "dl", ".", "d/..", "a", "x", "d/e")) : v.ownPath());
            case 19 -> v.call(JudgedCall.FCHDIR, v.descriptor());
            case 20 -> v.call(JudgedCall.GETCWD, v.out(Structure.PATH), v.any(4096, 4096, 4096, 0, 1));
            case 21 -> v.call(JudgedCall.FACCESSAT, v.folder(), v.path(), v.any(0, 1, 2, 4, 6, 7, 8, -1));
            case 22 ->
                v.call(JudgedCall.FACCESSAT2, v.folder(), v.path(), v.any(0, 1, 2, 4, 7, 8), flags(0, 0x200, 0x1000));
            case 23 -> v.call(JudgedCall.FCHMODAT, v.folder(), v.ownPath(), n(mode()));
            case 24 -> v.call(JudgedCall.FCHMOD, v.descriptor(), n(mode()));
            case 25 ->
                v.call(
                        JudgedCall.UTIMENSAT,
                        v.folder(),
                        v.chance(80) ? v.ownPath() : n(0),
                        times(),
                        flags(0, 0, 0x100));
            case 26, 27 ->
                v.call(JudgedCall.NEWFSTATAT, v.folder(), v.ownPath(), v.out(Structure.STAT), flags(0, 0x100, 0x1000));
            case 28 ->
                v.call(
                        JudgedCall.STATX,
                        v.folder(),
                        v.ownPath(),
                        flags(0, 0x100, 0x1000, 0x2000, 0x6000),
                        v.any(0x7ff, 0x7ff, 0xfff, 0, 1L << 31),
                        v.out(Structure.STATX));
            case 29, 34 -> entries();
            case 35 -> exclusive();
            case 30 ->
                v.call(
                        JudgedCall.MKNODAT,
                        v.folder(),
                        v.ownPath(),
                        n(v.one(0100644, 0644, 0040755, 0120777, 0020644, 0060644, 0030644)),
                        n(v.one(0, 0, 0x103)));
            case 31 -> v.call(JudgedCall.CLOSE, v.descriptor());
            case 32 -> v.call(JudgedCall.UMASK, v.any(0, 022, 027, 077, 0777, -1));
            default -> owners();
        }
    }

    /** An open that may create a file, or only a new one, through a link to nothing or to a file. */
    private void exclusive() {
        String link = v.name();
        v.call(JudgedCall.SYMLINKAT, s(v.one("nothing", "nothing", "a", "d/f")), n(-100), s(link));
        v.timed(
                JudgedCall.OPENAT,
                n(-100),
                s(link),
                n(TransferSentences.RDWR_CREAT | v.bits(50, 0200, NOFOLLOW)),
                n(0644));
        v.opened(1);
    }

    /** Reads of a folder, each of which continues where the previous one ended. */
    private void entries() {
        Argument folder = v.chance(40) ? n(0) : v.descriptor();
        if (v.chance(40)) {
            folder = n(v.descriptors());
            v.call(JudgedCall.OPENAT, n(-100), s(v.one(".", ".", "d")), n(0), n(0));
            v.opened(1);
        }
        if (v.chance(60) && folder instanceof Argument.Numeric number) {
            v.add(new Step.Entries(0, number.value(), (int) v.one(512, 200, 96, 72, 48, 48, 24)));
        } else {
            v.call(
                    JudgedCall.GETDENTS64,
                    folder,
                    v.chance(90) ? v.out(Structure.DIRENTS) : new Argument.Edge(10),
                    v.any(4096, 200, 96, 72, 48, 48, 24, 0, 23, 10));
        }
    }

    /** Returns a mode that may deny permissions to the owner, which the superuser's permissions do not override. */
    private long mode() {
        return v.chance(55)
                ? v.one(0644, 0600, 0755, 0700, 06755, 07777, 0666)
                : v.one(0, 0111, 0222, 0333, 0444, 0555, 0077, 0100, 0200, 0400, 0500);
    }

    private void owners() {
        Argument user = v.any(-1, 0xffff_ffffL);
        if (v.chance(50)) {
            v.call(JudgedCall.FCHOWN, v.descriptor(), user, user);
        } else {
            v.call(JudgedCall.FCHOWNAT, v.folder(), v.ownPath(), user, user, flags(0, 0x100, 0x1000));
        }
    }

    /** Returns a target without the slashes that the JDK drops, as the document describes. */
    private Argument target() {
        return v.chance(60)
                ? s(v.one("a", "d", "d/f", "nothing", "loop", ".", "..", "l", "x"))
                : new Argument.Repeated((int) v.one(1, 255, 256, 4000, 4095, 4096), 't');
    }

    private void readLink() {
        if (v.chance(40)) {
            v.call(
                    JudgedCall.READLINKAT,
                    n(-100),
                    s("/proc/self/fd/" + v.below(5)),
                    new Argument.Out(Structure.PATH),
                    n(4096));
        } else {
            v.call(
                    JudgedCall.READLINKAT,
                    v.folder(),
                    v.ownPath(),
                    v.memory(8),
                    v.any(8, 8, 1, 3, 0, -1, Integer.MIN_VALUE));
        }
    }

    private Argument times() {
        if (v.chance(15)) {
            return n(0);
        }
        long accessed = second();
        long modified = second();
        return fields(q(accessed), q(nanos(accessed)), q(modified), q(nanos(modified)));
    }

    private long second() {
        return v.one(0, 1, 1_000_000_000L, -1, Integer.MAX_VALUE - 1_000_000_000L, 5);
    }

    /** The JDK cannot set a fraction of a second before 1970, as the document describes. */
    private long nanos(long second) {
        return v.chance(60)
                ? second < 0 ? 0 : v.one(0, 1, 999_999_999L, 500)
                : v.one(NOW, OMIT, OMIT, -1, 1_000_000_000L, Long.MAX_VALUE);
    }
}
