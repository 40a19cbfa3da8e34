// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.VmaRef;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Concurrent publications and completions, references, and calls that a thread of the machine completes. */
final class LayoutScenarios {
    private LayoutScenarios() {}

    /** A discard concurrent with a locked mapping that replaces its range, and so cannot be discarded. */
    static final class DiscardBesideLocked extends Calls {
        DiscardBesideLocked() {
            calls().put("dontneed", (state, cpu) -> "" + state.space.madvise(AT, PAGE, Mman.DONTNEED));
            calls().put("mmap", (state, cpu) -> {
                long at = state.space.mmap(AT, PAGE, RW, FIXED | Mman.LOCKED, null, 0);
                return at + store(cpu, AT, 9);
            });
        }
    }

    /** A store to one page of a leaf, concurrently with the unmapping of the leaf's only other page. */
    static final class StoreBesideLastUnmap extends Calls {
        StoreBesideLastUnmap() {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put("store", (state, cpu) -> store(cpu, AT + PAGE, 8));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.mmap(AT + PAGE, PAGE, RW, FIXED, null, 0);
        }
    }

    /** A mapping over the reservations of two unmappings. */
    static final class ReusesTwo extends Calls {
        ReusesTwo() {
            calls().put("first", (state, cpu) -> "" + state.space.munmap(AT, PAGE));
            calls().put("second", (state, cpu) -> "" + state.space.munmap(AT + PAGE, PAGE));
            calls().put("mmap", (state, cpu) -> {
                state.space.mmap(AT, 2 * PAGE, RW, FIXED, null, 0);
                String loaded = load(cpu, AT + PAGE);
                if (loaded.equals("7")) {
                    throw new AssertionError("the page of the mapping before is found in the new one");
                }
                return "";
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
            mapPage(state, cpu, AT + 2 * PAGE);
        }

        @Override
        protected AddressSpace space(Machine machine) {
            return machine.space(LINUX).earlyReuse(true).build();
        }
    }

    /** The last reference to a device's mapping is released concurrently with the unmapping. */
    static final class ReleaseBesideUnmap extends Calls {
        private final CountingBacking device = new CountingBacking("device", 1);
        private @Nullable VmaRef reference;

        ReleaseBesideUnmap() {
            calls().put("release", (state, cpu) -> {
                Objects.requireNonNull(reference).close();
                return "";
            });
            calls().put("munmap", munmap(AT, PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, Mman.SHARED | Mman.FIXED, device, 0);
            reference = state.space.acquire(AT);
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

    /** Two threads release one reference, and one release is rejected. */
    static final class ReleasedTwice extends Calls {
        private final CountingBacking device = new CountingBacking("device", 1);
        private @Nullable VmaRef reference;
        private @Nullable VmaRef other;
        private int released;

        ReleasedTwice() {
            calls().put("one", (state, cpu) -> release());
            calls().put("two", (state, cpu) -> release());
        }

        private String release() {
            try {
                Objects.requireNonNull(reference).close();
                released++;
            } catch (IllegalStateException refused) {
                return "refused";
            }
            return "released";
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, Mman.SHARED | Mman.FIXED, device, 0);
            reference = state.space.acquire(AT);
            other = state.space.acquire(AT);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertEquals(1, released, "releases");
            Objects.requireNonNull(other).close();
        }
    }

    /** A listener of the layout, concurrently with two calls that change the layout. */
    static final class ListenerBesideCalls extends Calls {
        private int told;

        ListenerBesideCalls() {
            calls().put("first", (state, cpu) -> "" + state.space.mmap(AT + PAGE, PAGE, 0, FIXED, null, 0));
            calls().put("second", (state, cpu) -> "" + state.space.munmap(AT, PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            state.space.addListener(change -> told++);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            awaitQuiescence(state);
            assertEquals(2, told, "changes that the listener was told of");
        }
    }

    static void awaitQuiescence(State state) {
        try {
            state.machine.awaitQuiescence();
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** A call that waits for room behind grace periods, which an asynchronous call uses up. */
    static final class WaitsForRoom extends Calls {
        WaitsForRoom() {
            calls().put("async", (state, cpu) -> "" + (state.space.munmapAsync(AT, PAGE) != null));
            calls().put("guest", new HoldsInGuest(AT));
            calls().put("munmap", (state, cpu) -> "" + state.space.munmap(AT + PAGE, PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, AT);
            mapPage(state, cpu, AT + PAGE);
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
}
