// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.ANONYMOUS;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.VmaRef;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Lookups, faults, placement and forks beside an operation in flight")
final class LookupsTest {
    private final HeldOperations holding = new HeldOperations();

    static Stream<RetiringCall.Place> places() {
        return Arrays.stream(RetiringCall.values()).flatMap(row -> row.places().stream());
    }

    private static long end(RetiringCall.Place place) {
        return place.first() + 8;
    }

    @ParameterizedTest
    @MethodSource("places")
    @DisplayName("find sees the layout as published, the same as after completion")
    void find(RetiringCall.Place place) throws Exception {
        AddressSpace space = place.row().space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> place.row().run(space));
        for (long page = place.first(); page < end(place); page++) {
            Vma found = space.find(page(page));
            VmaRef reference = space.acquire(page(page) + 1);
            if (place.state() == RetiringCall.State.RESERVED) {
                assertNull(found);
                assertNull(reference);
            } else {
                assertNotNull(found);
                assertTrue(found.start() >= page(place.first()) && found.end() <= page(end(place)), found::toString);
                assertNotNull(reference);
                reference.close();
            }
        }
        hold.end();
        assertEquals(place.state() == RetiringCall.State.RESERVED, space.find(page(place.first())) == null);
    }

    @ParameterizedTest
    @MethodSource("places")
    @DisplayName("a fault finds nothing at once, waits, or goes on under the new rights")
    void resolve(RetiringCall.Place place) throws Exception {
        AddressSpace space = place.row().space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> place.row().run(space));
        long last = page(end(place)) - 1;
        switch (place.state()) {
            case RESERVED -> {
                assertEquals(Fault.MAPERR, atOnce(() -> space.resolve(page(place.first()), 0)));
                assertEquals(Fault.MAPERR, atOnce(() -> space.resolve(last, Mman.READ)));
                hold.end();
                assertEquals(Fault.MAPERR, space.resolve(last, Mman.READ));
            }
            case GATED -> {
                HeldOperations.Caller<Integer> first = waits(() -> space.resolve(page(place.first()), Mman.READ));
                HeldOperations.Caller<Integer> other = waits(() -> space.resolve(last, Mman.EXEC));
                hold.end();
                assertEquals(Fault.NONE, first.result());
                assertEquals(Fault.ACCERR, other.result());
            }
            case NARROWED -> {
                assertEquals(Fault.NONE, atOnce(() -> space.resolve(page(place.first()), Mman.READ)));
                assertEquals(Fault.ACCERR, atOnce(() -> space.resolve(last, Mman.WRITE)));
                hold.end();
                assertEquals(Fault.ACCERR, space.resolve(last, Mman.WRITE));
            }
            case UNTOUCHED -> throw new AssertionError("no such place");
        }
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("I5: a fault at any other address does not wait, not even in what touches the range")
    void resolveElsewhere(RetiringCall row) throws Exception {
        AddressSpace space = row.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        assertEquals(Fault.NONE, atOnce(() -> space.resolve(page(16) - 1, RW)));
        assertEquals(Fault.NONE, atOnce(() -> space.resolve(page(26), RW)));
        assertEquals(Fault.NONE, atOnce(() -> space.resolve(page(128), RW)));
        assertEquals(Fault.MAPERR, atOnce(() -> space.resolve(page(300), RW)));
        int beside = space.find(page(72)) == null ? Fault.MAPERR : Fault.NONE;
        assertEquals(beside, atOnce(() -> space.resolve(page(72), Mman.READ)));
        assertEquals(beside, atOnce(() -> space.resolve(page(64) - 1, Mman.READ)));
        hold.end();
    }

    @ParameterizedTest
    @MethodSource("places")
    @DisplayName("I4: a mapping without an address is never placed in a range in flight, nor by a hint")
    void placement(RetiringCall.Place place) throws Exception {
        AddressSpace space = place.row().space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> place.row().run(space));
        List<Long> hints = List.of(0L, page(place.first()), page(place.first() + 1), page(end(place) - 1));
        for (long hint : hints) {
            long mapped = atOnce(() -> space.mmap(hint, PAGE, RW, ANONYMOUS, null, 0));
            assertTrue(mapped > 0 && (mapped >= page(end(place)) || mapped + PAGE <= page(place.first())));
            long wide = atOnce(() -> space.mmap(page(place.first() - 1), 2 * PAGE, RW, ANONYMOUS, null, 0));
            assertTrue(wide > 0 && (wide >= page(end(place)) || wide + 2 * PAGE <= page(place.first())));
        }
        hold.end();
        if (place.state() == RetiringCall.State.RESERVED) {
            long hint = page(place.first());
            assertEquals(hint, space.mmap(hint, PAGE, RW, ANONYMOUS, null, 0), "taken once it is complete");
        }
        space.validate();
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("a snapshot is the layout as published, and stays it when the operation completes")
    void snapshot(RetiringCall row) throws Exception {
        AddressSpace space = row.space(holding.machine());
        var before = space.snapshot();
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        var during = space.snapshot();
        String published = new LayoutText().text(during.vmas());
        assertEquals(published, LayoutText.of(space));
        hold.end();
        assertEquals(published, new LayoutText().text(during.vmas()));
        assertNotNull(before.find(page(16)));
        assertEquals(row.source == RetiringCall.State.RESERVED, during.find(page(16)) == null);
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("P8: a child has no reservation and no gate, and the parent's completion does not touch it")
    void fork(RetiringCall row) throws Exception {
        AddressSpace space = row.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        try (AddressSpace child = atOnce(space::fork);
                AddressSpace grandchild = atOnce(child::fork)) {
            child.validate();
            for (RetiringCall.Place place : row.places()) {
                Vma inherited = child.find(page(place.first()));
                if (place.state() == RetiringCall.State.RESERVED) {
                    assertNull(inherited);
                    assertEquals(Fault.MAPERR, atOnce(() -> child.resolve(page(place.first()), 0)));
                    long hint = page(place.first());
                    assertEquals(hint, atOnce(() -> child.mmap(hint, PAGE, RW, ANONYMOUS, null, 0)));
                } else {
                    assertNotNull(inherited);
                    assertEquals(Fault.NONE, atOnce(() -> child.resolve(page(place.first()), 1)));
                    assertEquals(0, atOnce(() -> child.munmap(page(place.first()), PAGE)));
                }
                assertEquals(0, atOnce(() -> grandchild.munmap(page(place.first()), 8 * PAGE)));
                map(grandchild, place.first(), 8, RW);
            }
            child.validate();
            String left = LayoutText.of(child);
            String other = LayoutText.of(grandchild);
            hold.end();
            assertEquals(left, LayoutText.of(child));
            assertEquals(other, LayoutText.of(grandchild));
            child.validate();
            space.validate();
        }
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("a child has the layout that a child has where nothing is held: a mapping cut only in flight is whole")
    void forkIsWhole(RetiringCall row) throws Exception {
        AddressSpace calm = row.space(new HeldOperations().machine());
        row.run(calm);
        AddressSpace space = row.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        try (AddressSpace child = space.fork();
                AddressSpace expected = calm.fork()) {
            assertEquals(LayoutText.of(expected), LayoutText.of(child));
            assertEquals(expected.usage(), child.usage());
            child.validate();
        }
        hold.end();
        space.validate();
    }
}
