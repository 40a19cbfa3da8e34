// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.PageTableRef;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** CPUs that borrow a space, or replace their own, beside its close. */
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

    /** A borrow begins while the last reference is closed: the borrower is asked to let go. */
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

    /** A CPU replaces its space by one that another thread closes: it is in one of the two, as it was told. */
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
