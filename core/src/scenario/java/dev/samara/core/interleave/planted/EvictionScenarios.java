// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.MachineBuilder;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.StandStill;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.HostFilePages;
import dev.samara.core.internal.hostfile.HostFilesCounts;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Evictions of pages of a host file, concurrently with other calls. */
final class EvictionScenarios {
    private EvictionScenarios() {}

    /** An eviction concurrently with another call. The last store to the first page writes 8. */
    private abstract static class BesideStore extends HostFileScenarios.OfHostFile {
        BesideStore(String name, Operation store) {
            calls().put("evict", (state, cpu) -> evict(state));
            calls().put(name, store);
        }

        /** A mutant that affects a single thread would break each order, too. */
        @Override
        protected final boolean hasOrders() {
            return false;
        }

        @Override
        protected final void judge(State state, Cpu cpu) {
            judgeStored(cpu);
        }
    }

    /** All pages are clean. */
    static final class EvictionBesideStore extends BesideStore {
        EvictionBesideStore() {
            super("store", (state, cpu) -> store(cpu, AT, 8));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
        }
    }

    /** The page was stored to earlier, through its entry, so it is put back after its entry was removed. */
    static final class EvictionInVainBesideLoad extends BesideStore {
        EvictionInVainBesideLoad() {
            super("load", (state, cpu) -> load(cpu, AT));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
            store(cpu, AT, 8);
        }
    }

    /**
     * A read that bypasses the cache waits until the page is put back, because the host does not contain the stored
     * value.
     */
    static final class EvictionInVainBesideRead extends BesideStore {
        EvictionInVainBesideRead() {
            super("read", (state, cpu) -> {
                long[] read = readPages(state, 0, 2);
                if (read[0] != 8) {
                    throw new AssertionError("stored 8, read " + read[0]);
                }
                return "read";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).channel.cacheByHost();
            host(state).fsync();
            store(cpu, AT, 8);
        }
    }

    /** A CPU with a writable translation makes the store. */
    static final class EvictionBesideGuest extends BesideStore {
        EvictionBesideGuest() {
            super("guest", new Calls.HoldsInGuest(AT) {
                @Override
                void beforeLeaving(State state, Cpu cpu) {
                    store(cpu, AT, 8);
                }
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
            store(cpu, AT, 7);
        }
    }

    /** All pages are dirty, so the eviction writes them. */
    static final class DirtyEvictionBesideStore extends BesideStore {
        DirtyEvictionBesideStore() {
            super("store", (state, cpu) -> store(cpu, AT, 8));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT + PAGE, 8);
        }
    }

    /** All pages are dirty, so the eviction writes them, concurrently with a truncation. */
    static final class DirtyEvictionBesideTruncation extends HostFileScenarios.Truncated {
        DirtyEvictionBesideTruncation() {
            super("evict", (state, cpu) -> evict(state));
        }
    }

    /** The page is locked: after {@code mlock} returned, its page is mapped, and stays mapped. */
    static final class EvictionBesideLock extends HostFileScenarios.OfHostFile {
        EvictionBesideLock() {
            calls().put("evict", (state, cpu) -> evict(state));
            calls().put("mlock", (state, cpu) -> "" + state.space.mlock(AT, PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
        }

        /** The result is not compared with orders: an eviction that finds the page locked frees nothing. */
        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            long entry = StandStill.tableOf(state.space).get(AT);
            int cached = ((FilePages) Objects.requireNonNull(host(state).file().pageCache())).frameAt(0);
            if (!Pte.isPresent(entry) || Pte.frame(entry) != cached) {
                throw new AssertionError("a locked page is not mapped: its entry is " + Long.toHexString(entry)
                        + ", and the cache has frame " + cached);
            }
            if (!load(cpu, AT).equals("7")) {
                throw new AssertionError("a locked page has lost its store");
            }
        }
    }

    /**
     * A lookup of the file's mappings still returns the locked VMA, so the eviction finds it. After {@code munlock}
     * returned, no page is locked, so a later eviction frees all pages.
     */
    static final class EvictionBesideUnlock extends HostFileScenarios.OfHostFile {
        EvictionBesideUnlock() {
            calls().put("lookup", (state, cpu) -> {
                pages(state).mappings();
                return "looked";
            });
            calls().put("munlock", (state, cpu) -> "" + state.space.munlock(AT, 4 * PAGE));
            calls().put("evict", (state, cpu) -> {
                HostFilePages.saved(host(state).file()).eviction().evict(true);
                return "evicted";
            });
        }

        private static FilePages pages(State state) {
            return (FilePages) Objects.requireNonNull(host(state).file().pageCache());
        }

        /** All pages in memory are locked, and clean. */
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).truncate(4 * PAGE);
            state.space.mlock(AT, 4 * PAGE);
            host(state).fsync();
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            FilePages pages = pages(state);
            HostFilePages.saved(host(state).file()).eviction().evict(true);
            for (int page = 0; page < 4; page++) {
                if (pages.frameAt(page) != Frames.NONE) {
                    throw new AssertionError("page " + page + " is not locked any more, and is not evicted");
                }
            }
        }
    }

    /** Two threads evict pages, each from its own file. */
    static final class TwoEvictions extends HostFileScenarios.OfHostFile {
        private @Nullable HostFile other;

        TwoEvictions() {
            calls().put("one", (state, cpu) -> freed(host(state).file()));
            calls().put("two", (state, cpu) -> freed(Objects.requireNonNull(other)));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
            // Leaves an idle batch for the first of the two evictions.
            freed(host(state).file());
            load(cpu, AT);
            HostFile another = host(state).openAnother();
            state.space.mmap(AT + 4 * PAGE, 2 * PAGE, Mman.READ, HostFileScenarios.SHARED, another, 0);
            load(cpu, AT + 4 * PAGE);
            other = another;
        }

        private static String freed(HostFile file) {
            return "" + HostFilePages.saved(file).eviction().evict(true);
        }
    }

    /** Two threads evict pages of one file. Each page is freed by one of them. */
    static final class TwoEvictionsOfOneFile extends HostFileScenarios.OfHostFile {
        private final AtomicInteger freed = new AtomicInteger();

        TwoEvictionsOfOneFile() {
            calls().put("one", (state, cpu) -> evicts(state));
            calls().put("two", (state, cpu) -> evicts(state));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            freed.set(0);
            host(state).fsync();
            load(cpu, AT + PAGE);
        }

        private String evicts(State state) {
            freed.getAndAdd(Math.max(
                    0, HostFilePages.saved(host(state).file()).eviction().evict(true)));
            return "evicted";
        }

        /** The results are not compared with orders: the second one may find the file busy. */
        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            FilePages pages = HostFilePages.saved(host(state).file());
            for (int page = 0; page < 2; page++) {
                if (pages.frameAt(page) != Frames.NONE) {
                    throw new AssertionError("page " + page + " is in memory");
                }
            }
            if (freed.get() != 2) {
                throw new AssertionError("2 pages, " + freed.get() + " freed");
            }
            if (!load(cpu, AT).equals("7")) {
                throw new AssertionError("the first page has lost its store");
            }
        }
    }

    /** A truncation takes its pages away before or after an eviction, and not during its batch. */
    static final class EvictionBesideTruncation extends HostFileScenarios.OfHostFile {
        EvictionBesideTruncation() {
            calls().put("evict", (state, cpu) -> {
                HostFilePages.saved(host(state).file()).eviction().evict(true);
                return "evicted";
            });
            calls().put("truncate", (state, cpu) -> {
                host(state).truncate(0);
                return "truncated";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
            load(cpu, AT + PAGE);
        }

        /** The machine finds a frame that was freed twice, and this a page that is back behind the end. */
        @Override
        protected void judge(State state, Cpu cpu) {
            FilePages pages = HostFilePages.saved(host(state).file());
            for (int page = 0; page < 2; page++) {
                if (pages.frameAt(page) != Frames.NONE) {
                    throw new AssertionError("page " + page + " is in memory");
                }
            }
        }
    }

    /** A thread waits for a batch under way, and is told of its end. */
    static final class WaitBesideEviction extends HostFileScenarios.OfHostFile {
        WaitBesideEviction() {
            calls().put("evict", (state, cpu) -> {
                HostFilePages.saved(host(state).file()).eviction().evict(true);
                return "evicted";
            });
            calls().put("wait", (state, cpu) -> {
                HostFilesCounts.awaitBatch(host(state).file());
                return "waited";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
        }
    }

    /** Two threads store and load under a limit of two pages. */
    static final class Limited extends HostFileScenarios.OfHostFile {
        Limited() {
            calls().put("one", (state, cpu) -> store(cpu, AT, 1) + load(cpu, AT + PAGE));
            calls().put("two", (state, cpu) -> store(cpu, AT + 2 * PAGE, 2) + load(cpu, AT + 3 * PAGE));
        }

        @Override
        protected MachineBuilder builder() {
            return super.builder().cacheLimit(2 * PAGE);
        }
    }
}
