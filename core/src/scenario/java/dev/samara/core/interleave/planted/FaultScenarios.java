// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Protection;

/** Faults concurrent with calls that affect their page. */
final class FaultScenarios {
    private FaultScenarios() {}

    /** A store to a page that is being discarded waits for the discard. */
    static final class DiscardBesideStore extends Calls {
        DiscardBesideStore() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("dontneed", (state, cpu) -> "" + state.space.madvise(AT, PAGE, Advice.DONTNEED));
        }
    }

    /** The copy of a page, concurrently with an unmapping whose frame is reused. */
    static final class CopyBesideUnmap extends Calls {
        CopyBesideUnmap() {
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
            calls().put("reuse", (state, cpu) -> {
                state.space.munmap(AT, PAGE);
                return store(cpu, AT + PAGE, 9);
            });
        }

        @Override
        protected int pages() {
            return 3;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mmap(AT + PAGE, PAGE, RW, FIXED, null, 0);
            state.space.fork().close();
        }
    }

    /** Two calls that change the rights of one page, concurrently with a store. */
    static final class TwoNarrowings extends Calls {
        TwoNarrowings() {
            calls().put("read", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Protection.READ));
            calls().put("write", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, RW));
            calls().put("store", (state, cpu) -> store(cpu, AT, 8));
        }
    }
}
