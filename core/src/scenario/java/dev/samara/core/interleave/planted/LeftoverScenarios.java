// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.interleave.scenario.StandStill;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Mman;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;

/** Calls that may leave objects, threads or links behind. */
final class LeftoverScenarios {
    private LeftoverScenarios() {}

    /** A call that narrows a VMA without unmapping it, concurrently with a fork whose child ends. */
    static final class NarrowingBesideFork extends Calls {
        NarrowingBesideFork() {
            calls().put("fork", (state, cpu) -> {
                state.space.fork().close();
                return "";
            });
            calls().put("mprotect", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Mman.READ));
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** Asynchronous calls that wait for a CPU that stays in GUEST for long. */
    static final class AsyncBehindGuest extends Calls {
        private static final int PAGES = 4;

        /**
         * One thread checks whether calls can continue, one is ready, and one has a task, but was preempted before the
         * next step.
         */
        private static final int MOST_THREADS = 3;

        private int threads;

        AsyncBehindGuest() {
            calls().put("async", (state, cpu) -> {
                int begun = 0;
                for (long page : StandStill.pages(AT, PAGES)) {
                    begun += state.space.munmapAsync(page, PAGE).isDone() ? 0 : 1;
                }
                return "" + begun;
            });
            long[] pages =
                    StandStill.pages(AT, PAGES).stream().mapToLong(page -> page).toArray();
            HoldsInGuest guest = new HoldsInGuest(pages);
            calls().put("guest", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    guest.before(state, cpu);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    LockSupport.parkNanos(200_000_000);
                    threads = MachineInternals.threadsOf(state.machine);
                    return guest.run(state, cpu);
                }
            });
        }

        @Override
        protected MachineBuilder builder() {
            return super.builder().reportShootdownsLongerThan(Duration.ofSeconds(1));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            StandStill.pages(AT, PAGES).forEach(page -> mapPage(state, cpu, page));
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertTrue(threads <= MOST_THREADS, () -> threads + " threads of the machine");
        }
    }

    /** A truncation that waits for a CPU, while another space maps and unmaps the file. */
    static final class MappingsBesideTruncation extends FileScenarios.OfFile {
        private boolean isAsked;
        private boolean isMapped;

        MappingsBesideTruncation() {
            calls().put("truncate", (state, cpu) -> "" + file().truncate(0));
            calls().put("mapper", (state, cpu) -> {
                AddressSpace other = Objects.requireNonNull(state.children.get("other"));
                for (int i = 0; i < 2; i++) {
                    other.mmap(AT, PAGE, RW, SHARED, file().open(), 0);
                    other.munmap(AT, PAGE);
                    if (isAsked) {
                        // The truncation waits for the CPU until this thread ends.
                        assertEquals(List.of(), ReachableObjects.of("Unlinked", file()), "unlinked, and kept");
                    }
                }
                isMapped = true;
                return "";
            });
            calls().put("guest", new HoldsInGuest(AT) {
                @Override
                void beforeLeaving(State state, Cpu cpu) {
                    while (!isMapped) {
                        Thread.onSpinWait();
                    }
                }
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.children.put("other", state.machine.newSpace(LINUX));
        }

        @Override
        protected MachineBuilder builder() {
            return Machine.builder().faultAround(1).deliverShootdowns(new ShootdownDelivery() {
                @Override
                public void deliver(int cpu, Thread thread) {
                    isAsked = true;
                }
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }
}
