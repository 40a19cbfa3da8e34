// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
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
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageRequest;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.Plantings;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Fixed bugs that random storms missed and that reading found, planted again. The scheduler finds each bug with the
 * given number of preemptions, and finds nothing without the mutant.
 */
@DisplayName("The scheduler finds mended bugs that are planted again")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(8)
final class PlantedBugsTest {
    private static final String CORE = "dev.samara.core.internal.";

    private static final PlantedMutant MOVE_BESIDE_EARLY_REUSE = PlantedMutant.of(
            "a mapping over the source of a move",
            MoveBesideEarlyReuse.class,
            1,
            PlantedMutant.found(213, ""),
            Plantings.withoutCall(CORE + "op.RetirementRun", "givesUpItsRange", "isMunmap", 1));

    private static final PlantedMutant RESOLVE_IN_GUEST = PlantedMutant.of(
            "`resolve` waits in GUEST",
            ResolveInGuest.class,
            1,
            PlantedMutant.found(8, ""),
            Plantings.withoutCall(CORE + "fault.PermissionCheck", "awaitGate", "checkMayWait", 0));

    private static final PlantedMutant ASYNC_IN_GUEST = PlantedMutant.of(
            "an asynchronous call waits in GUEST, at the bound of grace periods",
            AsyncInGuest.class,
            1,
            PlantedMutant.found(119, ""),
            Plantings.withoutCall(CORE + "op.Operation", "start", "checkMayWait", 0));

    private static final PlantedMutant SECOND_NOTICE = PlantedMutant.of(
            "a write notice is taken for the next one",
            SecondNotice.class,
            1,
            PlantedMutant.found(106, ""),
            Plantings.withoutCall(CORE + "fault.BackingFault", "serves", "isDetached", 0)
                    .and(Plantings.withoutCall(CORE + "fault.BackingFault", "serves", "isStale", 0)));

    private static final PlantedMutant INTERRUPTED_FAULT = PlantedMutant.of(
            "an interrupted thread does not park at the lock of a leaf",
            FileScenarios.InterruptedFault.class,
            1,
            PlantedMutant.found(89, ""),
            SourceMutant.of(CORE + "sync.Pause", "if (!Thread.interrupted()) {", "if (true) {"));

    private static final PlantedMutant INTERRUPTED_ONCE = PlantedMutant.of(
            "a pause of an interrupted thread ends by the permit of its interrupt",
            FileScenarios.InterruptedFault.class,
            1,
            PlantedMutant.found(89, ""),
            SourceMutant.of(
                    CORE + "sync.Pause", "LockSupport.parkNanos(blocker, nanos - (System.nanoTime() - since));", ""));

    private static final String STEPS = """
                    awaitCopy(edit, mine);
                    AttemptOutcome early = mine == null ? null : prepareToRetire(edit, mine);
                    if (early != null) {
                        return early;
                    }
                    attach(edit, mine);
            """;

    private static final PlantedMutant REFUSED_BESIDE_FORK = PlantedMutant.of(
            "a refused call keeps its share of an open",
            RefusedBesideFork.class,
            1,
            PlantedMutant.found(142, ""),
            SourceMutant.of(
                            CORE + "op.Publication",
                            STEPS,
                            STEPS.replaceFirst("awaitCopy.*\n", "") + "awaitCopy(edit, mine);")
                    .and(Plantings.withoutCall(CORE + "op.EditedLayout", "undo", "takeBack", 0)));

    static final List<PlantedMutant> MUTANTS = List.of(
            MOVE_BESIDE_EARLY_REUSE,
            RESOLVE_IN_GUEST,
            ASYNC_IN_GUEST,
            SECOND_NOTICE,
            REFUSED_BESIDE_FORK,
            INTERRUPTED_FAULT,
            INTERRUPTED_ONCE);

    private static final long DEVICE = SpaceScenario.AT + 8 * SpaceScenario.PAGE;
    private static final long TO = SpaceScenario.AT + SpaceScenario.PAGE;

    /** A mapping replaces the source of a move while the pages are being moved. */
    static final class MoveBesideEarlyReuse extends Calls {
        MoveBesideEarlyReuse() {
            int flags = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
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
            calls().put("guest", new InGuest((state, cpu) -> state.space.resolve(AT, Protection.READ) + ""));
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
                state.space.mprotect(AT, PAGE, Protection.READ);
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
                public int pageMkwrite(PageRequest request) {
                    notices++;
                    return 0;
                }
            };
            state.space.mmap(AT, PAGE, RW, MapFlags.SHARED | MapFlags.FIXED, file, 0);
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
            calls().put("mprotect", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Protection.READ));
            calls().put("fork", (state, cpu) -> {
                state.children.put("child", state.space.fork());
                return "";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mmap(DEVICE, 2 * PAGE, RW, MapFlags.SHARED | MapFlags.FIXED, device, 0);
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

    private static Exploration.Result explore(Class<? extends Scenario> type, int bound, Planting... mutants) {
        Exploration exploration = SteppedScenarios.explore(type, mutants);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(bound), mutants.length);
    }

    private static void found(PlantedMutant planted, Finding.Kind kind) {
        Class<? extends Scenario> type = planted.scenario();
        int bound = planted.preemptions();
        Exploration.Failure failure = explore(type, bound, planted.planting()).failure();
        assertNotNull(failure);
        assertEquals(kind, failure.finding().kind(), failure::toString);
        Throwable thrown = failure.finding().thrown();
        assertTrue(thrown == null || thrown instanceof AssertionError, failure::toString);
        Exploration.Result unchanged = explore(type, bound);
        assertNull(unchanged.failure(), unchanged::toString);
    }

    @Test
    void moveBesideEarlyReuse() {
        found(MOVE_BESIDE_EARLY_REUSE, Finding.Kind.THROWN);
    }

    @Test
    void resolveInGuest() {
        found(RESOLVE_IN_GUEST, Finding.Kind.STUCK);
    }

    @Test
    void asyncInGuest() {
        found(ASYNC_IN_GUEST, Finding.Kind.STUCK);
    }

    @Test
    void secondNotice() {
        found(SECOND_NOTICE, Finding.Kind.THROWN);
    }

    @Test
    void interruptedFault() {
        found(INTERRUPTED_FAULT, Finding.Kind.ENDLESS);
    }

    @Test
    void interruptedOnce() {
        found(INTERRUPTED_ONCE, Finding.Kind.ENDLESS);
    }

    @Test
    void refusedBesideFork() {
        found(REFUSED_BESIDE_FORK, Finding.Kind.THROWN);
    }
}
