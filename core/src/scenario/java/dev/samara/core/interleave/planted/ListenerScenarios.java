// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Registration;
import dev.samara.core.fixture.ChangeHistory;
import dev.samara.core.fixture.ChangeReplay;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.space.LayoutListeners;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;

/** Listeners of a layout that is divided, or is being divided or joined. */
final class ListenerScenarios {
    private ListenerScenarios() {}

    /** Four pages, two on each side of the border, and a listener that was added before them. */
    abstract static class Followed extends DistrictScenarios.OfFour {
        /** The hole after the first page. */
        static final long LOWER = at(0) + PAGE;

        /** The hole after the last page. */
        static final long UPPER = at(3) + PAGE;

        private ChangeReplay all = new ChangeReplay();

        LayoutListener.Order order() {
            return LayoutListener.Order.BY_RANGE;
        }

        final ChangeReplay all() {
            return all;
        }

        static Operation map(long at) {
            return (state, cpu) -> "" + state.space.mmap(at, PAGE, RW, FIXED, null, 0);
        }

        /** Returns the index of the change that maps a page; negative if no change does. */
        static int indexOf(long page, ChangeReplay replay) {
            List<LayoutListener.Change> changes = replay.changes();
            int i = changes.size() - 1;
            while (i >= 0
                    && (!hasPage(page, changes.get(i).after())
                            || hasPage(page, changes.get(i).before()))) {
                i--;
            }
            return i;
        }

        private static boolean hasPage(long page, List<Vma> vmas) {
            return vmas.stream().anyMatch(vma -> vma.start() <= page && page < vma.end());
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            all = new ChangeReplay();
            state.space.addListener(all, order());
            super.prepare(state, cpu);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            LayoutScenarios.awaitQuiescence(state);
            all.requireAllOf(state.space);
        }
    }

    /** A mapping in a part, concurrently with an operation that removes it if it comes later. */
    static final class BesideOverlap extends Followed {
        BesideOverlap() {
            calls().put("mmap", map(LOWER));
            calls().put("munmap", munmap(LOWER, PAGE));
        }
    }

    /** Two mappings, one in each part. */
    static final class BesideParts extends Followed {
        BesideParts() {
            calls().put("lower", map(LOWER));
            calls().put("upper", map(UPPER));
        }
    }

    /** An operation in a part, concurrently with one that joins the parts and covers its range. */
    static final class BesideJoin extends Followed {
        BesideJoin() {
            calls().put("part", map(LOWER));
            calls().put("whole", munmap(LOWER, 4 * PAGE));
        }
    }

    /**
     * An operation in a part, concurrently with a thread that divides the layout and removes the operation's mapping.
     */
    static final class BesideDivision extends Followed {
        BesideDivision() {
            calls().put("mmap", map(LOWER));
            calls().put("divide", (state, cpu) -> {
                divide(state);
                return "" + state.space.munmap(LOWER, PAGE);
            });
        }

        @Override
        boolean isDividedFirst() {
            return false;
        }
    }

    /**
     * Another listener is added while the layout is divided, and its thread then makes a change, concurrently with an
     * operation.
     */
    static final class Added extends Followed {
        private ChangeReplay late = new ChangeReplay();

        Added() {
            calls().put("add", (state, cpu) -> {
                late = new ChangeReplay();
                state.space.addListener(late);
                divide(state);
                return map(UPPER).run(state, cpu);
            });
            calls().put("mmap", map(LOWER));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            late.requireRestOf(all(), state.space);
        }
    }

    /** Another listener is removed between two changes by its thread, concurrently with an operation. */
    static final class Removed extends Followed {
        private ChangeReplay early = new ChangeReplay();

        Removed() {
            calls().put("remove", (state, cpu) -> {
                early = new ChangeReplay();
                Registration registration = state.space.addListener(early);
                divide(state);
                map(UPPER).run(state, cpu);
                registration.close();
                return munmap(UPPER, PAGE).run(state, cpu);
            });
            calls().put("mmap", map(LOWER));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            early.requireNoGap();
            new ChangeHistory(all().changes()).requireSection(early.changes(), null);
            if (indexOf(UPPER, early) < 0) {
                throw new AssertionError("not told of its thread's change: " + early.changes());
            }
        }
    }

    /** One change in each of two parts, for a listener that loses every change. */
    static final class FirstLost extends Calls {
        FirstLost() {
            calls().put("lower", (state, cpu) -> publish(state));
            calls().put("upper", (state, cpu) -> publish(state));
        }

        private static String publish(State state) {
            Losing.publish(state);
            return "";
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.addListener(new ChangeReplay());
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            Losing.deliver(state);
            if (state.reports.size() != 1 || !state.reports.get(0).contains("loses those from number 1 ")) {
                throw new AssertionError("the first lost change is number 1: " + state.reports);
            }
            state.reports.clear();
        }
    }

    /**
     * Three changes in one part and one change in another part, for a listener for which only one change may wait. The
     * changes of each part are in the order that its lock would determine. The second change may be lost, but not the
     * third one.
     */
    static final class Losing extends Calls {
        private ChangeReplay replay = new ChangeReplay();

        Losing() {
            calls().put("lower", (state, cpu) -> {
                publish(state);
                publish(state);
                deliver(state);
                publish(state);
                deliver(state);
                return "";
            });
            calls().put("upper", (state, cpu) -> {
                publish(state);
                return "";
            });
        }

        private static void publish(State state) {
            LayoutListeners listeners = MachineInternals.layoutOf(state.space).listeners;
            VmArea vma = VmArea.describe(AT, AT + PAGE, VmaFlags.READ, 0, null, null, null);
            LayoutListeners.publish(listeners.prepare(List.of(), List.of(vma)));
        }

        private static void deliver(State state) {
            MachineInternals.layoutOf(state.space).listeners.deliver();
            LayoutScenarios.awaitQuiescence(state);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            replay = new ChangeReplay();
            state.space.addListener(replay);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            deliver(state);
            publish(state);
            deliver(state);
            long number = 0;
            for (LayoutListener.Change change : replay.changes()) {
                if (change.sequence() <= number) {
                    throw new AssertionError("number " + change.sequence() + " after " + number);
                }
                number = change.sequence();
            }
            if (number != 5) {
                throw new AssertionError("the last number is " + number);
            }
            state.reports.clear();
        }
    }

    /**
     * A mapping, and a thread that maps in the other part if it finds the mapping; the listener requires a total order.
     */
    static final class OneOrder extends Followed {
        OneOrder() {
            calls().put("lower", map(LOWER));
            calls().put(
                            "upper",
                            (state, cpu) -> state.space.find(LOWER) == null
                                    ? ""
                                    : map(UPPER).run(state, cpu));
        }

        @Override
        LayoutListener.Order order() {
            return LayoutListener.Order.TOTAL;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            int upper = indexOf(UPPER, all());
            if (upper >= 0 && upper < indexOf(LOWER, all())) {
                throw new AssertionError("told of the later change first");
            }
        }
    }
}
