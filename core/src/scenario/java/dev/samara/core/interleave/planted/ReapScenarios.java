// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.PageTableRef;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Fault;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/** Reaps concurrent with calls whose results the pairs of operations do not check sufficiently. */
final class ReapScenarios {
    private ReapScenarios() {}

    private static String reap(State state) {
        try (PageTableRef held = state.space.hold()) {
            return "" + held.reap();
        }
    }

    /** A lock of a written page: if it succeeds, the page stays. */
    static final class LockBesideReap extends Calls {
        private final Map<String, String> results = new ConcurrentHashMap<>();

        LockBesideReap() {
            calls().put("mlock", (state, cpu) -> note("mlock", "" + state.space.mlock(AT, PAGE)));
            calls().put("reap", (state, cpu) -> note("reap", ReapScenarios.reap(state)));
        }

        private String note(String call, String result) {
            results.put(call, result);
            return result;
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertEquals("0", results.get("reap"));
            boolean isLocked = Objects.equals(results.get("mlock"), "0");
            assertEquals(isLocked ? "7" : Fault.toString(Fault.ADRERR), load(cpu, AT));
        }
    }

    /** The first store to a page whose leaf stays, because another page of it is locked. */
    static final class StoreBesideReap extends Calls {
        StoreBesideReap() {
            calls().put("store", (state, cpu) -> store(cpu, AT + PAGE, 8));
            calls().put("reap", (state, cpu) -> ReapScenarios.reap(state));
        }

        /** A failed store may leave an anon_vma. */
        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertEquals("7", load(cpu, AT));
            assertEquals(Fault.toString(Fault.ADRERR), load(cpu, AT + PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mlock(AT, PAGE);
            state.space.mmap(AT + PAGE, PAGE, RW, FIXED, null, 0);
        }
    }

    /** A store that needs a frame of another space, which may be reaped because it has a score. */
    private abstract static class Shortage extends Calls {
        private static final int FRAMES = 2;
        static final String OTHER = "other";

        Shortage() {
            calls().put("needs", (state, cpu) -> {
                cpu.switchTo(state.child(OTHER));
                String stored = store(cpu, AT, 9);
                while (stored.equals(Fault.toString(Fault.RETRY))) {
                    LockSupport.parkNanos(100_000);
                    stored = store(cpu, AT, 9);
                }
                String loaded = load(cpu, AT);
                cpu.switchTo(null);
                return stored + ' ' + loaded;
            });
        }

        @Override
        protected final MachineBuilder builder() {
            return Machine.builder().faultAround(1).lowMemory((space, pages) -> space.number() == 1 ? 1 : -1);
        }

        @Override
        protected final int pages() {
            return FRAMES;
        }

        @Override
        protected final boolean hasOrders() {
            return false;
        }

        @Override
        protected final void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            mapPage(state, cpu, AT + PAGE);
            AddressSpace other = state.machine.newSpace(LINUX);
            state.children.put(OTHER, other);
            assertEquals(AT, other.mmap(AT, PAGE, RW, FIXED, null, 0));
        }
    }

    /** The other space's CPU is in GUEST. */
    static final class ShortageBesideGuest extends Shortage {
        ShortageBesideGuest() {
            calls().put("guest", new HoldsInGuest(AT));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertEquals(Fault.toString(Fault.ADRERR), load(cpu, AT));
            cpu.switchTo(state.child(OTHER));
            assertEquals("9", load(cpu, AT));
            cpu.switchTo(null);
        }
    }

    /**
     * The other space ends, possibly between the count of its pages and its score. No failed score may be reported. A
     * store that is concurrent with the end may find no frame.
     */
    static final class ShortageBesideClose extends Shortage {
        ShortageBesideClose() {
            calls().put("close", close());
        }
    }
}
