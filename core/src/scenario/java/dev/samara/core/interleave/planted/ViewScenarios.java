// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.guest.PageView;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.mman.Mman;

/** Page views concurrent with calls that remove their page. Freed frames are poisoned. */
final class ViewScenarios {
    /** The number in the page before the call. */
    private static final long OLD = 7;

    private ViewScenarios() {}

    private static DirectFrames buffers(int pageShift, int count) {
        return new DirectFrames(pageShift, 4, count);
    }

    /** A view of the first page shows its number, also after the other call has removed the page. */
    abstract static class Viewed extends Calls {
        @Override
        protected MachineBuilder builder() {
            return Machine.builder().memory(64 * PAGE).faultAround(1).poisonFrames(true);
        }

        @Override
        protected MachineBuilder.StoreMaker frames() {
            return ViewScenarios::buffers;
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        static String view(Cpu cpu) {
            try (PageView view = cpu.memory().view(AT, 8)) {
                if (view == null) {
                    return "failed";
                }
                if (view.isCopy()) {
                    throw new AssertionError("a copy below the bound");
                }
                // Lets the other call continue.
                Thread.onSpinWait();
                long found = view.buffer().getLong(0);
                if (found != OLD) {
                    throw new AssertionError("a view has " + found);
                }
                return "viewed";
            }
        }
    }

    /** The page is private, and another thread unmaps it. */
    static final class Unmapping extends Viewed {
        Unmapping() {
            calls().put("view", (state, cpu) -> view(cpu));
            calls().put("munmap", (state, cpu) -> "" + state.space.munmap(AT, PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED, null, 0);
            store(cpu, AT, OLD);
        }
    }

    /** The page belongs to a memory file, which another thread truncates. */
    static final class Truncation extends Viewed {
        Truncation() {
            calls().put("view", (state, cpu) -> view(cpu));
            calls().put("truncate", (state, cpu) -> "" + file().truncate(0));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(
                    AT, PAGE, RW, Mman.SHARED | Mman.FIXED, newFile(state).open(), 0);
            store(cpu, AT, OLD);
        }
    }
}
