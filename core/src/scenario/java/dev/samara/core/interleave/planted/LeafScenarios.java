// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;

/**
 * Calls that set an entry in a leaf of the page table, concurrent with a call that unmaps the leaf's only page, so that
 * the leaf is unhooked. An entry that is set in the unhooked leaf is lost.
 */
final class LeafScenarios {
    /** A page in the first page's leaf, but in another mapping. */
    private static final long NEXT = SpaceScenario.AT + 2 * SpaceScenario.PAGE;

    private LeafScenarios() {}

    private abstract static class BesideUnhooking extends Calls {
        BesideUnhooking(String name, Operation call) {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put(name, call);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            state.space.mmap(NEXT, PAGE, RW, FIXED, null, 0);
        }
    }

    /** A first store. */
    static final class FirstStore extends BesideUnhooking {
        FirstStore() {
            super("store", (state, cpu) -> store(cpu, NEXT, 8));
        }
    }

    /** A first store to a private mapping of a file, which copies its page. */
    static final class FirstCopy extends BesideUnhooking {
        FirstCopy() {
            super("store", (state, cpu) -> store(cpu, NEXT, 8));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            int flags = Mman.PRIVATE | Mman.FIXED;
            state.space.mmap(NEXT, PAGE, RW, flags, newFile(state).open(), 0);
        }
    }

    /** A guard at a page without an entry. */
    static final class Guard extends BesideUnhooking {
        Guard() {
            super("guard", (state, cpu) -> "" + state.space.madvise(NEXT, PAGE, Mman.GUARD_INSTALL));
        }
    }

    /** A move of a page from another leaf. */
    static final class Move extends BesideUnhooking {
        private static final long FROM = AT + 1024 * PAGE;

        Move() {
            super(
                    "mremap",
                    (state, cpu) -> "" + state.space.mremap(FROM, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, NEXT));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            mapPage(state, cpu, FROM);
        }

        @Override
        protected List<Long> addresses() {
            List<Long> all = new ArrayList<>(super.addresses());
            all.add(FROM);
            return all;
        }
    }
}
