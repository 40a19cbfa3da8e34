// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A file that one thread truncates, extends and rewrites. Other threads map it, shared and private, and move, split,
 * replace and fork their mappings concurrently. After a truncation, no access that starts later may find the content
 * beyond the new end, in any mapping.
 */
final class ResizedFile {
    private static final int PAGES = 10;
    private static final long LENGTH = PAGES * TortureSpace.PAGE;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;
    private static final int PRIVATE = 1 << 30;

    final MemoryFile file;

    private final TortureMachine setup;
    private final Checker contents;
    private final Checker rights;
    private final Checker forks;
    private final Checker leaks;
    private final int owner;

    /** Per page: how often a removal of its content from the file started, and how often one completed. */
    private final AtomicLongArray going = new AtomicLongArray(PAGES);

    private final AtomicLongArray gone = new AtomicLongArray(PAGES);

    /**
     * Per page: how often a truncation, which also removes private copies, started to cut the page off, and how often
     * one completed.
     */
    private final AtomicLongArray cutting = new AtomicLongArray(PAGES);

    private final AtomicLongArray cut = new AtomicLongArray(PAGES);

    /** The value of {@link #gone} after the page's last truncation. */
    private final AtomicLongArray goneAtCut = new AtomicLongArray(PAGES);

    /**
     * The number of pages that certainly exist: while {@link #turn} does not change, no page below this number raises
     * SIGBUS.
     */
    private final AtomicInteger pages = new AtomicInteger(PAGES);

    /** The counter of size changes; it is odd during a change. */
    private final AtomicInteger turn = new AtomicInteger();

    ResizedFile(TortureMachine setup, int owner, Checker[] checkers) {
        this.setup = setup;
        this.owner = owner;
        contents = checkers[0];
        rights = checkers[1];
        forks = checkers[2];
        leaks = checkers[3];
        file = setup.machine.newFile("/shrinking", owner, TortureSpace.GEOMETRY, LENGTH);
    }

    /** Truncates and extends the file, punches holes in it, and writes to it. */
    Actor resizer() {
        byte[] page = new byte[(int) TortureSpace.PAGE];
        return random -> {
            int first = random.nextInt(PAGES);
            int behind = first + 1 + random.nextInt(PAGES - first);
            switch (random.nextInt(4)) {
                case 0, 1 -> {
                    shorten(first);
                    setup.failures.linger();
                    turn.incrementAndGet();
                    file.truncate(LENGTH);
                    pages.set(PAGES);
                    turn.incrementAndGet();
                }
                case 2 -> punch(first, behind);
                default -> {
                    for (int n = first; n < behind; n++) {
                        write(page, n);
                    }
                }
            }
        };
    }

    private void shorten(int first) {
        turn.incrementAndGet();
        pages.set(first);
        for (int page = first; page < PAGES; page++) {
            going.incrementAndGet(page);
            cutting.incrementAndGet(page);
        }
        file.truncate(first * TortureSpace.PAGE);
        for (int page = first; page < PAGES; page++) {
            goneAtCut.set(page, going.get(page));
            gone.incrementAndGet(page);
            cut.incrementAndGet(page);
        }
        turn.incrementAndGet();
    }

    private void punch(int first, int behind) {
        for (int page = first; page < behind; page++) {
            going.incrementAndGet(page);
        }
        file.punch(first * TortureSpace.PAGE, (behind - first) * TortureSpace.PAGE);
        for (int page = first; page < behind; page++) {
            gone.incrementAndGet(page);
        }
    }

    /**
     * Writes a page, and reads it back. Only this thread removes content from the file, so the content must be
     * unchanged.
     */
    private void write(byte[] bytes, int page) {
        long mark = TortureMachine.stamp(owner, page, gone.get(page));
        for (int part : TortureMachine.PARTS) {
            for (int i = 0; i < Long.BYTES; i++) {
                bytes[part + i] = (byte) (mark >>> (i * Byte.SIZE));
            }
        }
        long written = file.pwrite(bytes, 0, bytes.length, page * TortureSpace.PAGE);
        boolean known = written == bytes.length || written == Errno.ENOSPC.result();
        contents.check(known, known ? "" : "pwrite gave " + written);
        if (written == bytes.length) {
            byte[] read = new byte[bytes.length];
            long there = file.pread(read, 0, read.length, page * TortureSpace.PAGE);
            boolean same = there == read.length && java.util.Arrays.equals(bytes, read);
            contents.check(same, "pread of page " + page + " is not the written content");
        }
    }

    /** Maps the file at one of two places, and uses the mapping. */
    final class Mapper implements Actor {
        private final TortureMachine.View view = setup.view();
        private final boolean shared;
        private final Backing backing = file.open();
        private long at;
        private long other;

        /** Per page: the value of {@link #cutting} when this mapper last wrote the page; -1 for no private copy. */
        private final long[] writtenAt = new long[PAGES];

        private final AtomicLong writes = new AtomicLong();

        Mapper(boolean shared) {
            this.shared = shared;
            long[] places = setup.area(PAGES);
            at = places[0];
            other = places[1];
            map(0, PAGES);
        }

        private void map(int first, int behind) {
            int flags = Mman.FIXED | (shared ? Mman.SHARED : Mman.PRIVATE);
            TortureSpace.succeed(setup.space.mmap(
                    at + first * TortureSpace.PAGE,
                    (behind - first) * TortureSpace.PAGE,
                    WRITABLE,
                    flags,
                    backing,
                    first * TortureSpace.PAGE));
            for (int page = first; page < behind; page++) {
                writtenAt[page] = -1;
            }
        }

        @Override
        public void step(Random random) {
            int first = random.nextInt(PAGES);
            int behind = first + 1 + random.nextInt(Math.min(4, PAGES - first));
            long start = at + first * TortureSpace.PAGE;
            long length = (behind - first) * TortureSpace.PAGE;
            switch (random.nextInt(24)) {
                case 0 -> map(first, behind);
                case 1, 2, 3 -> {
                    for (int page = 0; page < PAGES; page++) {
                        TortureSpace.succeed(setup.space.mremap(
                                at + page * TortureSpace.PAGE,
                                TortureSpace.PAGE,
                                TortureSpace.PAGE,
                                TortureSpace.MOVE_TO,
                                other + page * TortureSpace.PAGE));
                    }
                    long from = at;
                    at = other;
                    other = from;
                }
                case 4, 5 -> fork(random);
                case 6, 7, 8 -> {
                    setup.space.madvise(start, length, Mman.DONTDUMP);
                    setup.space.madvise(start, length, Mman.DODUMP);
                }
                case 9 -> {
                    TortureSpace.succeed(setup.space.mprotect(start, length, Mman.READ));
                    int result = view.add(start, 0);
                    boolean refused = result == Fault.ACCERR;
                    rights.check(refused, "a write to a read-only page gave " + Fault.toString(result));
                    TortureSpace.succeed(setup.space.mprotect(start, length, WRITABLE));
                }
                case 10 -> {
                    TortureSpace.succeed(setup.space.madvise(start, length, Mman.DONTNEED));
                    for (int page = first; page < behind && !shared; page++) {
                        writtenAt[page] = -1;
                    }
                }
                case 11, 12, 13, 14 -> write(first);
                default -> read(view, first, contents);
            }
        }

        /** Stores a new stamp to a private page, or adds 0 to a shared page. */
        private void write(int page) {
            long address = at + page * TortureSpace.PAGE + TortureMachine.PARTS[random(page)];
            if (shared) {
                int result = view.add(address, 0);
                expected(page, result);
                return;
            }
            long mark = TortureMachine.stamp(owner, page, PRIVATE | writes.incrementAndGet());
            for (int part : TortureMachine.PARTS) {
                view.store(at + page * TortureSpace.PAGE + part, mark);
            }
            writtenAt[page] = cutting.get(page);
        }

        private int random(int page) {
            return page % TortureMachine.PARTS.length;
        }

        private void expected(int page, int result) {
            boolean known = result == Fault.NONE || result == Fault.OUT_OF_MEMORY || result == Fault.ADRERR;
            contents.check(known, "a mapped page " + page + " gave " + Fault.toString(result));
        }

        private void read(TortureMachine.View in, int page, Checker checker) {
            for (int part : TortureMachine.PARTS) {
                int before = turn.get();
                int there = pages.get();
                long isCut = cut.get(page);
                long isGone = shared ? gone.get(page) : goneAtCut.get(page);
                int result = in.load(at + page * TortureSpace.PAGE + part);
                expected(page, result);
                boolean steady = (before & 1) == 0 && turn.get() == before;
                if (result == Fault.NONE) {
                    judge(page, in.value(), isCut, isGone, checker);
                    checker.check(!steady || page < there, "page " + page + " beyond the end was read");
                } else if (result == Fault.ADRERR) {
                    checker.check(!steady || page >= there, "page " + page + " within the end is a SIGBUS");
                }
            }
        }

        private void judge(int page, long read, long isCut, long isGone, Checker checker) {
            boolean holds = read == 0;
            if (TortureMachine.isOf(read, owner, page)) {
                long sequence = TortureMachine.sequence(read);
                holds = (sequence & PRIVATE) == 0
                        ? sequence >= isGone
                        : !shared && writtenAt[page] >= 0 && isCut <= writtenAt[page];
            }
            checker.check(
                    holds,
                    holds
                            ? ""
                            : (shared ? "shared" : "private") + " page " + page + " has " + TortureMachine.say(read)
                                    + " after it was cut " + isCut + " times, written at " + writtenAt[page] + ", gone "
                                    + isGone + " times");
        }

        private void fork(Random random) {
            AddressSpace child;
            try {
                child = setup.space.fork();
            } catch (MmException refused) {
                forks.check(refused.errno() == Errno.ENOMEM, refused.toString());
                return;
            }
            TortureMachine.View in = setup.new View(child);
            for (int n = 0; n < 2; n++) {
                for (int page = 0; page < PAGES; page++) {
                    read(in, page, forks);
                }
                if (random.nextBoolean()) {
                    TortureSpace.succeed(
                            child.mremap(at, TortureSpace.PAGE, TortureSpace.PAGE, TortureSpace.MOVE_TO, other));
                    TortureSpace.succeed(
                            child.mremap(other, TortureSpace.PAGE, TortureSpace.PAGE, TortureSpace.MOVE_TO, at));
                }
            }
            child.validate();
            child.close();
            in.leave();
            int tables = TortureMachine.tablesLeft(child);
            leaks.check(tables == 0, tables + " page tables of a child are left after close");
        }
    }
}
