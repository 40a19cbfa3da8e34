// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

import static dev.samara.core.vma.Protection.READ;
import static dev.samara.core.vma.Protection.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Advice;
import dev.samara.core.vma.Errno;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.MapFlags;
import dev.samara.core.vma.RemapFlags;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/** Takes pages and rights away from one plot, and gives them again. For one thread. */
abstract class Changer {
    /** How long a child is left alone with what it was forked with, beside stores of its parent. */
    private static final long LINGER_NANOS = 1000;

    private static final int ALL = Plot.READ | Plot.WRITE;
    private static final int ANONYMOUS = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    final AddressSpace space;
    final Plot plot;
    final Random random;

    Changer(AddressSpace space, Plot plot, Random random) {
        this.space = space;
        this.plot = plot;
        this.random = random;
    }

    /** Makes one change, or a change and its end. */
    abstract void step();

    final void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("a call on plot " + plot.name(0) + " fails with " + Errno.of(result));
        }
    }

    final void protect(int from, int to) {
        int rights = random.nextInt(3);
        plot.begins(from, to);
        done(space.mprotect(
                plot.address(from), (to - from) * Plot.PAGE, rights == 0 ? 0 : rights == 1 ? READ : READ | WRITE));
        plot.ends(from, to, rights == 0 ? 0 : rights == 1 ? Plot.READ : ALL, false);
    }

    final void unprotect(int from, int to) {
        plot.begins(from, to);
        done(space.mprotect(plot.address(from), (to - from) * Plot.PAGE, READ | WRITE));
        plot.ends(from, to, ALL, false);
    }

    /** Private memory, which is unmapped, mapped, replaced, protected and discarded. */
    static final class Anonymous extends Changer {
        Anonymous(AddressSpace space, Plot plot, Random random) {
            super(space, plot, random);
            map(0, plot.pages());
        }

        private void map(int from, int to) {
            plot.begins(from, to);
            done(space.mmap(plot.address(from), (to - from) * Plot.PAGE, READ | WRITE, ANONYMOUS, null, 0));
            plot.ends(from, to, ALL, true);
        }

        @Override
        void step() {
            int from = random.nextInt(plot.pages());
            int to = from + 1 + random.nextInt(Math.min(8, plot.pages() - from));
            long bytes = (to - from) * Plot.PAGE;
            switch (random.nextInt(4)) {
                case 0 -> {
                    plot.begins(from, to);
                    done(space.munmap(plot.address(from), bytes));
                    plot.ends(from, to, 0, true);
                    map(from, to);
                }
                case 1 -> map(from, to);
                case 2 -> {
                    map(from, to);
                    protect(from, to);
                }
                default -> {
                    map(0, plot.pages());
                    plot.begins(from, to);
                    done(space.madvise(plot.address(from), bytes, Advice.DONTNEED));
                    plot.ends(from, to, ALL, true);
                }
            }
        }
    }

    /** Pages that are there for a moment only, with their table. */
    static final class Fleeting extends Changer {
        private static final int LONGEST = 400;

        Fleeting(AddressSpace space, Plot plot, Random random) {
            super(space, plot, random);
        }

        @Override
        void step() {
            int pages = plot.pages();
            plot.begins(0, pages);
            done(space.mmap(plot.address(0), pages * Plot.PAGE, READ | WRITE, ANONYMOUS | MapFlags.POPULATE, null, 0));
            plot.ends(0, pages, ALL, true);
            for (int n = random.nextInt(LONGEST); n > 0; n--) {
                Thread.onSpinWait();
            }
            plot.begins(0, pages);
            done(space.munmap(plot.address(0), pages * Plot.PAGE));
            plot.ends(0, pages, 0, true);
        }
    }

    /** A shared file, mapped and unmapped while another thread cuts and grows it: each finds what the other has emptied. */
    static final class Mapped extends Changer {
        private final MemoryFile file;

        Mapped(AddressSpace space, Plot plot, Random random, MemoryFile file) {
            super(space, plot, random);
            this.file = file;
        }

        @Override
        void step() {
            long bytes = plot.pages() * Plot.PAGE;
            done(space.mmap(plot.address(0), bytes, READ | WRITE, MapFlags.SHARED | MapFlags.FIXED, file.open(), 0));
            for (int n = random.nextInt(4000); n > 0; n--) {
                Thread.onSpinWait();
            }
            done(space.munmap(plot.address(0), bytes));
        }
    }

    /** The other thread. */
    static final class Cut extends Changer {
        private final MemoryFile file;

        Cut(AddressSpace space, Plot plot, Random random, MemoryFile file) {
            super(space, plot, random);
            this.file = file;
        }

        @Override
        void step() {
            done(file.truncate(random.nextInt(plot.pages()) * Plot.PAGE));
            done(file.truncate(plot.pages() * Plot.PAGE));
        }
    }

    /** A shared file, which is cut and grown, and gets holes. */
    static final class Shared extends Changer {
        private final MemoryFile file;

        Shared(AddressSpace space, Plot plot, Random random, MemoryFile file) {
            super(space, plot, random);
            this.file = file;
            plot.begins(0, plot.pages());
            done(space.mmap(
                    plot.address(0),
                    plot.pages() * Plot.PAGE,
                    READ | WRITE,
                    MapFlags.SHARED | MapFlags.FIXED,
                    file.open(),
                    0));
            plot.ends(0, plot.pages(), ALL, true);
        }

        @Override
        void step() {
            int from = random.nextInt(plot.pages());
            int to = from + 1 + random.nextInt(plot.pages() - from);
            switch (random.nextInt(3)) {
                case 0 -> {
                    plot.begins(from, plot.pages());
                    done(file.truncate(from * Plot.PAGE));
                    plot.ends(from, plot.pages(), 0, true);
                    plot.begins(from, plot.pages());
                    done(file.truncate(plot.pages() * Plot.PAGE));
                    plot.ends(from, plot.pages(), ALL, true);
                }
                case 1 -> {
                    plot.begins(from, to);
                    done(file.punch(from * Plot.PAGE, (to - from) * Plot.PAGE));
                    plot.ends(from, to, ALL, true);
                }
                default -> {
                    protect(from, to);
                    unprotect(from, to);
                }
            }
        }
    }

    /** Private memory that keeps what it contains, while it is moved, protected and forked. Its second half is the other place. */
    static final class Kept extends Changer {
        private final Cpu cpu;
        private final Judges judges;
        private int at;

        Kept(AddressSpace space, Plot plot, Random random, Cpu cpu, Judges judges) {
            super(space, plot, random);
            this.cpu = cpu;
            this.judges = judges;
            done(space.mmap(plot.address(0), plot.distinct() * Plot.PAGE, READ | WRITE, ANONYMOUS, null, 0));
            plot.begins(0, plot.distinct());
            plot.ends(0, plot.distinct(), ALL, false);
        }

        @Override
        void step() {
            int pages = plot.distinct();
            switch (random.nextInt(3)) {
                case 0 -> {
                    int next = pages - at;
                    plot.begins(0, 2 * pages);
                    done(space.mremap(
                            plot.address(at),
                            pages * Plot.PAGE,
                            pages * Plot.PAGE,
                            RemapFlags.MAYMOVE | RemapFlags.FIXED,
                            plot.address(next)));
                    plot.ends(at, at + pages, 0, false);
                    plot.ends(next, next + pages, ALL, false);
                    at = next;
                }
                case 1 -> {
                    protect(at, at + pages);
                    unprotect(at, at + pages);
                }
                default -> fork();
            }
        }

        private void fork() {
            // So that the CPU has been at the same addresses of another space when it comes to the child.
            cpu.load(space);
            for (int page = 0; page < plot.distinct(); page++) {
                sum(at + page);
            }
            AddressSpace child = space.fork();
            try (child) {
                cpu.load(child);
                for (int round = 0; round < 4; round++) {
                    int page = at + random.nextInt(plot.distinct());
                    long first = sum(page);
                    cpu.store(plot.address(page) + Plot.STAMP, Long.BYTES, plot.stamp(page, 1, true));
                    LockSupport.parkNanos(LINGER_NANOS);
                    long second = sum(page);
                    if (first == second) {
                        judges.children.held();
                    } else {
                        judges.children.broken(plot.name(page) + " counts " + first + ", and then " + second);
                    }
                }
            } finally {
                cpu.load(null);
            }
        }

        private long sum(int page) {
            int result = cpu.load(plot.address(page) + Plot.SUM, Long.BYTES);
            if (!Fault.isDone(result)) {
                throw new IllegalStateException(plot.name(page) + " fails: " + Fault.toString(result));
            }
            return cpu.value();
        }

        /** Compares what the pages have counted with what was added to them; when nobody adds any more. */
        void compare(long[] added) {
            cpu.load(space);
            for (int page = 0; page < added.length; page++) {
                long sum = sum(at + page);
                if (sum == added[page]) {
                    judges.sums.held();
                } else {
                    judges.sums.broken(plot.name(page) + " counts " + sum + " of " + added[page]);
                }
            }
            cpu.load(null);
        }
    }
}
