// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.InFlightOperations.Ticket;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.Objects;

/**
 * Concurrent operations on a layout that is divided, or is being divided or joined. The layout contains four pages,
 * each followed by a hole of one page; the border is after the first two pages.
 */
final class DistrictScenarios {
    private DistrictScenarios() {}

    abstract static class OfFour extends Calls {
        static final long BORDER = AT + 4 * PAGE;

        static long at(int i) {
            return AT + 2L * i * PAGE;
        }

        static final SpaceScenario.Operation DIVIDE = (state, cpu) -> {
            divide(state);
            return "";
        };

        static void divide(State state) {
            Divisions.divide(MachineInternals.layoutOf(state.space), BORDER);
        }

        static boolean isMapped(AddressSpace space, int i) {
            return space.find(at(i)) != null;
        }

        boolean isDividedFirst() {
            return true;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            for (int i = 0; i < 4; i++) {
                mapPage(state, cpu, at(i));
            }
            if (isDividedFirst()) {
                divide(state);
            }
        }
    }

    /** A thread unmaps in the lower part and then in the upper one, concurrently with a snapshot. */
    static final class SnapshotBesideBoth extends OfFour {
        SnapshotBesideBoth() {
            calls().put("munmap", (state, cpu) -> {
                state.space.munmap(at(1), PAGE);
                return "" + state.space.munmap(at(2), PAGE);
            });
            calls().put("snapshot", (state, cpu) -> {
                LayoutSnapshot snapshot = state.space.snapshot();
                if (snapshot.find(at(1)) != null && snapshot.find(at(2)) == null) {
                    throw new AssertionError("I6: the second change without the first");
                }
                return "";
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** An operation in a part, concurrently with one that joins the parts. */
    static final class PartBesideWhole extends OfFour {
        PartBesideWhole() {
            calls().put("part", munmap(at(0), PAGE));
            calls().put("whole", munmap(at(1), 3 * PAGE));
        }
    }

    /** A mapping that merges with its neighbour across the border, concurrently with an operation in its part. */
    static final class NeighboursAtBorder extends OfFour {
        NeighboursAtBorder() {
            calls().put("mmap", (state, cpu) -> "" + state.space.mmap(BORDER - PAGE, PAGE, RW, FIXED, null, 0));
            calls().put("munmap", munmap(at(0), PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, at(0));
            mapPage(state, cpu, at(2));
            divide(state);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            Vma merged = Objects.requireNonNull(state.space.find(BORDER));
            if (merged.start() != BORDER - PAGE) {
                throw new AssertionError("not merged: " + merged);
            }
        }
    }

    /** A mapping without an address, concurrently with an operation in a part. */
    static final class PlacementBesidePart extends OfFour {
        PlacementBesidePart() {
            calls().put(
                            "place",
                            (state, cpu) -> "" + state.space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0));
            calls().put("munmap", munmap(at(3), PAGE));
        }
    }

    /** A mapping whose hint in the lower part is occupied, concurrently with an operation in the upper part. */
    static final class HintBesidePart extends OfFour {
        HintBesidePart() {
            calls().put("hint", (state, cpu) -> {
                long placed = state.space.mmap(at(0), PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
                if (placed <= at(3)) {
                    throw new AssertionError("P41: not in the highest hole of all parts: " + placed);
                }
                return "" + placed;
            });
            calls().put("munmap", munmap(at(2), PAGE));
        }

        @Override
        boolean isDividedFirst() {
            return false;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            // The highest hole of the lower part ends below a mapping of that part.
            mapPage(state, cpu, BORDER - PAGE);
            divide(state);
        }
    }

    /** A thread that divides the layout, concurrently with an operation whose thread then looks its change up. */
    static final class DivisionBesideOperation extends OfFour {
        DivisionBesideOperation() {
            calls().put("divide", DIVIDE);
            calls().put("munmap", (state, cpu) -> {
                String result = "" + state.space.munmap(at(1), PAGE);
                if (isMapped(state.space, 1)) {
                    throw new AssertionError("I6: found after its munmap");
                }
                return result;
            });
        }

        @Override
        boolean isDividedFirst() {
            return false;
        }
    }

    /** A thread that joins and divides the layout again, concurrently with an mmap whose thread looks its change up. */
    static final class DivisionAgainBesideOperation extends OfFour {
        DivisionAgainBesideOperation() {
            calls().put("again", (state, cpu) -> {
                Divisions.join(MachineInternals.layoutOf(state.space));
                divide(state);
                return "";
            });
            calls().put("mmap", (state, cpu) -> {
                // Nothing is retired, so the thread takes only the lock of the part.
                String result = "" + state.space.mmap(at(0) + PAGE, PAGE, RW, FIXED, null, 0);
                if (state.space.find(at(0) + PAGE) == null) {
                    throw new AssertionError("I6: not found after its mmap");
                }
                return result;
            });
        }
    }

    /**
     * A range in flight across the border, concurrently with a thread that divides the layout and maps in the range.
     */
    static final class DivisionBesideFlight extends OfFour {
        DivisionBesideFlight() {
            calls().put("munmap", munmap(at(1), 5 * PAGE));
            calls().put("next", (state, cpu) -> {
                divide(state);
                return "" + state.space.mmap(at(3), PAGE, RW, FIXED, null, 0);
            });
        }

        @Override
        boolean isDividedFirst() {
            return false;
        }
    }

    /** A fork, concurrently with a thread that divides the layout and unmaps a page of a part while the fork copies. */
    static final class PartBesideFork extends OfFour {
        PartBesideFork() {
            calls().put("fork", (state, cpu) -> {
                state.children.put("child", state.space.fork());
                return "forked";
            });
            calls().put("munmap", (state, cpu) -> {
                divide(state);
                return "" + state.space.munmap(at(1), PAGE);
            });
        }
    }

    /** A thread that looks one page up twice, concurrently with an operation that joins the parts. */
    static final class LookupsBesideJoin extends OfFour {
        LookupsBesideJoin() {
            calls().put("whole", munmap(at(1), 3 * PAGE));
            calls().put("lookups", (state, cpu) -> {
                boolean isGone = !isMapped(state.space, 1);
                if (isGone && (isMapped(state.space, 1) || isMapped(state.space, 2))) {
                    throw new AssertionError("I6: found after it was gone");
                }
                return "";
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** A thread looks a page up, and again after an operation that joins the parts and unmaps the page returned. */
    static final class LookupAfterJoin extends OfFour {
        private volatile boolean isUnmapped;

        LookupAfterJoin() {
            calls().put("whole", (state, cpu) -> {
                String result = "" + state.space.munmap(at(1), 3 * PAGE);
                isUnmapped = true;
                return result;
            });
            calls().put("lookups", (state, cpu) -> {
                boolean isFirst = isMapped(state.space, 1);
                boolean isNext = isUnmapped && isMapped(state.space, 1);
                if (isNext) {
                    throw new AssertionError("I6: found after its munmap, " + (isFirst ? "as before" : "though gone"));
                }
                return "";
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** A thread with a ticket for two pages, as an operation acquires it after restarts, and a younger operation. */
    abstract static class BesideTicket extends OfFour {
        private volatile boolean isWaiting;

        /**
         * Creates the scenario.
         *
         * @param first the first page of the ticket, which covers this page and the next one
         * @param page the page of the younger operation
         * @param before runs before the younger operation
         */
        BesideTicket(int first, int page, SpaceScenario.Operation before) {
            long low = at(first);
            long high = at(first + 1) + PAGE;
            calls().put("older", (state, cpu) -> {
                Layout layout = MachineInternals.layoutOf(state.space);
                Ticket ticket = new Ticket(layout.nextAge(), "older");
                District listing = layout.districts.lockDistrict(low, high);
                ticket.name(low, high);
                listing.inFlight.add(ticket);
                ticket.leave();
                listing.unlock();
                isWaiting = true;
                // Between the two stores, the other thread may start and end.
                isWaiting = false;
                District listed = layout.districts.lockDistrict(low, high);
                listed.inFlight.remove(ticket);
                listed.unlock();
                Gate.wake(ticket.open());
                return "";
            });
            calls().put("younger", (state, cpu) -> {
                boolean isBehind = isWaiting;
                before.run(state, cpu);
                String result = "" + state.space.munmap(at(page), PAGE);
                if (isBehind && isWaiting) {
                    throw new AssertionError("P22: the younger operation did not wait for the ticket");
                }
                return result;
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** The younger thread divides the layout, so the ticket is in a part from then on. */
    static final class DivisionBesideTicket extends BesideTicket {
        DivisionBesideTicket() {
            super(0, 1, DIVIDE);
        }

        @Override
        boolean isDividedFirst() {
            return false;
        }
    }

    /** The younger thread tries to divide the layout between the pages of the ticket. */
    static final class DivisionAcrossTicket extends BesideTicket {
        DivisionAcrossTicket() {
            super(1, 2, DIVIDE);
        }

        @Override
        boolean isDividedFirst() {
            return false;
        }
    }

    /** The younger thread joins the part that contains the ticket. */
    static final class JoinBesideTicket extends BesideTicket {
        JoinBesideTicket() {
            super(0, 1, (state, cpu) -> {
                Divisions.join(MachineInternals.layoutOf(state.space));
                return "";
            });
        }
    }
}
