// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Mman;

/**
 * Calls that publish in batches of one VMA each, concurrently with other calls. Each of the other calls must take
 * effect before all batches or after all of them. The classes must be compiled with {@link
 * BatchScenariosTest#SMALL_BATCHES}.
 */
final class BatchScenarios {
    private BatchScenarios() {}

    /** Three one-page VMAs, of which only the outer ones are writable. */
    abstract static class OfThree extends Calls {
        static final long TARGET = AT + 0x100 * PAGE;
        static final long LENGTH = 3 * PAGE;

        static final SpaceScenario.Operation PROTECT =
                (state, cpu) -> "" + state.space.mprotect(AT, LENGTH, Mman.READ | Mman.EXEC);

        static final SpaceScenario.Operation MOVE =
                (state, cpu) -> "" + state.space.mremap(AT, LENGTH, LENGTH, Mman.MAYMOVE | Mman.MREMAP_FIXED, TARGET);

        @Override
        protected void prepare(State state, Cpu cpu) {
            for (int i = 0; i < 3; i++) {
                mapPage(state, cpu, AT + i * PAGE);
                if (i == 1) {
                    state.space.mprotect(AT + PAGE, PAGE, Mman.READ);
                }
            }
        }
    }

    /** A call changes rights while the middle of its range is unmapped. */
    static final class ProtectBesideUnmap extends OfThree {
        ProtectBesideUnmap() {
            calls().put("mprotect", PROTECT);
            calls().put("munmap", munmap(AT + PAGE, PAGE));
        }
    }

    /** Two calls change the rights of overlapping ranges. */
    static final class ProtectBesideProtect extends OfThree {
        ProtectBesideProtect() {
            calls().put("one", PROTECT);
            calls().put("two", (state, cpu) -> "" + state.space.mprotect(AT + PAGE, 2 * PAGE, Mman.NONE));
        }
    }

    /** A call changes rights concurrently with a fork. The child contains either all of the changes or none. */
    static final class ProtectBesideFork extends OfThree {
        ProtectBesideFork() {
            calls().put("mprotect", PROTECT);
            calls().put("fork", (state, cpu) -> {
                state.children.put("child", state.space.fork());
                return "forked";
            });
        }
    }

    /** A move runs concurrently with a mapping that replaces its whole target. */
    static final class MoveBesideMapping extends OfThree {
        MoveBesideMapping() {
            calls().put("mremap", MOVE);
            calls().put("mmap", (state, cpu) -> "" + state.space.mmap(TARGET, LENGTH, RW, FIXED, null, 0));
        }
    }

    /** A move runs concurrently with the unmapping of its target's last page. */
    static final class MoveBesideUnmap extends OfThree {
        MoveBesideUnmap() {
            calls().put("mremap", MOVE);
            calls().put("munmap", munmap(TARGET + 2 * PAGE, PAGE));
        }
    }
}
