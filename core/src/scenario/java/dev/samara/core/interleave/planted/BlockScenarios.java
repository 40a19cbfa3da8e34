// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.MachineBuilder;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.HostGroundFile;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.HostFilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Mman;

/** Evictions of blocks of a host file, concurrently with other calls. A block is in memory whole, or not at all. */
final class BlockScenarios {
    /** The number of pages of a block. */
    private static final int BLOCK = 4;

    private BlockScenarios() {}

    /** One block is mapped, and in memory. Its first page starts with 7, which is not saved, page n with 100 + n. */
    private abstract static class OfBlock extends HostFileScenarios.OfHostFile {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.file = HostGroundFile.ofBlocks(state);
            state.space.mmap(
                    AT, BLOCK * PAGE, RW, HostFileScenarios.SHARED, host(state).backing(), 0);
            store(cpu, AT, 7);
        }

        /** A file with blocks needs room for 8 of them. */
        @Override
        protected int pages() {
            return 8 * BLOCK;
        }

        /** The results are not compared with orders: an eviction may find the block in use. */
        @Override
        protected final boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            for (long first = 0; first < Ground.PAGES; first += BLOCK) {
                judgeWhole(HostFilePages.saved(host(state).file()), first);
            }
        }

        static void judgeWhole(FilePages pages, long first) {
            int base = pages.frameAt(first);
            for (int i = 1; i < BLOCK; i++) {
                int frame = pages.frameAt(first + i);
                if (frame != (base == Frames.NONE ? base : base + i)) {
                    throw new AssertionError(
                            "page " + first + " has frame " + base + ", and page " + (first + i) + " frame " + frame);
                }
            }
        }

        /** Frees the blocks that are clean and not in use. */
        static String evictClean(State state) {
            HostFilePages.saved(host(state).file()).eviction().evict(true);
            return "evicted";
        }

        static void judgeLoad(Cpu cpu, long page, String expected) {
            String loaded = load(cpu, AT + page * PAGE);
            if (!loaded.equals(expected)) {
                throw new AssertionError("page " + page + " has " + expected + ", and " + loaded + " was loaded");
            }
        }
    }

    /**
     * A fault beside an eviction that puts the block back, because its first page was stored to by its entry: the host
     * does not contain the stored value, so the block must not be read meanwhile.
     */
    static final class FaultBesideEvictionInVain extends OfBlock {
        FaultBesideEvictionInVain() {
            calls().put("evict", (state, cpu) -> evictClean(state));
            calls().put("fault", (state, cpu) -> {
                judgeLoad(cpu, 2, "102");
                return "loaded";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
            store(cpu, AT, 8);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            judgeLoad(cpu, 0, "8");
        }
    }

    /** A store by a mapping to one page of a dirty block, beside a save, and an eviction of the block. */
    static final class StoreBesideSaveAndEviction extends OfBlock {
        StoreBesideSaveAndEviction() {
            calls().put("store", (state, cpu) -> store(cpu, AT + 2 * PAGE, 8));
            calls().put("save", (state, cpu) -> "" + host(state).fsync());
            calls().put("evict", (state, cpu) -> evictClean(state));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            judgeLoad(cpu, 0, "7");
            judgeLoad(cpu, 1, "101");
            judgeLoad(cpu, 2, "8");
        }
    }

    /** The page is mapped for writing, so the store is by its entry. The block is clean, and may leave memory. */
    static final class StoreByEntryBesideEviction extends OfBlock {
        StoreByEntryBesideEviction() {
            calls().put("store", (state, cpu) -> store(cpu, AT + 2 * PAGE, 8));
            calls().put("evict", (state, cpu) -> evictClean(state));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT + 2 * PAGE, 6);
            host(state).fsync();
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            judgeLoad(cpu, 0, "7");
            judgeLoad(cpu, 2, "8");
        }
    }

    /** A thread without a lock looks for the pages of a block, beside the fault that reads it. */
    static final class LookBesideInsertion extends OfBlock {
        LookBesideInsertion() {
            calls().put("fault", (state, cpu) -> {
                judgeLoad(cpu, 2, "102");
                return "loaded";
            });
            calls().put("look", (state, cpu) -> {
                FilePages pages = HostFilePages.saved(host(state).file());
                if (pages.frameAt(0) != Frames.NONE) {
                    judgeWhole(pages, 0);
                }
                return "";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
            evictClean(state);
        }
    }

    /** A fault that reads the last block of a file of one page, beside growth over the rest of the block. */
    static final class FaultBesideGrowth extends OfBlock {
        FaultBesideGrowth() {
            calls().put("fault", (state, cpu) -> {
                judgeLoad(cpu, 0, "7");
                return "loaded";
            });
            calls().put("grow", (state, cpu) -> "" + host(state).file().grow(BLOCK * PAGE));
        }

        @Override
        protected MachineBuilder builder() {
            return super.builder().poisonFrames(true);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            // So that a free frame contains other bytes than zeros.
            int used = pages() - 2 * BLOCK;
            long at = state.space.mmap(0, used * PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            for (int i = 0; i < used; i++) {
                store(cpu, at + i * PAGE, 1);
            }
            state.space.munmap(at, used * PAGE);
            super.prepare(state, cpu);
            host(state).truncate(PAGE);
            host(state).fsync();
            evictClean(state);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            judgeLoad(cpu, 0, "7");
            for (int page = 1; page < BLOCK; page++) {
                judgeLoad(cpu, page, "0");
            }
        }
    }
}
