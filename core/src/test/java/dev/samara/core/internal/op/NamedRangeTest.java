// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.testing.Explored;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every operation, concurrent with every operation in flight. Both must return the same results, and leave the same
 * layout, as when neither is held.
 */
@DisplayName("I5: an operation waits only for ranges that it names")
@Explored(4)
final class NamedRangeTest {
    /**
     * Ranges outside those that rows touch, most of them adjacent to one. In pages: the first page, the number of
     * pages.
     */
    private static final long[][] NEIGHBOURS = {{8, 8}, {12, 4}, {26, 4}, {62, 2}, {72, 2}, {128, 8}, {300, 4}};

    static Stream<Arguments> named() {
        return Arrays.stream(RetiringCall.values())
                .flatMap(row -> row.places().stream())
                .flatMap(place -> Arrays.stream(RangeCall.values()).map(column -> Arguments.of(place, column)));
    }

    static Stream<Arguments> notNamed() {
        List<RangeCall> columns = Arrays.stream(RangeCall.values())
                .filter(column -> !column.namesEverything())
                .toList();
        return Arrays.stream(RetiringCall.values())
                .flatMap(row -> Arrays.stream(NEIGHBOURS)
                        .filter(range -> !row.names(range[0], range[1]))
                        .flatMap(range -> columns.stream()
                                .filter(column -> column != RangeCall.MREMAP_TO || range[0] != 128)
                                .map(column -> Arguments.of(row, column, range[0], range[1]))));
    }

    /** The results and the layout of the two operations in a serial order. */
    private record Outcome(long first, long second, String layout) {
        static Outcome inTurn(RetiringCall row, RangeCall column, long first, long pages) {
            AddressSpace space = row.space(Machine.builder().build());
            long one = row.run(space);
            assertFalse(Errno.isError(one), () -> row + " returned " + one);
            long other = column.run(space, first, pages);
            return new Outcome(one, other, LayoutText.of(space));
        }
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("named")
    @DisplayName("an operation that names a range in flight waits, then proceeds as if it had come later")
    void waitsForWhatItNames(RetiringCall.Place place, RangeCall column) throws Exception {
        Outcome expected = Outcome.inTurn(place.row(), column, place.first(), 8);
        HeldOperations holding = new HeldOperations();
        AddressSpace space = place.row().space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> place.row().run(space));
        Layout layout = MachineInternals.layoutOf(space);
        String before = LayoutText.of(layout);
        HeldOperations.Caller<Long> other = waits(() -> column.run(space, place.first(), 8));
        space.validate();
        assertEquals(before, LayoutText.of(layout), "nothing has changed while it waits");
        hold.endWith(expected.first);
        assertEquals(expected.second, other.result());
        assertEquals(expected.layout, LayoutText.of(space));
        space.validate();
        space.close();
        assertEquals(0, holding.machine().committed());
        assertTrue(holding.reports.isEmpty(), holding.reports::toString);
    }

    @ParameterizedTest(name = "{0}: {1} at page {2}, {3} pages")
    @MethodSource("notNamed")
    @DisplayName("an operation on any other range does not wait, and both leave the layout of a serial order")
    void doesNotWaitForItsNeighbour(RetiringCall row, RangeCall column, long first, long pages) throws Exception {
        Outcome expected = Outcome.inTurn(row, column, first, pages);
        HeldOperations holding = new HeldOperations();
        AddressSpace space = row.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        assertEquals(expected.second, atOnce(() -> column.run(space, first, pages)));
        space.validate();
        hold.endWith(expected.first);
        assertEquals(expected.layout, LayoutText.of(space));
        space.validate();
        space.close();
        assertEquals(0, holding.machine().committed());
    }
}
