// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;

/**
 * Calls through a reference to a space, or on a file that the space maps, concurrently with the space's end. The
 * machine is checked.
 */
final class EndScenarios {
    private EndScenarios() {}

    private abstract static class BesideEnd extends Calls {
        BesideEnd() {
            calls().put("call", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    // This thread's CPU would be a user, too.
                    cpu.switchTo(null);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    try {
                        return call(state);
                    } catch (MmException closed) {
                        return closed.errno().name();
                    }
                }
            });
            calls().put("close", close());
        }

        abstract String call(State state);

        @Override
        protected final MachineBuilder builder() {
            return Machine.builder().faultAround(1).checked(true);
        }

        @Override
        protected final boolean hasOrders() {
            return false;
        }
    }

    static final class Membarrier extends BesideEnd {
        @Override
        String call(State state) {
            return "" + state.space.membarrier();
        }
    }

    static final class SecondClose extends BesideEnd {
        @Override
        String call(State state) {
            state.space.close();
            if (!Errno.isError(state.space.membarrier())) {
                throw new AssertionError("a call after the close");
            }
            return "refused";
        }
    }

    static final class Collection extends BesideEnd {
        @Override
        String call(State state) {
            return "" + state.space.collectAccessed(AT, PAGE, page -> {});
        }
    }

    static final class Watch extends BesideEnd {
        @Override
        String call(State state) {
            state.space.watch(AT, PAGE, (address, length) -> {}).close();
            return "watched";
        }
    }

    static final class Truncation extends BesideEnd {
        @Override
        String call(State state) {
            return "" + file().truncate(0);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            int shared = Mman.SHARED | Mman.FIXED;
            state.space.mmap(AT, 2 * PAGE, RW, shared, newFile(state).open(), 0);
            store(cpu, AT, 7);
        }
    }
}
