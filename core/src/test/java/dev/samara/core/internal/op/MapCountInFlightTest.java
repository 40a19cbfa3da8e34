// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Mman;
import java.util.concurrent.Callable;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The limit on the number of mappings is met where it would be met if nothing were in flight")
final class MapCountInFlightTest {
    private static final int LIMIT = 6;

    /** Creates three mappings: pages 0 to 12, 20, and 24. */
    private static AddressSpace space(Machine machine) {
        AddressSpace space = machine.newSpace(LINUX);
        map(space, 0, 12, RW);
        map(space, 20, 1, Mman.READ);
        map(space, 24, 1, Mman.READ);
        return space;
    }

    private static MachineBuilder limited() {
        return Machine.builder().maxMapCount(LIMIT);
    }

    /**
     * Holds an operation, and makes other calls concurrently. They must return the same results as after the operation.
     */
    @SafeVarargs
    private static void answersAreThoseOfACalmSpace(
            ToLongFunction<AddressSpace> held, ToLongFunction<AddressSpace>... others) throws Exception {
        AddressSpace calm = space(limited().build());
        HeldOperations holding = new HeldOperations(limited());
        AddressSpace space = space(holding.machine());
        long expected = held.applyAsLong(calm);
        Callable<Long> operation = () -> held.applyAsLong(space);
        HeldOperations.Hold hold = holding.hold(operation);
        for (int i = 0; i < others.length; i++) {
            ToLongFunction<AddressSpace> other = others[i];
            assertEquals(other.applyAsLong(calm), atOnce(() -> other.applyAsLong(space)), "call " + i);
            space.validate();
        }
        hold.endWith(expected);
        assertEquals(LayoutText.of(calm), LayoutText.of(space));
        assertEquals(calm.usage(), space.usage());
    }

    /** Maps one page that merges with nothing. */
    private static ToLongFunction<AddressSpace> apart(long number) {
        return space -> space.mmap(page(number), PAGE, RW, FIXED, null, 0);
    }

    private static ToLongFunction<AddressSpace> hole(long number) {
        return space -> space.munmap(page(number), PAGE);
    }

    private static ToLongFunction<AddressSpace> replaceByTheSame(long first, long pages) {
        return space -> space.mmap(page(first), pages * PAGE, RW, FIXED, null, 0);
    }

    @Test
    @DisplayName("a mapping that is cut only while it is in flight counts as one")
    void seams() throws Exception {
        answersAreThoseOfACalmSpace(
                replaceByTheSame(4, 4), apart(30), apart(40), apart(50), hole(2), apart(60), hole(1), apart(70));
    }

    @Test
    @DisplayName("a cut beside which nothing is left counts as none")
    void seamWithoutNeighbour() throws Exception {
        answersAreThoseOfACalmSpace(
                replaceByTheSame(4, 4),
                space -> space.munmap(page(0), 4 * PAGE),
                space -> space.munmap(page(8), 4 * PAGE),
                apart(30),
                apart(40),
                apart(50),
                apart(60),
                apart(70));
    }

    @Test
    @DisplayName("a mapping that will be joined with its neighbour in flight does not count")
    void joinedLater() throws Exception {
        answersAreThoseOfACalmSpace(
                space -> space.mmap(page(24), PAGE, RW, FIXED, null, 0),
                space -> space.mmap(page(23), PAGE, RW, FIXED, null, 0),
                space -> space.mmap(page(25), PAGE, RW, FIXED, null, 0),
                apart(30),
                apart(40),
                apart(50),
                apart(60),
                apart(70));
    }

    @Test
    @DisplayName("an unmapped range does not count, whatever is in flight")
    void unmapped() throws Exception {
        answersAreThoseOfACalmSpace(
                space -> space.munmap(page(20), 5 * PAGE),
                apart(30),
                apart(40),
                apart(50),
                apart(60),
                apart(70),
                apart(80));
    }
}
