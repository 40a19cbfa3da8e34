// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.Cursor;
import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.RangeView;
import java.util.Random;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Makes every possible query about a cell of {@link RecordedVersions}. The result must be that of some version that
 * existed during the query.
 */
final class VersionQueries implements Actor {
    private final RecordedVersions versions;
    private final MapleTree<Mark> tree;
    private final Checker checker;
    private final Cursor<Mark> cursor;

    /** The oldest version with which the last result is consistent. The next result must not be older. */
    private int newest;

    VersionQueries(RecordedVersions versions, Checker checker) {
        this.versions = versions;
        this.checker = checker;
        tree = versions.tree;
        cursor = tree.cursor();
    }

    @Override
    public void step(Random random) {
        for (int n = 0; n < 500; n++) {
            int cell = random.nextInt(RecordedVersions.CELLS);
            int to = Math.min(RecordedVersions.CELLS - 1, cell + random.nextInt(4));
            int from = Math.max(newest, versions.done());
            newest = match(from, ask(random.nextInt(8), cell, to));
        }
    }

    /** Returns an actor that checks whole snapshots instead. */
    Actor snapshots() {
        return random -> {
            int from = Math.max(newest, versions.done());
            RangeView<Mark> now = tree.snapshot();
            newest = match(from, cells -> isAll(now, cells));
        };
    }

    /**
     * Returns the first version that is consistent with the result, i.e. the oldest one that the query may have seen.
     */
    private int match(int from, Predicate<int[]> agrees) {
        int to = versions.begun();
        int version = from;
        while (version <= to && !agrees.test(versions.version(version))) {
            version++;
        }
        boolean holds = version <= to;
        // A version may have been overwritten before it was compared, if this thread did not run for a long time.
        if (!versions.remembers(from)) {
            return from;
        }
        checker.check(holds, holds ? "" : "no version from " + from + " to " + to + " says " + agrees);
        if (from != to) {
            checker.overlapped();
        }
        return holds ? version : from;
    }

    private Predicate<int[]> ask(int question, int cell, int to) {
        long index = versions.first(cell) + 5;
        return switch (question) {
            case 0 -> {
                int above = number(tree.atOrAfter(index));
                yield answer("at or after " + cell, above, cells -> atOrAfter(cells, cell) == above);
            }
            case 1 -> {
                int below = number(tree.atOrBefore(index));
                yield answer("at or before " + cell, below, cells -> atOrBefore(cells, cell) == below);
            }
            case 2 -> {
                boolean free = tree.isFree(index, versions.last(to));
                yield answer("free to " + to, free, cells -> RecordedVersions.isFree(cells, cell, to) == free);
            }
            case 3 -> {
                RangeEntry<Object> at = tree.reservationAt(index);
                yield answer("reserved " + cell, at, cells -> isReservation(cells, cell, at));
            }
            case 4 -> {
                RangeEntry<Object> in = tree.reservationIn(index, versions.last(to));
                yield answer(
                        "reserved to " + to, in, cells -> isReservation(cells, firstReserved(cells, cell, to), in));
            }
            case 5 -> {
                Mark found = cursor.find(index);
                // A higher entry is ignored, because it need not have been the next one at any instant.
                boolean here = found != null && cursor.first() <= index;
                RangeEntry<Mark> entry =
                        here && found != null ? new RangeEntry<>(cursor.first(), cursor.last(), found) : null;
                yield answer("entry of " + cell, entry, cells -> isEntry(cells, cell, entry));
            }
            default -> {
                Mark found = tree.get(index);
                int number = found == null ? 0 : number(found);
                yield answer("value of " + cell, number, cells -> Math.max(0, cells[cell]) == number);
            }
        };
    }

    private static Predicate<int[]> answer(String question, @Nullable Object answer, Predicate<int[]> agrees) {
        return new Predicate<>() {
            @Override
            public boolean test(int[] cells) {
                return agrees.test(cells);
            }

            @Override
            public String toString() {
                return question + ": " + answer;
            }
        };
    }

    /** Returns 0 for the entries next to the area, and a number that no version uses for an unexpected entry. */
    private int number(@Nullable Mark found) {
        return found != null && found.isOf(versions) ? found.number() : Integer.MIN_VALUE;
    }

    private static int atOrAfter(int[] cells, int cell) {
        for (int n = cell; n < cells.length; n++) {
            if (cells[n] > 0) {
                return cells[n];
            }
        }
        return 0;
    }

    private static int atOrBefore(int[] cells, int cell) {
        for (int n = cell; n >= 0; n--) {
            if (cells[n] > 0) {
                return cells[n];
            }
        }
        return 0;
    }

    private static int firstReserved(int[] cells, int from, int to) {
        int cell = from;
        while (cell < to && cells[cell] >= 0) {
            cell++;
        }
        return cell;
    }

    private boolean isReservation(int[] cells, int cell, @Nullable RangeEntry<Object> entry) {
        return entry == null
                ? cells[cell] >= 0
                : cells[cell] < 0 && entry.value() == versions.owner && hasBounds(cells, cell, entry);
    }

    private boolean isEntry(int[] cells, int cell, @Nullable RangeEntry<Mark> entry) {
        return entry == null
                ? cells[cell] <= 0
                : cells[cell] > 0 && number(entry.value()) == cells[cell] && hasBounds(cells, cell, entry);
    }

    private boolean hasBounds(int[] cells, int cell, RangeEntry<?> entry) {
        return entry.first() == versions.first(RecordedVersions.start(cells, cell))
                && entry.last() == versions.last(RecordedVersions.end(cells, cell));
    }

    private boolean isAll(RangeView<Mark> now, int[] cells) {
        for (int cell = 0; cell < cells.length; cell++) {
            Mark found = now.get(versions.first(cell));
            if (Math.max(0, cells[cell]) != (found == null ? 0 : number(found))) {
                return false;
            }
        }
        return true;
    }
}
