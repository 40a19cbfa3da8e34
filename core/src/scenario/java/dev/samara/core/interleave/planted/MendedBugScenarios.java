// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;

/** Scenarios of fixed bugs that random storms missed and that reading found. */
final class MendedBugScenarios {
    private MendedBugScenarios() {}

    private static final long DEVICE = SpaceScenario.AT + 8 * SpaceScenario.PAGE;
    private static final long TO = SpaceScenario.AT + SpaceScenario.PAGE;

    /** A mapping replaces the source of a move while the pages are being moved. */
    static final class MoveBesideEarlyReuse extends Calls {
        MoveBesideEarlyReuse() {
            int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            calls().put("mremap", (state, cpu) -> "" + state.space.mremap(AT, PAGE, PAGE, flags, TO));
            calls().put("mmap", (state, cpu) -> "" + state.space.mmap(AT, PAGE, RW, FIXED, null, 0));
        }

        @Override
        protected AddressSpace space(Machine machine) {
            return machine.space(LINUX).earlyReuse(true).build();
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            // The mapping followed the move, or it replaced the page before the move.
            String moved = load(cpu, TO);
            String kept = load(cpu, AT);
            if (!(moved.equals("7") && kept.equals("0"))
                    && !(moved.equals("0") && kept.equals(Fault.toString(Fault.MAPERR)))) {
                throw new AssertionError("moved " + moved + ", at the source " + kept);
            }
        }
    }

    /** A thread in GUEST resolves an address that a call of another thread replaces. */
    static final class ResolveInGuest extends Calls {
        ResolveInGuest() {
            calls().put("guest", new InGuest((state, cpu) -> state.space.resolve(AT, Mman.READ) + ""));
            calls().put("mmap", (state, cpu) -> "" + state.space.mmap(AT, PAGE, RW, FIXED, null, 0));
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** A call that a thread makes in GUEST, and that may be rejected there. */
    record InGuest(SpaceScenario.Operation call) implements SpaceScenario.GuestOperation {
        @Override
        public void before(State state, Cpu cpu) {
            cpu.enterGuest();
            SpaceScenario.store(cpu, SpaceScenario.AT, 7);
        }

        @Override
        public String run(State state, Cpu cpu) {
            try {
                return call.run(state, cpu);
            } catch (IllegalStateException refused) {
                return "refused";
            } finally {
                cpu.leaveGuest();
            }
        }
    }

    /**
     * A thread in GUEST makes an asynchronous call while the calls that wait for grace periods have reached their
     * bound.
     */
    static final class AsyncInGuest extends Calls {
        AsyncInGuest() {
            calls().put("guest", new InGuest((state, cpu) -> "" + (state.space.munmapAsync(TO, PAGE) != null)));
            calls().put("munmap", (state, cpu) -> "" + (state.space.munmapAsync(AT, PAGE) != null));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mmap(TO, PAGE, RW, FIXED, null, 0);
        }

        @Override
        protected MachineBuilder builder() {
            return Machine.builder().boundGracePeriods(1, false);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /**
     * A store with a slow notification, concurrently with another store, a write-back, and the restoration of the write
     * right.
     */
    static final class SecondNotice extends Calls {
        private int notices;
        private int noticesWhenClean;

        SecondNotice() {
            calls().put("slow", (state, cpu) -> store(cpu, AT, 1));
            calls().put("other", (state, cpu) -> {
                store(cpu, AT, 2);
                state.space.mprotect(AT, PAGE, Mman.READ);
                state.space.collectDirty(AT, PAGE, page -> {});
                noticesWhenClean = notices;
                state.space.mprotect(AT, PAGE, RW);
                return "";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            CachedBacking file = new CachedBacking("file", state.machine.newPageCache(LINUX, PAGE)) {
                @Override
                protected boolean read(long page, int frame, FrameStore store) {
                    return true;
                }

                @Override
                public boolean noticesWrites() {
                    return true;
                }

                @Override
                public int pageMkwrite(Backing.PageRequest request) {
                    notices++;
                    return 0;
                }
            };
            state.space.mmap(AT, PAGE, RW, Mman.SHARED | Mman.FIXED, file, 0);
            load(cpu, AT);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected boolean isClosed() {
            // The cache keeps its page.
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            if (state.space.collectDirty(AT, PAGE, page -> {}) > 0 && notices == noticesWhenClean) {
                throw new AssertionError("dirty without a notice since it was clean");
            }
        }
    }

    /** A notifier unmaps half of a device's mapping. This call is rejected while a fork copies. */
    static final class RefusedBesideFork extends Calls {
        private final CountingBacking device = new CountingBacking("device", 1);
        private boolean hasCalled;

        RefusedBesideFork() {
            calls().put("mprotect", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Mman.READ));
            calls().put("fork", (state, cpu) -> {
                state.children.put("child", state.space.fork());
                return "";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mmap(DEVICE, 2 * PAGE, RW, Mman.SHARED | Mman.FIXED, device, 0);
            state.space.addNotifier((start, end, reason) -> {
                if (start == AT && !hasCalled) {
                    hasCalled = true;
                    unmapHalf(state);
                }
            });
        }

        private static void unmapHalf(State state) {
            try {
                state.space.munmap(DEVICE + PAGE, PAGE);
            } catch (IllegalStateException refused) {
                assertTrue(refused.toString().contains("copy"), refused::toString);
            }
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judgeClosed() {
            assertEquals(device.opens(), device.closes(), "opens and closes");
        }
    }
}
