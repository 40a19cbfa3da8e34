// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("each publication of the tree is linearizable beside the reader that it could mislead")
@Tag("interleave")
@Timeout(1200)
@Explored(16)
final class TreeScenariosTest {
    private static final int PREEMPTIONS = 4;
    private static final String TREE = "dev.samara.maple.MapleTree";
    private static final String ROOT = "dev.samara.maple.EditedRoot";
    private static final String LOOKUP = "dev.samara.maple.Lookup";
    private static final String READER = "dev.samara.maple.Reader";
    private static final String TRANSACTION = "dev.samara.maple.Transaction";
    private static final String EDIT_IN_PLACE = "dev.samara.maple.InPlace";
    private static final String NEAREST = "dev.samara.maple.Nearest";
    private static final String BOUNDARY = "dev.samara.maple.LeafBoundary";
    private static final String CURSOR = "dev.samara.maple.Cursor";

    private static final String IN_PLACE = "return Lookup.leaf(tree.rootAcquire(), key) == leaf;";
    private static final String OF_ANY_INSTANT = "return true;";

    static List<Class<?>> scenarios() {
        return Arrays.stream(TreeScenarios.class.getDeclaredClasses())
                .filter(type -> Modifier.isFinal(type.getModifiers()))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("scenarios")
    @DisplayName("with four preemptions")
    void isLinearizable(Class<? extends Scenario> type) {
        Exploration.Result result =
                SteppedScenarios.result(type, SteppedScenarios.explore(type), Strategy.bounded(PREEMPTIONS), 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    /**
     * A mutant, and the scenario that finds it. A table of docs/interleavings.md is generated from these objects.
     *
     * @param name what the mutated code does
     * @param schedules the number of schedules up to the first failure
     * @param unchanged the number of schedules of the unchanged code
     */
    record TreeMutant(
            String name, int schedules, int unchanged, Class<? extends Scenario> scenario, SourceMutant planting) {
        @Override
        public String toString() {
            return scenario.getSimpleName() + ": " + name;
        }
    }

    private static TreeMutant planted(
            String name,
            int schedules,
            int unchanged,
            Class<? extends Scenario> scenario,
            String className,
            String... texts) {
        return new TreeMutant(name, schedules, unchanged, scenario, SourceMutant.of(className, texts));
    }

    static final List<TreeMutant> MUTANTS = Stream.of(brokenReads(), brokenSnapshots(), brokenEdits(), brokenMoves())
            .flatMap(List::stream)
            .toList();

    private static List<TreeMutant> brokenReads() {
        String get = "        if (leaf[0] != pivots) {\n            k = LeafNode.find(leaf, Keys.flip(index));";
        String together =
                "if (leafA[0] != pivotsA || leafB[0] != pivotsB || leafC[0] != pivotsC || leafD[0] != pivotsD)";
        String reservationIn = "AllocationView.reservationIn(frozenRoot(), Keys.flip(first), Keys.flip(last), null)";
        String half = "AllocationView.reservationIn(rootAcquire(), Keys.flip(%s), Keys.flip(%s), null)";
        String lowerHalf = String.format(half, "first", "first + (last - first) / 2");
        String upperHalf = String.format(half, "first + (last - first) / 2 + 1", "last");
        return List.of(
                planted(
                        "`get` does not compare the pivots with those of the leaf",
                        4,
                        53,
                        TreeScenarios.SlotsMoveBesideLookups.class,
                        LOOKUP,
                        get,
                        get.replace("leaf[0] != pivots", "leaf == null")),
                planted(
                        "`get` does not compare the pivots with those of the leaf, where they are lanes",
                        4,
                        53,
                        TreeScenarios.LanesMoveBesideLookups.class,
                        LOOKUP,
                        get,
                        get.replace("leaf[0] != pivots", "leaf == null")),
                planted(
                        "`getAll` does not compare the pivots with those of the leaves",
                        4,
                        337,
                        TreeScenarios.SlotsMoveBesideLookupsTogether.class,
                        LOOKUP,
                        together,
                        "if (leafA == null)"),
                planted(
                        "a reader does not compare its leaf with the slot",
                        1,
                        127,
                        TreeScenarios.SlotsMoveBesideAReader.class,
                        READER,
                        " && Node.isLeaf(siblings, at, leaf)",
                        ""),
                planted(
                        "a reader does not compare the pivots with those of the leaf",
                        6,
                        127,
                        TreeScenarios.SlotsMoveBesideAReader.class,
                        READER,
                        "boolean isOwn = found[0] == early;",
                        "boolean isOwn = found != null;"),
                planted(
                        "a reader does not compare its root with that of the tree",
                        1,
                        876,
                        TreeScenarios.RootReplacedBesideAReader.class,
                        READER,
                        "now == root && ",
                        ""),
                planted(
                        "a cursor does not compare the pivots with those of the leaf",
                        5,
                        53,
                        TreeScenarios.SlotsMoveBesideACursor.class,
                        CURSOR,
                        "found[0] == early ? early : LeafNode.pivots(found)",
                        "early"),
                planted(
                        "`atOrAfter` does not read the first leaf again",
                        11,
                        93,
                        TreeScenarios.NextEntryInTheUpperLeaf.class,
                        NEAREST,
                        IN_PLACE,
                        OF_ANY_INSTANT),
                planted(
                        "`atOrBefore` does not read the first leaf again",
                        11,
                        93,
                        TreeScenarios.EntryBeforeInTheLowerLeaf.class,
                        NEAREST,
                        IN_PLACE,
                        OF_ANY_INSTANT),
                planted(
                        "`atOrBefore` does not read the leaf again, beside the end of a leaf",
                        5,
                        53,
                        TreeScenarios.EntryBeforeInALeafThatIsJoined.class,
                        NEAREST,
                        IN_PLACE,
                        OF_ANY_INSTANT),
                planted(
                        "`atOrAfter` finds nothing if two leaves have no entry",
                        28,
                        822,
                        TreeScenarios.EntryMovesAmongReservations.class,
                        NEAREST,
                        "return tree.frozenRoot().atOrAfter(key);",
                        "return null;"),
                planted(
                        "`reservationIn` reads the root once for each half of its range",
                        7,
                        132,
                        TreeScenarios.ReservationMoves.class,
                        TREE,
                        reservationIn,
                        "java.util.Optional.ofNullable(" + lowerHalf + ").orElseGet(() -> " + upperHalf + ')'));
    }

    private static List<TreeMutant> brokenSnapshots() {
        return List.of(
                planted(
                        "a snapshot does not end the era",
                        1,
                        697,
                        TreeScenarios.SnapshotInAnOpenEra.class,
                        ROOT,
                        "endEra();\n            return rootPlain();",
                        "return rootPlain();"),
                planted(
                        "a snapshot ends the era without the lock",
                        3,
                        697,
                        TreeScenarios.SnapshotInAnOpenEra.class,
                        ROOT,
                        "return seen;\n        }",
                        "return seen; } if (before.open) { endEra(); return rootPlain(); }"),
                planted(
                        "a snapshot reads the era once",
                        127,
                        620,
                        TreeScenarios.SnapshotBesideAFirstStore.class,
                        ROOT,
                        "if (!before.open && before == eraAcquire())",
                        "if (!before.open)"),
                planted(
                        "the era is stored after the root",
                        84,
                        620,
                        TreeScenarios.SnapshotBesideAFirstStore.class,
                        ROOT,
                        "setEraRelease(next);\n            }\n            setRootRelease(newRoot);",
                        "setRootRelease(newRoot); setEraRelease(next);\n            } else setRootRelease(newRoot);"));
    }

    private static List<TreeMutant> brokenEdits() {
        String publish = " draft.disown(); tree.setRootRelease(draft.root()); ";
        String store = "        draft.store(first, last, value);\n";
        String reserve = "draft.replaceByReservation(first, last, owner);";
        return List.of(
                planted(
                        "an edit in place frees its range by one store, and fills it by another one",
                        3,
                        53,
                        TreeScenarios.StoresInOrder.class,
                        EDIT_IN_PLACE,
                        "parent.replaceLeaf(slot, made);",
                        "parent.replaceLeaf(slot, LeafNode.of(changed, leaf, at, tail, null));"
                                + " parent.replaceLeaf(slot, made);"),
                planted(
                        "a transaction publishes in two stores",
                        7,
                        70,
                        TreeScenarios.TransactionBesideLookups.class,
                        TRANSACTION,
                        store,
                        store + publish),
                planted(
                        "a transaction publishes a freed range, and then its reservation",
                        89,
                        390,
                        TreeScenarios.ValueBecomesAReservation.class,
                        TRANSACTION,
                        reserve,
                        "draft.erase(first, last, owner);" + publish + reserve),
                planted(
                        "a search for a free range ends before the lock is taken",
                        95,
                        94,
                        TreeScenarios.Searches.class,
                        TREE,
                        "beginEdit();\n        try {\n            return edits.storeLowest(where, value);",
                        "boolean found = where.searchLowest(rootAcquire()); beginEdit(); try {"
                                + " if (found) edits.store(where.first(), where.last(), value); return found;"));
    }

    private static List<TreeMutant> brokenMoves() {
        return List.of(
                planted(
                        "a boundary moves in a leaf that a snapshot has, too",
                        148,
                        347,
                        TreeScenarios.BoundaryMovesBesideASnapshot.class,
                        EDIT_IN_PLACE,
                        " || !parent.ownsLeaf(slot)",
                        ""),
                planted(
                        "a cursor does not look again at the boundary that moves",
                        1,
                        2,
                        TreeScenarios.BoundaryMovesBesideACursor.class,
                        CURSOR,
                        " && (slot != moving || LeafPivots.pivot(pivots, slot) == hi)",
                        ""),
                planted(
                        "the boundary of a free range at an end of a leaf moves",
                        7,
                        93,
                        TreeScenarios.BoundaryMovesBesideASearch.class,
                        BOUNDARY,
                        "!isAtFreeEnd && ",
                        ""));
    }

    static List<TreeMutant> mutants() {
        return MUTANTS;
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("a mutant is found")
    void isFound(TreeMutant of) {
        Exploration exploration = SteppedScenarios.explore(of.scenario(), of.planting());
        Exploration.Failure failure = SteppedScenarios.result(
                        of.scenario(), exploration, Strategy.bounded(PREEMPTIONS), 1)
                .failure();
        assertNotNull(failure);
        assertEquals(Finding.Kind.THROWN, failure.finding().kind(), failure::toString);
        String finding = failure.finding().toString();
        // A slot that was found with the pivots of another leaf has different content, or does not exist.
        assertTrue(
                finding.contains("no order of the calls") || finding.contains("IndexOutOfBounds"), failure::toString);
    }
}
