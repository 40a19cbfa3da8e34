// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.PageTableRef;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** CPUs that borrow a space or replace their own space, concurrently with the space's close; and a lost CPU. */
final class BorrowScenarios {
    private BorrowScenarios() {}

    /** A CPU borrows a space and uses a page in GUEST, while the owner closes the space. */
    static final class UsedBesideClose extends Calls {
        UsedBesideClose() {
            calls().put("borrower", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    cpu.switchTo(null);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    try (BorrowedSpace borrowed = cpu.use(state.space, () -> {})) {
                        cpu.enterGuest();
                        String loaded = load(cpu, AT);
                        cpu.leaveGuest();
                        assertEquals("7", loaded, borrowed::toString);
                    } catch (MmException closed) {
                        assertEquals(Errno.ESRCH, closed.errno());
                    }
                    return "used";
                }
            });
            calls().put("close", close());
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** A borrow starts while the last reference is closed, so the borrower must be asked to end the borrow. */
    static final class BeginsBesideLastClose extends Calls {
        private @Nullable BorrowedSpace begun;

        BeginsBesideLastClose() {
            calls().put("borrower", new Operation() {
                private @Nullable PageTableRef held;

                @Override
                public void before(State state, Cpu cpu) {
                    cpu.switchTo(null);
                    held = state.space.hold();
                }

                @Override
                public String run(State state, Cpu cpu) {
                    try (PageTableRef of = Objects.requireNonNull(held)) {
                        begun = cpu.tryUse(of, () -> {});
                    }
                    return "borrowed";
                }
            });
            calls().put("close", close());
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judgeQuiet(State state) {
            BorrowedSpace borrowed = begun;
            assertTrue(borrowed == null || borrowed.isAsked(), "the borrower was not asked");
            super.judgeQuiet(state);
        }
    }

    /**
     * Two threads find a CPU that was lost in GUEST: one waits for its acknowledgement, and one searches for lost CPUs.
     */
    static final class LostBesideMunmap extends Calls {
        /** Belongs to the thread that prepares the scenario, which stays alive. */
        private @Nullable Cpu lost;

        LostBesideMunmap() {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put("look", (state, cpu) -> {
                assertNotNull(state.machine.statistics());
                return "looked";
            });
        }

        @Override
        protected MachineBuilder builder() {
            return Machine.builder().faultAround(1).lazyTlb(LazyTlb.REFERENCE_COUNT);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            Cpu made = state.machine.claimCpu();
            made.switchTo(state.space);
            // The CPU keeps a reference to the page table from now on.
            made.enterLazy();
            made.switchTo(state.space);
            made.enterGuest();
            assertEquals("7", load(made, AT));
            MachineInternals.lose(made);
            lost = made;
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judgeQuiet(State state) {
            String expected = "CPU_LOST " + Objects.requireNonNull(lost) + " of thread ";
            assertEquals(1, state.reports.size(), state.reports::toString);
            assertTrue(state.reports.get(0).startsWith(expected), state.reports::toString);
            state.reports.clear();
            assertEquals(0, state.space.cpus());
            super.judgeQuiet(state);
        }
    }

    /**
     * A CPU replaces its space with one that another thread closes. The CPU is in the space that the result of the call
     * implies.
     */
    static final class ExecBesideCloseOfTheNext extends Calls {
        ExecBesideCloseOfTheNext() {
            calls().put("exec", (state, cpu) -> {
                try {
                    cpu.exec(state.other());
                } catch (MmException refused) {
                    assertEquals(Errno.ESRCH, refused.errno());
                    assertSame(state.space, cpu.space());
                    assertEquals("7", load(cpu, AT));
                    return "refused";
                }
                assertSame(state.other(), cpu.space());
                assertEquals("SEGV_MAPERR", load(cpu, AT));
                return "replaced";
            });
            calls().put("close", (state, cpu) -> {
                state.other().close();
                return "closed";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.other();
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }
}
