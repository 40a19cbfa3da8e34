// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.event.Registration;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.interleave.scenario.StandStill;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A store that finds no frame and drops pages of another space, concurrently with calls in that space. */
final class DropScenarios {
    private DropScenarios() {}

    /** Two pages, of which one or both are droppable, and a store in another space that needs a frame. */
    private abstract static class BesideDrop extends Calls {
        private static final String OTHER = "other";

        BesideDrop() {
            calls().put("needs", (state, cpu) -> {
                cpu.switchTo(state.child(OTHER));
                String stored = store(cpu, AT, 9);
                String loaded = load(cpu, AT);
                cpu.switchTo(null);
                return stored + ' ' + loaded;
            });
        }

        static void mapDroppable(State state, Cpu cpu, long at) {
            int flags = Mman.DROPPABLE | Mman.ANONYMOUS | Mman.FIXED;
            assertEquals(at, state.space.mmap(at, PAGE, RW, flags, null, 0));
            store(cpu, at, 7);
        }

        @Override
        protected final MachineBuilder builder() {
            return Machine.builder().faultAround(1);
        }

        @Override
        protected final boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapDroppable(state, cpu, AT);
            AddressSpace other = state.machine.newSpace(LINUX);
            state.children.put(OTHER, other);
            assertEquals(AT, other.mmap(AT, PAGE, RW, FIXED, null, 0));
        }
    }

    /** A pin keeps the droppable page, or fails because the page was already dropped. */
    static final class Pin extends BesideDrop {
        private @Nullable PinnedFrame pin;

        Pin() {
            calls().put("pin", (state, cpu) -> {
                pin = cpu.memory().pin(AT, Mman.WRITE);
                return pin == null ? "none" : "pinned";
            });
        }

        @Override
        protected int pages() {
            return 1;
        }

        /** The dropped frame may be reused for the page, so a check at each step would report it as stale. */
        @Override
        protected List<Long> addresses() {
            return StandStill.pages(AT + PAGE, 3);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            PinnedFrame made = pin;
            pin = null;
            if (made != null) {
                long pte = StandStill.tableOf(state.space).get(AT);
                assertTrue(
                        Pte.isPresent(pte) && Pte.frame(pte) == made.frame(), () -> "another page than the pinned one");
                made.close();
            }
        }
    }

    /** Another mapping replaces the droppable one, so the page of the new mapping is not dropped. */
    static final class Replacement extends BesideDrop {
        private String stored = "";

        Replacement() {
            calls().put("replace", (state, cpu) -> {
                state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
                stored = store(cpu, AT, 5);
                return stored;
            });
        }

        @Override
        protected int pages() {
            return 2;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            mapDroppable(state, cpu, AT + PAGE);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            if (stored.equals("stored")) {
                assertEquals("5", load(cpu, AT));
            }
        }
    }

    /**
     * A notifier is added, and its owner looks the page up. If it finds the page, no call drops the page without a
     * notification.
     */
    static final class Notifier extends BesideDrop {
        private boolean isFound;
        private boolean isNotified;
        private @Nullable Registration registration;

        Notifier() {
            calls().put("notifier", (state, cpu) -> {
                registration = state.space.addNotifier((start, end, reason) -> isNotified = true);
                isFound = Pte.isPresent(StandStill.tableOf(state.space).get(AT));
                return "" + isFound;
            });
        }

        @Override
        protected int pages() {
            return 1;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            boolean isThere = Pte.isPresent(StandStill.tableOf(state.space).get(AT));
            assertTrue(!isFound || isThere || isNotified, "dropped without a notice");
            Objects.requireNonNull(registration, "not registered").close();
            isNotified = false;
        }
    }

    /** A CPU in GUEST uses the page until it acknowledges. */
    static final class Guest extends BesideDrop {
        Guest() {
            calls().put("guest", new HoldsInGuest(AT));
        }

        @Override
        protected int pages() {
            return 1;
        }
    }

    /** An unmapping removes the page. */
    static final class Unmapping extends BesideDrop {
        Unmapping() {
            calls().put("munmap", munmap(AT, PAGE));
        }

        @Override
        protected int pages() {
            return 1;
        }
    }

    /** The space ends. */
    static final class End extends BesideDrop {
        End() {
            calls().put("close", close());
        }

        @Override
        protected int pages() {
            return 1;
        }
    }
}
