// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.MmException;
import java.util.function.Function;

/** LAZY CPUs concurrent with the end of their space. The machines are checked, so a LAZY CPU walks its tables. */
final class LazyScenarios {
    private LazyScenarios() {}

    /** A CPU in LAZY concurrent with a close, after which nothing refers to the page table. */
    private abstract static class BesideClose extends Calls {
        private final LazyTlb strategy;
        private int over;

        BesideClose(LazyTlb strategy) {
            this.strategy = strategy;
            calls().put("close", (state, cpu) -> {
                // This thread's CPU is a user, too.
                cpu.switchTo(null);
                state.space.close();
                return ended(state);
            });
        }

        /** Judges the state after the last operation, before any CPU changes its space. */
        final String ended(State state) {
            over++;
            int held = MachineInternals.layoutOf(state.space).lifetime.context.holds();
            if (over == 2 && held != 0) {
                throw new AssertionError("I8: " + held + " references to the page table are left");
            }
            return "over";
        }

        @Override
        protected final MachineBuilder builder() {
            return Machine.builder().faultAround(1).checked(true).lazyTlb(strategy);
        }

        @Override
        protected final void prepare(State state, Cpu cpu) {
            over = 0;
            super.prepare(state, cpu);
        }

        @Override
        protected final boolean hasOrders() {
            return false;
        }
    }

    /** A CPU enters LAZY and then leaves the space, while the space is closed. */
    private abstract static class Goes extends BesideClose {
        Goes(LazyTlb strategy) {
            super(strategy);
            calls().put("lazy", (state, cpu) -> {
                cpu.enterLazy();
                cpu.switchTo(null);
                return ended(state);
            });
        }
    }

    /** A CPU in LAZY leaves the space while the space is closed. */
    private abstract static class Leaves extends BesideClose {
        Leaves(LazyTlb strategy) {
            super(strategy);
            calls().put("lazy", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    load(cpu, AT);
                    cpu.enterLazy();
                }

                @Override
                public String run(State state, Cpu cpu) {
                    cpu.switchTo(null);
                    return ended(state);
                }
            });
        }
    }

    static final class GoesShotDown extends Goes {
        GoesShotDown() {
            super(LazyTlb.SHOOTDOWN);
        }
    }

    static final class GoesWithPointer extends Goes {
        GoesWithPointer() {
            super(LazyTlb.HAZARD_POINTER);
        }
    }

    static final class LeavesCounted extends Leaves {
        LeavesCounted() {
            super(LazyTlb.REFERENCE_COUNT);
        }
    }

    static final class LeavesShotDown extends Leaves {
        LeavesShotDown() {
            super(LazyTlb.SHOOTDOWN);
        }
    }

    static final class LeavesWithPointer extends Leaves {
        LeavesWithPointer() {
            super(LazyTlb.HAZARD_POINTER);
        }
    }

    /**
     * A CPU in LAZY enters LAZY in a second space while both spaces are closed. The end of the second space hands the
     * CPU a reference to its page table, which the end of the first space must not remove.
     */
    static final class TwoEndsBesidePointer extends Calls {
        private static final int CALLS = 3;

        private int over;
        private boolean isInSecond;

        TwoEndsBesidePointer() {
            calls().put("lazy", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    load(cpu, AT);
                    cpu.enterLazy();
                }

                @Override
                public String run(State state, Cpu cpu) {
                    try {
                        cpu.switchTo(state.other());
                        cpu.enterLazy();
                        isInSecond = true;
                    } catch (MmException closed) {
                        cpu.switchTo(null);
                    }
                    return ended(state);
                }
            });
            calls().put("first", closing(state -> state.space));
            calls().put("second", closing(State::other));
        }

        private Operation closing(Function<State, AddressSpace> which) {
            return new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    cpu.switchTo(null);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    which.apply(state).close();
                    return ended(state);
                }
            };
        }

        /** Judges the state after the last operation, while the CPU is still in the second space. */
        private String ended(State state) {
            over++;
            if (over == CALLS) {
                assertEquals(0, held(state.space), "references to the first page table");
                assertEquals(isInSecond ? 1 : 0, held(state.other()), "references to the second page table");
            }
            return "over";
        }

        private static int held(AddressSpace of) {
            return MachineInternals.layoutOf(of).lifetime.context.holds();
        }

        @Override
        protected MachineBuilder builder() {
            return Machine.builder().faultAround(1).checked(true).lazyTlb(LazyTlb.HAZARD_POINTER);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            over = 0;
            isInSecond = false;
            super.prepare(state, cpu);
            state.other();
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }
}
