// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Mman;
import dev.samara.interleave.failure.HostFault;

/** Threads that make a decision and check it again under a lock, concurrently with operations that invalidate it. */
final class SecondLookScenarios {
    private SecondLookScenarios() {}

    /** A store to a page whose entry does not permit writing, concurrent with a call that removes the right. */
    private abstract static class StoreBesideNarrowing extends Calls {
        StoreBesideNarrowing() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put(
                            "mprotect",
                            new Revoking(
                                    (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Mman.READ),
                                    AT,
                                    PAGE,
                                    Pte.WRITE));
        }
    }

    /** The page was shared with a child, which ended, so the store makes the page writable in place. */
    static final class ReuseBesideNarrowing extends StoreBesideNarrowing {
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.fork().close();
        }
    }

    /**
     * The page belongs to a file, and the mapping regained its write right, so the store adds this right to the entry.
     */
    static final class WidenBesideNarrowing extends StoreBesideNarrowing {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(
                    AT, PAGE, RW, Mman.SHARED | Mman.FIXED, newFile(state).open(), 0);
            store(cpu, AT, 7);
            state.space.mprotect(AT, PAGE, Mman.READ);
            state.space.mprotect(AT, PAGE, RW);
        }
    }

    /** The host fails a write once, concurrently with an eviction: the page that was not written stays in memory. */
    static final class EvictionBesideFailedWrite extends HostFileScenarios.OfHostFile {
        EvictionBesideFailedWrite() {
            calls().put("fsync", (state, cpu) -> "" + host(state).fsync());
            calls().put("evict", (state, cpu) -> evict(state));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT, 8);
            host(state).channel.meet(new HostFault(HostFault.HostCall.WRITE, 1, HostFault.Way.FAILS));
        }

        /** The order of the save and the eviction decides which of them fails, so the results are not compared. */
        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            judgeStored(cpu);
            // Returns the failure to the open, unless an earlier save returned it.
            host(state).fsync();
        }
    }
}
