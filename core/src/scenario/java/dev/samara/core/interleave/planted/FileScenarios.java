// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Operations on pages of files, concurrent with calls and faults. */
final class FileScenarios {
    private FileScenarios() {}

    abstract static class OfFile extends Calls {
        static final int SHARED = Mman.SHARED | Mman.FIXED;

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, 2 * PAGE, RW, SHARED, newFile(state).open(), 0);
        }
    }

    /** The first stores to a page of a file, through two mappings. */
    static final class FirstStores extends OfFile {
        private static final long OTHER = AT + 8 * PAGE;

        FirstStores() {
            calls().put("one", (state, cpu) -> store(cpu, AT, 1));
            calls().put("two", (state, cpu) -> store(cpu, OTHER, 2));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mmap(OTHER, 2 * PAGE, RW, SHARED, file().open(), 0);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            String one = load(cpu, AT);
            String two = load(cpu, OTHER);
            if (!one.equals(two)) {
                throw new AssertionError("one page of a file has " + one + " and " + two);
            }
        }
    }

    /**
     * A truncation, concurrently with a call that splits a mapping of the file. Another mapping exists before, because
     * the first one is not in the map of mappings.
     */
    static final class TruncateBesideCut extends OfFile {
        private static final long FIRST = AT + 8 * PAGE;

        TruncateBesideCut() {
            calls().put("truncate", (state, cpu) -> "" + file().truncate(0));
            calls().put("mprotect", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Mman.READ));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            MemoryFile file = newFile(state);
            state.space.mmap(FIRST, 2 * PAGE, RW, SHARED, file.open(), 0);
            state.space.mmap(AT, 2 * PAGE, RW, SHARED, file.open(), 0);
            store(cpu, AT, 7);
            store(cpu, AT + PAGE, 7);
        }
    }

    /** A fault of a thread whose interrupt flag is set, concurrently with the truncation of another page. */
    static final class InterruptedFault extends OfFile {
        InterruptedFault() {
            calls().put("load", (state, cpu) -> {
                Thread.currentThread().interrupt();
                String loaded = load(cpu, AT);
                if (!Thread.interrupted()) {
                    throw new AssertionError("the interrupt flag is lost");
                }
                return loaded;
            });
            calls().put("truncate", (state, cpu) -> "" + file().truncate(PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT + PAGE, 7);
        }
    }

    /** A file whose clean pages may be reclaimed; page n contains the number 77 + n. */
    static final class Paged extends CachedBacking {
        Paged(PageCache cache) {
            super("paged", cache);
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            store.put(frame, 0, 8, 77 + page);
            return true;
        }
    }

    /** A store that needs the frame of a clean page, concurrently with a load that maps this page. */
    static final class LoadBesideReclaim extends Calls {
        private static final long FILE = AT + 8 * PAGE;
        private @Nullable PageCache cache;

        LoadBesideReclaim() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 1));
            calls().put("load", (state, cpu) -> load(cpu, FILE));
        }

        @Override
        protected int pages() {
            return 3;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            cache = state.machine.newPageCache(LINUX, PAGE);
            Paged file = new Paged(cache);
            int flags = Mman.PRIVATE | Mman.FIXED;
            state.space.mmap(AT, 4 * PAGE, RW, FIXED, null, 0);
            state.space.mmap(FILE, PAGE, Mman.READ, flags, file, 0);
            load(cpu, FILE);
            store(cpu, AT + PAGE, 2);
            store(cpu, AT + 2 * PAGE, 3);
            // The page stays in the cache, but is not mapped.
            state.space.mmap(FILE, PAGE, Mman.READ, flags, file, 0);
        }

        @Override
        protected List<Long> addresses() {
            return List.of(AT);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            String stored = load(cpu, AT);
            String read = load(cpu, FILE);
            if (!(read.equals("77") || read.contains("MEMORY")) || stored.equals("77")) {
                throw new AssertionError("the page of the file has " + read + ", the other one " + stored);
            }
            state.space.munmap(AT, 4 * PAGE);
            state.space.munmap(FILE, PAGE);
            Objects.requireNonNull(cache).close();
        }
    }

    /** Two stores. The reclaim of the first one frees the pages that both need, so memory never runs out. */
    static class StoresBesideReclaim extends Calls {
        private @Nullable PageCache cache;

        StoresBesideReclaim() {
            calls().put("one", (state, cpu) -> store(cpu, AT, 1));
            calls().put("two", (state, cpu) -> store(cpu, AT + 4 * PAGE, 2));
        }

        final PageCache cache() {
            return Objects.requireNonNull(cache);
        }

        @Override
        protected int pages() {
            return 4;
        }

        /** All frames are pages of a file that is not mapped. */
        @Override
        protected void prepare(State state, Cpu cpu) {
            cache = state.machine.newPageCache(LINUX, pages() * PAGE);
            Paged file = new Paged(cache);
            state.space.mmap(AT, 8 * PAGE, RW, FIXED, null, 0);
            for (int page = 0; page < pages(); page++) {
                file.pread(ByteBuffer.allocate(1), page * PAGE);
            }
        }

        @Override
        protected List<Long> addresses() {
            return List.of(AT, AT + 4 * PAGE);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            state.space.munmap(AT, 8 * PAGE);
            cache().close();
        }
    }

    /** A store that needs a frame while another thread is about to free all pages of the file. */
    static final class StoreBesideTruncate extends StoresBesideReclaim {
        StoreBesideTruncate() {
            calls().put("two", (state, cpu) -> {
                cache().truncate(0);
                return "truncated";
            });
        }
    }

    /** A truncation concurrent with the unmapping of a page that a CPU in GUEST still uses. */
    static final class TruncateBesideUnmap extends OfFile {
        TruncateBesideUnmap() {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put("truncate", (state, cpu) -> "" + file().truncate(0));
            calls().put("guest", new HoldsInGuest(AT));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT, 7);
        }
    }

    /**
     * An unmapping of a page that a CPU in GUEST still uses, concurrently with the unmapping of another page of the
     * leaf, which no CPU used, and a truncation after it.
     */
    static final class TruncateBehindAnEmptyLeaf extends OfFile {
        /** In another eighth of the leaf, with a separate cpumask. */
        private static final long OTHER = AT + 64 * PAGE;

        TruncateBehindAnEmptyLeaf() {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put("other", (state, cpu) -> state.space.munmap(OTHER, PAGE) + " " + file().truncate(0));
            calls().put("guest", new HoldsInGuest(AT));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, SHARED, newFile(state).open(), 0);
            state.space.mmap(OTHER, PAGE, RW, FIXED | Mman.POPULATE, null, 0);
            store(cpu, AT, 7);
        }
    }

    /** A truncation concurrent with a move of the file's mapping. */
    static class MoveBesideTruncate extends OfFile {
        static final long TO = AT + 8 * PAGE;

        MoveBesideTruncate() {
            int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            calls().put("mremap", (state, cpu) -> "" + state.space.mremap(AT, PAGE, PAGE, flags, TO));
            calls().put("truncate", (state, cpu) -> "" + file().truncate(0));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT, 7);
        }

        @Override
        protected List<Long> addresses() {
            return List.of(AT, TO);
        }
    }

    /** The mapping is private, and the page is a copy. */
    static final class PrivateMoveBesideTruncate extends MoveBesideTruncate {
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mmap(AT, PAGE, RW, Mman.PRIVATE | Mman.FIXED, file().open(), 0);
            store(cpu, AT, 8);
        }
    }
}
