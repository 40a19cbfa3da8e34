// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.Pte;

/** Flushes by the only CPU in the space, after another CPU left, and flushes of pages that only one CPU used. */
final class ElisionScenarios {
    private ElisionScenarios() {}

    /** An unmapping by a CPU that used the page. */
    private static final class UsedByBoth implements SpaceScenario.Operation {
        @Override
        public void before(State state, Cpu cpu) {
            Calls.load(cpu, Calls.AT);
        }

        @Override
        public String run(State state, Cpu cpu) {
            return "" + state.space.munmap(Calls.AT, Calls.PAGE);
        }

        @Override
        public void returned(State state, String result) {
            state.standStill.revoked(state.space, Calls.AT, Calls.AT + Calls.PAGE, Pte.RIGHTS);
        }
    }

    /** A CPU that used the page and left the space returns. */
    static final class Comes extends Calls {
        Comes() {
            calls().put("munmap", new UsedByBoth());
            calls().put("comes", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    load(cpu, AT);
                    cpu.switchTo(null);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    cpu.switchTo(state.space);
                    cpu.enterGuest();
                    String loaded = load(cpu, AT);
                    cpu.leaveGuest();
                    return loaded;
                }
            });
        }
    }

    /** A CPU that uses the page. */
    static final class Stays extends Calls {
        Stays() {
            calls().put("munmap", new UsedByBoth());
            calls().put("guest", new HoldsInGuest(AT));
        }
    }

    /** A CPU unmaps a page that only this CPU used, and loads from it again. */
    static final class Alone extends Calls {
        Alone() {
            calls().put("munmap", new UsedByOne() {
                @Override
                public String run(State state, Cpu cpu) {
                    String unmapped = super.run(state, cpu);
                    cpu.enterGuest();
                    String loaded = load(cpu, AT);
                    cpu.leaveGuest();
                    return unmapped + " " + loaded;
                }
            });
            calls().put("elsewhere", (state, cpu) -> "" + state.space.munmap(AT + 64 * PAGE, PAGE));
        }
    }

    /** An unmapping by a CPU that used the page, and is not the only one in the space. */
    private static class UsedByOne implements SpaceScenario.Operation {
        @Override
        public void before(State state, Cpu cpu) {
            Calls.load(cpu, Calls.AT);
        }

        @Override
        public String run(State state, Cpu cpu) {
            String unmapped = "" + state.space.munmap(Calls.AT, Calls.PAGE);
            state.standStill.revoked(state.space, Calls.AT, Calls.AT + Calls.PAGE, Pte.RIGHTS);
            return unmapped;
        }
    }
}
