// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.testing.Explored;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Each way in which the tree publishes an edit, concurrently with the reader that it could mislead: few calls, but many
 * of their interleavings. The calls are the same as in {@link WholeMapLincheckTest}. Cells 6, 8 and 10 contain entries,
 * and cell 9 is the first cell of the upper leaf. This is a second opinion: {@code TreeScenariosTest} tests the same
 * publications.
 */
@DisplayName("each publication is linearizable beside the reader that it could mislead")
@Tag("lincheck")
@Tag("model")
@Explored(8)
class PublicationLincheckTest {
    private static final int INVOCATIONS = Boolean.getBoolean("samara.torture") ? 20_000 : 300;

    private static Actor call(String name, Object... arguments) {
        for (Method method : TwoLeavesCalls.class.getDeclaredMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == arguments.length) {
                return new Actor(method, Arrays.asList(arguments));
            }
        }
        throw new IllegalArgumentException(name);
    }

    private static void check(
            Class<?> calls, List<Actor> before, List<Actor> writer, List<Actor> reader, List<Actor> after) {
        new ModelCheckingOptions()
                .addCustomScenario(new ExecutionScenario(before, List.of(writer, reader), after, null))
                .iterations(0)
                .invocationsPerIteration(INVOCATIONS)
                .loopIterationsBeforeThreadSwitch(WholeMapLincheckTest.LOOP)
                .loopBound(WholeMapLincheckTest.LOOP_BOUND)
                .sequentialSpecification(calls.getDeclaredClasses()[0])
                .check(calls);
    }

    private static void check(List<Actor> before, List<Actor> writer, List<Actor> reader) {
        check(WholeMapLincheckTest.AmongEntries.class, before, writer, reader, List.of());
    }

    /** Checks that a snapshot that is taken concurrently with stores is not changed by a later store. */
    private static void checkHeld(List<Actor> before, List<Actor> writer) {
        List<Actor> after = List.of(call("store", 11, 11, 102), call("held"));
        check(WholeMapLincheckTest.AmongEntries.class, before, writer, List.of(call("hold")), after);
    }

    @Test
    @DisplayName("B.1 stores in place beside a snapshot that ends the era")
    void snapshotInAnOpenEra() {
        checkHeld(List.of(), List.of(call("store", 8, 8, 100), call("store", 10, 10, 101)));
    }

    @Test
    @DisplayName("B.1 the first store of an era, and one in place, beside a snapshot that takes no lock")
    void snapshotBesideAFirstStore() {
        checkHeld(List.of(call("snapshot")), List.of(call("store", 8, 8, 100), call("store", 10, 10, 101)));
    }

    @Test
    @DisplayName("A.1 a leaf of other slots is put in place beside a lookup behind them")
    void slotsThatMove() {
        check(
                List.of(),
                List.of(call("storeWithin", 6, 100), call("store", 6, 7, 101)),
                List.of(call("get", 8), call("get", 8)));
    }

    @Test
    @DisplayName("A.1 the steps of publication beside lookups made together")
    void slotsThatMoveBesideLookUpsMadeTogether() {
        check(
                List.of(),
                List.of(call("storeWithin", 6, 100), call("store", 6, 7, 101)),
                List.of(call("getAmongFour", 8), call("getAmongFour", 8)));
    }

    @Test
    @DisplayName("A.1 the steps of publication beside a reader that remembers the leaf")
    void slotsThatMoveBesideAReader() {
        check(
                List.of(call("getByReader", 8)),
                List.of(call("storeWithin", 6, 100), call("store", 6, 7, 101)),
                List.of(call("getByReader", 8), call("get", 6), call("getByReader", 6)));
    }

    @Test
    @DisplayName("A.1 a transaction takes the root and all below it from a reader that remembers a leaf")
    void rootReplacedBesideAReader() {
        check(
                List.of(call("getByReader", 8)),
                List.of(call("storeTwo", 8, 10, 100), call("store", 6, 6, 101)),
                List.of(call("get", 8), call("getByReader", 8), call("get", 6), call("getByReader", 6)));
    }

    @Test
    @DisplayName("A.2 two stores in place are seen in their order")
    void storesInOrder() {
        check(
                List.of(),
                List.of(call("store", 8, 8, 100), call("store", 10, 10, 101)),
                List.of(call("get", 10), call("get", 8)));
    }

    @Test
    @DisplayName("A.1 the next entry lies in another leaf, and the rest of the first is stored in")
    void nextEntryInTheUpperLeaf() {
        check(
                List.of(call("store", 9, 9, 100), call("erase", 8, 8)),
                List.of(call("store", 7, 7, 101), call("store", 9, 9, 102)),
                List.of(call("atOrAfter", 7)));
    }

    @Test
    @DisplayName("A.1 the entry before lies in another leaf, and the beginning of the first is stored in")
    void entryBeforeInTheLowerLeaf() {
        check(List.of(), List.of(call("store", 9, 9, 100), call("store", 8, 8, 101)), List.of(call("atOrBefore", 9)));
    }

    @Test
    @DisplayName("A.1 the entry before lies in another leaf, and both leaves become one")
    void entryBeforeInALeafThatIsJoined() {
        check(List.of(), List.of(call("eraseFrom", 9)), List.of(call("atOrBefore", 9)));
    }

    @Test
    @DisplayName("A.1 no leaf nearby has an entry, and the only one is moved")
    void entryMovesAmongReservations() {
        check(
                WholeMapLincheckTest.AmongReservations.class,
                // The reservation prevents a merge of the free ranges of the two leaves.
                List.of(call("reserve", 9, 9, 0), call("erase", 6, 8)),
                List.of(call("store", 7, 7, 100), call("erase", 10, 10)),
                List.of(call("isEmpty"), call("atOrAfter", 6), call("atOrBefore", 11)),
                List.of());
    }

    @Test
    @DisplayName("D.2 a reservation is moved to another leaf")
    void reservationMoves() {
        check(
                WholeMapLincheckTest.AmongReservations.class,
                List.of(call("reserve", 9, 9, 0)),
                List.of(call("reserve", 7, 7, 0), call("eraseOwned", 9, 9, 0)),
                List.of(call("reservationIn", 6, 11)),
                List.of());
    }

    @Test
    @DisplayName("E.1 a transaction in two leaves beside lookups and a snapshot")
    void transaction() {
        // Looked up in the order of the stores, so no result may contain the first store without the second.
        check(List.of(), List.of(call("storeTwo", 8, 10, 100)), List.of(call("get", 8), call("get", 10), call("hold")));
    }

    @Test
    @DisplayName("D.1 D.2 a value gives way to a reservation and that to a value")
    void reservation() {
        check(
                List.of(call("reserve", 7, 7, 0)),
                List.of(call("replaceByReservation", 8, 8, 0), call("storeOwned", 8, 8, 100, 0)),
                List.of(call("get", 8), call("isFree", 8, 8), call("reservationIn", 6, 11)));
    }

    @Test
    @DisplayName("C.3 two searches for a free range")
    void searches() {
        check(
                List.of(),
                List.of(call("storeLowest", 1, 100), call("erase", 6, 6)),
                List.of(call("storeLowest", 1, 101), call("reserveHighest", 1, 0)));
    }
}
