// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.vma.Vma;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Lookups that read several parts of a divided layout, concurrently with operations in the parts and with joins. There
 * are three parts. The first and the last part contain two pages each, and the middle part is initially empty.
 */
final class BorderScenarios {
    private BorderScenarios() {}

    abstract static class OfThreeParts extends Calls {
        static final long FIRST = AT;
        static final long SECOND = AT + 2 * PAGE;
        static final long MIDDLE = AT + 8 * PAGE;
        static final long THIRD = AT + 12 * PAGE;
        static final long FOURTH = AT + 14 * PAGE;

        static Layout layout(State state) {
            return MachineInternals.layoutOf(state.space);
        }

        static void divide(State state) {
            if (!Divisions.divide(layout(state), MIDDLE - 2 * PAGE, THIRD - 2 * PAGE)) {
                throw new AssertionError("not divided");
            }
        }

        static long startOf(@Nullable Vma vma) {
            return vma == null ? 0 : vma.start();
        }

        static Operation map(long at) {
            return (state, cpu) -> "" + state.space.mmap(at, PAGE, RW, FIXED, null, 0);
        }

        static Operation both(Operation first, Operation second) {
            return (state, cpu) -> first.run(state, cpu) + ' ' + second.run(state, cpu);
        }

        /** Makes a lookup that fails if it finds what is not the result at any instant. */
        static Operation never(Function<State, @Nullable Vma> lookup, long... starts) {
            return (state, cpu) -> {
                long found = startOf(lookup.apply(state));
                for (long start : starts) {
                    if (found == start) {
                        throw new AssertionError("I6: found " + Long.toHexString(found) + " at no instant");
                    }
                }
                return "";
            };
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            mapPage(state, cpu, FIRST);
            mapPage(state, cpu, SECOND);
            mapPage(state, cpu, THIRD);
            mapPage(state, cpu, FOURTH);
            divide(state);
        }

        @Override
        protected final boolean hasOrders() {
            return false;
        }
    }

    /** A search upwards, concurrently with a thread that fills the middle part and then empties the place above it. */
    static final class NextOverFilled extends OfThreeParts {
        NextOverFilled() {
            calls().put("changes", both(map(MIDDLE), munmap(THIRD, PAGE)));
            calls().put("next", never(state -> state.space.findNext(SECOND + PAGE), FIRST, SECOND, FOURTH, 0));
        }
    }

    /** A search downwards, concurrently with a thread that fills the middle part and then empties the next place. */
    static final class PreviousOverFilled extends OfThreeParts {
        PreviousOverFilled() {
            calls().put("changes", both(map(MIDDLE), munmap(SECOND, PAGE)));
            calls().put("previous", never(state -> state.space.findPrevious(THIRD), FIRST, THIRD, FOURTH, 0));
        }
    }

    /** A search upwards that starts in a part whose end is filled before the place above is emptied. */
    static final class NextFromFilled extends OfThreeParts {
        NextFromFilled() {
            calls().put("changes", both(map(SECOND + 2 * PAGE), munmap(THIRD, PAGE)));
            calls().put("next", never(state -> state.space.findNext(SECOND + PAGE), FIRST, SECOND, FOURTH, 0));
        }
    }

    /** A search downwards that starts in a part whose start is filled before the place below is emptied. */
    static final class PreviousFromFilled extends OfThreeParts {
        PreviousFromFilled() {
            calls().put("changes", both(map(MIDDLE), munmap(SECOND, PAGE)));
            calls().put(
                            "previous",
                            never(state -> state.space.findPrevious(MIDDLE + 2 * PAGE), FIRST, THIRD, FOURTH, 0));
        }
    }

    /** Searches across the borders, concurrently with an operation that joins the parts and changes two of them. */
    static final class SearchesBesideJoin extends OfThreeParts {
        SearchesBesideJoin() {
            calls().put("whole", munmap(SECOND, THIRD + PAGE - SECOND));
            calls().put("searches", (state, cpu) -> {
                long next = startOf(state.space.findNext(SECOND + PAGE));
                long previous = startOf(state.space.findPrevious(THIRD));
                boolean isUnmapped = next == FOURTH;
                if ((next != THIRD && !isUnmapped)
                        || (previous != FIRST && previous != SECOND)
                        || (isUnmapped && previous == SECOND)) {
                    throw new AssertionError(
                            "I6: next " + Long.toHexString(next) + ", previous " + Long.toHexString(previous));
                }
                return "";
            });
        }
    }

    /** A snapshot, concurrently with an operation that joins the parts, and with a division after the join. */
    static final class SnapshotBesideJoin extends OfThreeParts {
        SnapshotBesideJoin() {
            calls().put("whole", (state, cpu) -> {
                String result = "" + state.space.munmap(SECOND, THIRD + PAGE - SECOND);
                divide(state);
                return result + state.space.munmap(FIRST, PAGE) + state.space.munmap(FOURTH, PAGE);
            });
            calls().put("snapshot", (state, cpu) -> {
                LayoutSnapshot snapshot = state.space.snapshot();
                boolean isSecond = snapshot.find(SECOND) != null;
                boolean isFirst = snapshot.find(FIRST) != null;
                boolean isFourth = snapshot.find(FOURTH) != null;
                if (isSecond != (snapshot.find(THIRD) != null)
                        || (isSecond && !isFirst)
                        || (isFirst && !isFourth)
                        || snapshot.vmas().size() != (isSecond ? 4 : isFirst ? 2 : isFourth ? 1 : 0)) {
                    throw new AssertionError("I6: at no instant: " + snapshot.vmas());
                }
                return "";
            });
        }
    }

    /** A snapshot, concurrently with changes of the last part, then of the first one, then of the last one again. */
    static final class SnapshotBesideChanges extends OfThreeParts {
        SnapshotBesideChanges() {
            calls().put("changes", both(munmap(FOURTH, PAGE), both(munmap(FIRST, PAGE), munmap(THIRD, PAGE))));
            calls().put("snapshot", (state, cpu) -> {
                LayoutSnapshot snapshot = state.space.snapshot();
                boolean isFirst = snapshot.find(FIRST) != null;
                if ((!isFirst && snapshot.find(FOURTH) != null) || (isFirst && snapshot.find(THIRD) == null)) {
                    throw new AssertionError("I6: at no instant: " + snapshot.vmas());
                }
                return "";
            });
        }
    }

    /**
     * A lookup that may ask for a join, concurrently with an operation in a part. Fails if the lookup asked, so that a
     * test can check whether the scheduler finds this.
     */
    abstract static class Asking extends OfThreeParts {
        Asking(Function<State, @Nullable Object> lookup) {
            calls().put("lookup", (state, cpu) -> "" + (lookup.apply(state) == null));
            calls().put("change", map(MIDDLE));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            if (Divisions.isJoinAsked(layout(state))) {
                throw new AssertionError("asked");
            }
        }
    }

    /** A snapshot that asks for a join. */
    static final class AskingSnapshot extends Asking {
        AskingSnapshot() {
            super(state -> state.space.snapshot());
        }
    }

    /** A search upwards that asks for a join. */
    static final class AskingNext extends Asking {
        AskingNext() {
            super(state -> state.space.findNext(SECOND + PAGE));
        }
    }

    /** A search downwards that asks for a join. */
    static final class AskingPrevious extends Asking {
        AskingPrevious() {
            super(state -> state.space.findPrevious(THIRD));
        }
    }
}
