// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.guest.PageView;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Page views concurrent with calls that remove their page, or free all memory. Freed frames are poisoned. */
final class ViewScenarios {
    /** The number in the page before the call. */
    private static final long OLD = 7;

    private ViewScenarios() {}

    private static DirectFrames buffers(int pageShift, int count) {
        return new DirectFrames(pageShift, 4, count);
    }

    /** A view of the first page shows its number, also after the other call has removed the page. */
    abstract static class Viewed extends HostFileScenarios.OfHostFile {
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
                judge(view, OLD);
                return "viewed";
            }
        }

        /** Lets the other call continue, and then reads. */
        static void judge(PageView view, long expected) {
            if (view.isCopy()) {
                throw new AssertionError("a copy below the bound");
            }
            Thread.onSpinWait();
            long found = view.buffer().getLong(0);
            if (found != expected) {
                throw new AssertionError("a view has " + found + " instead of " + expected);
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

    /**
     * The page belongs to a host file, and another thread evicts pages. The page of a view stays that of the mapping,
     * so the view shows a later store.
     */
    abstract static class Evicted extends Viewed {
        private static final long NEW = 8;

        Evicted() {
            calls().put("view", (state, cpu) -> {
                try (PageView view = Objects.requireNonNull(cpu.memory().view(AT, 8))) {
                    judge(view, OLD);
                    String stored = store(cpu, AT, NEW);
                    judge(view, NEW);
                    return stored;
                }
            });
            calls().put("evict", (state, cpu) -> evict(state));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            judgeStored(cpu);
        }
    }

    /** The page is clean before the calls. */
    static final class Eviction extends Evicted {
        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
        }
    }

    /** The page is dirty before the calls. */
    static final class DirtyEviction extends Evicted {}

    /**
     * The page belongs to a machine of its own, which another thread closes after the space. The view shows its bytes
     * after both calls.
     */
    static final class MachineClose extends Viewed {
        private @Nullable Machine machine;
        private @Nullable AddressSpace space;
        private @Nullable PageView view;

        MachineClose() {
            calls().put("view", (state, cpu) -> {
                try {
                    PageView made = Objects.requireNonNull(space).view(AT, 8);
                    view = made;
                    judge(made, OLD);
                    return "viewed";
                } catch (MmException | IllegalStateException closed) {
                    return "closed";
                }
            });
            calls().put("close", (state, cpu) -> {
                Objects.requireNonNull(space).close();
                return closeMachine();
            });
        }

        private String closeMachine() {
            try {
                Objects.requireNonNull(machine).close();
                return "closed";
            } catch (IllegalStateException used) {
                return "used by the view's call";
            }
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            Machine made = builder()
                    .memory(16 * PAGE)
                    .frameStore(frames())
                    .tlbEntries(64)
                    .build();
            AddressSpace of = made.newSpace(LINUX);
            try (Cpu writer = made.claimCpu()) {
                writer.switchTo(of);
                mapPage(of, writer);
            }
            machine = made;
            space = of;
            view = null;
        }

        private static void mapPage(AddressSpace of, Cpu cpu) {
            of.mmap(AT, PAGE, RW, FIXED, null, 0);
            store(cpu, AT, OLD);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            if (!closeMachine().equals("closed")) {
                throw new AssertionError("no CPU is in the space");
            }
            PageView made = view;
            if (made != null) {
                judge(made, OLD);
                made.close();
            }
        }
    }
}
