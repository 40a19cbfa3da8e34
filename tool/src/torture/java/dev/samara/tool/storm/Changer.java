// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import java.util.Random;

/** Removes pages and rights of one plot ({@link PageModel}), and restores them. Used by one thread. */
abstract class Changer {
    static final int ALL = PageModel.READ | PageModel.WRITE;
    static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    final AddressSpace space;
    final PageModel plot;
    final Random random;

    Changer(AddressSpace space, PageModel plot, Random random) {
        this.space = space;
        this.plot = plot;
        this.random = random;
    }

    /** Makes one change, or a change and its reversal. */
    abstract void step();

    /** Restores the state of the plot for the time between two acts. */
    void rest() {}

    final void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("a call on plot " + plot.name(0) + " fails with " + Errno.of(result));
        }
    }

    final void protect(int from, int to) {
        int rights = random.nextInt(3);
        plot.begins(from, to);
        done(space.mprotect(
                plot.address(from), (to - from) * PageModel.PAGE, rights == 0 ? 0 : rights == 1 ? READ : READ | WRITE));
        plot.ends(from, to, rights == 0 ? 0 : rights == 1 ? PageModel.READ : ALL, false);
    }

    final void unprotect(int from, int to) {
        plot.begins(from, to);
        done(space.mprotect(plot.address(from), (to - from) * PageModel.PAGE, READ | WRITE));
        plot.ends(from, to, ALL, false);
    }

    /** Changes private memory: unmaps, maps, replaces, protects and discards it. */
    static final class Anonymous extends Changer {
        Anonymous(AddressSpace space, PageModel plot, Random random) {
            super(space, plot, random);
            map(0, plot.pages());
        }

        @Override
        void rest() {
            map(0, plot.pages());
        }

        private void map(int from, int to) {
            plot.begins(from, to);
            done(space.mmap(plot.address(from), (to - from) * PageModel.PAGE, READ | WRITE, ANONYMOUS, null, 0));
            plot.ends(from, to, ALL, true);
        }

        @Override
        void step() {
            int from = random.nextInt(plot.pages());
            int to = from + 1 + random.nextInt(Math.min(8, plot.pages() - from));
            long bytes = (to - from) * PageModel.PAGE;
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
                    done(space.madvise(plot.address(from), bytes, Mman.DONTNEED));
                    plot.ends(from, to, ALL, true);
                }
            }
        }
    }

    /** Maps pages that exist only briefly, together with their page table. */
    static final class Fleeting extends Changer {
        private static final int LONGEST = 400;

        Fleeting(AddressSpace space, PageModel plot, Random random) {
            super(space, plot, random);
        }

        @Override
        void step() {
            int pages = plot.pages();
            plot.begins(0, pages);
            done(space.mmap(plot.address(0), pages * PageModel.PAGE, READ | WRITE, ANONYMOUS | Mman.POPULATE, null, 0));
            plot.ends(0, pages, ALL, true);
            for (int n = random.nextInt(LONGEST); n > 0; n--) {
                Thread.onSpinWait();
            }
            plot.begins(0, pages);
            done(space.munmap(plot.address(0), pages * PageModel.PAGE));
            plot.ends(0, pages, 0, true);
        }
    }

    /**
     * Maps and unmaps a shared file while another thread truncates and extends it, so that each thread finds entries
     * that the other thread cleared.
     */
    static final class Mapped extends Changer {
        private final MemoryFile file;

        Mapped(AddressSpace space, PageModel plot, Random random, MemoryFile file) {
            super(space, plot, random);
            this.file = file;
        }

        @Override
        void step() {
            long bytes = plot.pages() * PageModel.PAGE;
            done(space.mmap(plot.address(0), bytes, READ | WRITE, Mman.SHARED | Mman.FIXED, file.open(), 0));
            for (int n = random.nextInt(4000); n > 0; n--) {
                Thread.onSpinWait();
            }
            done(space.munmap(plot.address(0), bytes));
        }
    }

    /** Truncates and extends the file that {@link Mapped} maps. */
    static final class Cut extends Changer {
        private final MemoryFile file;

        Cut(AddressSpace space, PageModel plot, Random random, MemoryFile file) {
            super(space, plot, random);
            this.file = file;
        }

        @Override
        void step() {
            cut(random.nextInt(plot.pages()));
        }

        private void cut(int pages) {
            done(file.truncate(pages * PageModel.PAGE));
            done(file.truncate(plot.pages() * PageModel.PAGE));
        }

        @Override
        void rest() {
            cut(0);
        }
    }

    /** Changes a shared file: truncates and extends it, punches holes, and protects its mapping. */
    static final class Shared extends Changer {
        private final MemoryFile file;

        Shared(AddressSpace space, PageModel plot, Random random, MemoryFile file) {
            super(space, plot, random);
            this.file = file;
            plot.begins(0, plot.pages());
            done(space.mmap(
                    plot.address(0),
                    plot.pages() * PageModel.PAGE,
                    READ | WRITE,
                    Mman.SHARED | Mman.FIXED,
                    file.open(),
                    0));
            plot.ends(0, plot.pages(), ALL, true);
        }

        @Override
        void step() {
            int from = random.nextInt(plot.pages());
            int to = from + 1 + random.nextInt(plot.pages() - from);
            switch (random.nextInt(3)) {
                case 0 -> cut(from);
                case 1 -> {
                    plot.begins(from, to);
                    done(file.punch(from * PageModel.PAGE, (to - from) * PageModel.PAGE));
                    plot.ends(from, to, ALL, true);
                }
                default -> {
                    protect(from, to);
                    unprotect(from, to);
                }
            }
        }

        private void cut(int from) {
            plot.begins(from, plot.pages());
            done(file.truncate(from * PageModel.PAGE));
            plot.ends(from, plot.pages(), 0, true);
            plot.begins(from, plot.pages());
            done(file.truncate(plot.pages() * PageModel.PAGE));
            plot.ends(from, plot.pages(), ALL, true);
        }

        @Override
        void rest() {
            cut(0);
        }
    }
}
