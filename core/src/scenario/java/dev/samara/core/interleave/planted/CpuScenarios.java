// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Guest;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.interleave.scenario.StandStill;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Shootdowns, and CPUs that enter and leave spaces, concurrently with calls. */
final class CpuScenarios {
    private CpuScenarios() {}

    /** An unmapping across the boundary of two leaves, concurrently with a CPU that used the first leaf. */
    static final class UnmapsTwoLeaves extends Calls {
        private static final long EDGE = AT + (1L << 21);
        private static final long FIRST = EDGE - PAGE;

        UnmapsTwoLeaves() {
            calls().put("munmap", munmap(FIRST, 2 * PAGE));
            calls().put("guest", new HoldsInGuest(FIRST));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, FIRST);
            mapPage(state, cpu, EDGE);
            // Keeps the leaves in use.
            mapPage(state, cpu, FIRST - PAGE);
            mapPage(state, cpu, EDGE + PAGE);
        }

        @Override
        protected List<Long> addresses() {
            return StandStill.pages(FIRST, 2);
        }
    }

    /** Two unmappings, both of which a CPU in GUEST must flush. */
    static final class TwoGenerations extends Calls {
        TwoGenerations() {
            calls().put("first", munmap(AT, PAGE));
            calls().put("second", munmap(AT + PAGE, PAGE));
            calls().put("guest", new HoldsInGuest(AT, AT + PAGE) {
                @Override
                void beforeLeaving(State state, Cpu cpu) {
                    if (state.inGuest.contains(cpu)) {
                        cpu.poll();
                    }
                }
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            mapPage(state, cpu, AT + PAGE);
            mapPage(state, cpu, AT + 2 * PAGE);
        }
    }

    /** A CPU returns from LAZY while the space is closed. */
    static final class LazyBesideClose extends Calls {
        LazyBesideClose() {
            calls().put("lazy", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    load(cpu, AT);
                    cpu.enterLazy();
                }

                @Override
                public String run(State state, Cpu cpu) {
                    try {
                        cpu.switchTo(state.space);
                    } catch (MmException closed) {
                        return "used";
                    }
                    cpu.enterGuest();
                    load(cpu, AT);
                    cpu.leaveGuest();
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

    /** Unmaps a page in a different eighth of the leaf than the first page that a CPU used. */
    static final class TwoEighths extends Calls {
        private static final long SECOND = AT + 64 * PAGE;

        TwoEighths() {
            calls().put("munmap", munmap(SECOND, PAGE));
            calls().put("guest", new HoldsInGuest(AT, SECOND));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            mapPage(state, cpu, SECOND);
        }

        @Override
        protected List<Long> addresses() {
            return List.of(AT, SECOND);
        }
    }

    /**
     * Misses in two eighths of a leaf, concurrently with unmappings of both pages. The CPU walked to only one of the
     * two eighths.
     */
    static final class RefillsBesideUnmap extends Calls {
        private static final long SECOND = AT + 64 * PAGE;

        RefillsBesideUnmap() {
            Operation first = munmap(AT + PAGE, PAGE);
            Operation second = munmap(SECOND, PAGE);
            calls().put("munmap", new Operation() {
                @Override
                public String run(State state, Cpu cpu) {
                    first.returned(state, first.run(state, cpu));
                    return second.run(state, cpu);
                }

                @Override
                public void returned(State state, String result) {
                    second.returned(state, result);
                }
            });
            calls().put("guest", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    cpu.enterGuest();
                    load(cpu, AT);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    // As for a FlatMemory whose frames are in a region.
                    SoftTlb.Viewed viewed = (SoftTlb.Viewed) cpu.memory();
                    boolean isOne = viewed.refill(AT + PAGE, Mman.READ) != SoftTlb.MISS;
                    boolean isOther = viewed.refill(SECOND, Mman.READ) != SoftTlb.MISS;
                    cpu.poll();
                    cpu.leaveGuest();
                    return isOne || isOther ? "used" : "left";
                }
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            mapPage(state, cpu, AT + PAGE);
            mapPage(state, cpu, SECOND);
        }

        @Override
        protected List<Long> addresses() {
            return List.of(AT, AT + PAGE, SECOND);
        }
    }

    /** The first load after the accessed bits were cleared, concurrently with an unmapping. */
    static final class FirstLoadBesideUnmap extends Calls {
        FirstLoadBesideUnmap() {
            calls().put("load", (state, cpu) -> load(cpu, AT));
            calls().put("munmap", munmap(AT, PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.collectAccessed(AT, PAGE, page -> {});
        }
    }

    /** A CPU enters LAZY while the space is closed. */
    static final class EntersLazyBesideClose extends Calls {
        EntersLazyBesideClose() {
            calls().put("lazy", (state, cpu) -> {
                cpu.enterLazy();
                return "";
            });
            calls().put("close", close());
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /**
     * A thread enters the space, whose pool has an idle CPU there, and leaves it, while the last reference is closed;
     * and a third thread enters another space, where it may get the CPU that left the first one.
     */
    static final class EntersBesideClose extends Calls {
        EntersBesideClose() {
            calls().put("enter", (state, cpu) -> enter(cpu, state.space));
            calls().put("other", (state, cpu) -> enter(cpu, state.other()));
            calls().put("close", close());
        }

        private static String enter(Cpu cpu, AddressSpace space) {
            cpu.switchTo(null);
            try (Guest guest = space.enter()) {
                return "" + guest.memory().load(AT, 8) + guest.memory().value();
            } catch (MmException ended) {
                assertEquals(Errno.ESRCH, ended.errno());
                return "ended";
            }
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.other();
            state.space.enter().close();
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertEquals(0, state.space.users(), "users of the ended space");
        }
    }

    /**
     * A thread keeps the memory of a guest that it closed, while another thread enters the space and gets the CPU,
     * which stays the first thread's last one until then.
     */
    static final class KeptBesideLoan extends Calls {
        KeptBesideLoan() {
            calls().put("kept", new Operation() {
                private @Nullable GuestMemory kept;

                @Override
                public void before(State state, Cpu cpu) {
                    cpu.switchTo(null);
                    try (Guest guest = state.space.enter()) {
                        kept = guest.memory();
                    }
                }

                @Override
                public String run(State state, Cpu cpu) {
                    assertFalse(Objects.requireNonNull(kept).isMine(), "the CPU of a closed guest");
                    return "";
                }
            });
            calls().put("enter", (state, cpu) -> EntersBesideClose.enter(cpu, state.space));
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** A thread enters a space again, where it used the CPU that came last, while another thread may get this CPU. */
    static final class EntersAgainBesideLoan extends Calls {
        private final Set<GuestMemory> inUse = ConcurrentHashMap.newKeySet();

        EntersAgainBesideLoan() {
            calls().put("again", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    cpu.switchTo(null);
                    enter(state);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    return enter(state);
                }
            });
            calls().put("enter", (state, cpu) -> {
                cpu.switchTo(null);
                return enter(state);
            });
        }

        private String enter(State state) {
            try (Guest guest = state.space.enter()) {
                GuestMemory memory = guest.memory();
                assertTrue(inUse.add(memory), "two threads have one CPU");
                String loaded = "" + memory.load(AT, 8) + memory.value();
                inUse.remove(memory);
                return loaded;
            }
        }
    }

    /** Two threads claim a CPU that was handed over. */
    static final class TwoClaims extends Calls {
        private @Nullable Cpu handedOver;
        private int owners;

        TwoClaims() {
            calls().put("one", this::claim);
            calls().put("two", this::claim);
        }

        private String claim(State state, Cpu cpu) {
            Cpu claimed = Objects.requireNonNull(handedOver);
            try {
                claimed.claim();
            } catch (IllegalStateException refused) {
                return "refused";
            }
            owners++;
            claimed.switchTo(null);
            return "claimed";
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            handedOver = state.machine.claimCpu();
            handedOver.switchTo(state.space);
            handedOver.handOver();
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertEquals(1, owners, "threads that have claimed the CPU");
        }
    }
}
