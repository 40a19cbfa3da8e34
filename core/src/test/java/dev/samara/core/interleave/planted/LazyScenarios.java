// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.State;

/** CPUs in LAZY beside the end of their space. The machines are checked, so a CPU in LAZY walks its tables. */
final class LazyScenarios {
    private LazyScenarios() {}

    /** A CPU in LAZY beside a close, after which nothing refers to the page table. */
    private abstract static class BesideClose extends Calls {
        private final LazyTlb strategy;
        private int over;

        BesideClose(LazyTlb strategy) {
            this.strategy = strategy;
            calls().put("close", (state, cpu) -> {
                // The CPU of this thread is a user, too.
                cpu.switchTo(null);
                state.space.close();
                return ended(state);
            });
        }

        /** Judges after the last operation, and before a CPU goes anywhere. */
        final String ended(State state) {
            over++;
            int held = MachineInternals.layoutOf(state.space)
                    .lifetime()
                    .pageTable()
                    .count();
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

    /** A CPU goes to LAZY, and then elsewhere, while the space is closed. */
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

    /** A CPU in LAZY goes elsewhere while the space is closed. */
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

    static final class GoesCounted extends Goes {
        GoesCounted() {
            super(LazyTlb.REFERENCE_COUNT);
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

    static final class GoesUnloaded extends Goes {
        GoesUnloaded() {
            super(LazyTlb.NONE);
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
}
