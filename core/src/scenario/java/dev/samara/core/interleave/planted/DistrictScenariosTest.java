// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("P37 to P47: a layout that is divided and joined, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(24)
final class DistrictScenariosTest {
    private static final String INTERNAL = "dev.samara.core.internal.";
    private static final String DISTRICTS = INTERNAL + "space.Districts";
    private static final String LOOKUPS = INTERNAL + "space.PartLookups";
    private static final String EDIT = INTERNAL + "op.EditedLayout";
    private static final String LISTENERS = INTERNAL + "space.LayoutListeners";

    /** A change whose queueing a thread postponed. */
    private static final String UNQUEUED =
            "private static final ThreadLocal<ChangeDelivery.@Nullable Prepared> UNQUEUED = new ThreadLocal<>();\n";

    private static final String FOUND_PARTS = """
            VmArea find(long address) {
                    for (; ; ) {
                        LayoutParts known = current();
            """;

    private static final String KEPT_PARTS = """
            private final ThreadLocal<@Nullable LayoutParts> kept = new ThreadLocal<>();
            VmArea find(long address) {
                for (; ; ) {
                    LayoutParts known = kept.get();
                    if (known == null) { known = current(); kept.set(known); }
            """;

    private static final Planting ANY_ADDRESS =
            SourceMutant.of(EDIT, "if (!district.contains(address)) {", "if (false) {");

    static final List<PlantedMutant> MUTANTS = List.of(
            PlantedMutant.of(
                    "P37: an operation over a border publishes once in each part",
                    DistrictScenarios.LookupsBesideJoin.class,
                    1,
                    PlantedMutant.found(4, "24"),
                    SourceMutant.of(
                            INTERNAL + "syscall.Munmap",
                            "        return Syscall.run(layout, new Munmap(address, length));\n",
                            """
                                    var part = layout.lockDistrict(address, address + 1);
                                    long border = address;
                                    boolean isOver = part.isPart() && !part.contains(address, address + length);
                                    while (isOver && part.contains(border)) { border += 4096; }
                                    part.unlock();
                                    if (isOver) { Syscall.run(layout, new Munmap(address, border - address)); }
                                    long from = isOver ? border : address;
                                    return Syscall.run(layout, new Munmap(from, address + length - from));
                            """)),
            PlantedMutant.of(
                    "P38: a snapshot reads the roots once",
                    DistrictScenarios.SnapshotBesideBoth.class,
                    1,
                    PlantedMutant.found(8, "11"),
                    SourceMutant.of(
                            INTERNAL + "space.LayoutParts", "if (!trees[i].isStill(read[i])) {", "if (false) {")),
            PlantedMutant.of(
                    "P39: an operation goes by the parts before lookups do",
                    DistrictScenarios.DivisionBesideOperation.class,
                    1,
                    PlantedMutant.found(4, "131"),
                    SourceMutant.of(
                                    LOOKUPS,
                                    "return layout.treeAcquire() != null ? null : partsAcquire();",
                                    "return partsAcquire();")
                            .and(SourceMutant.of(
                                    DISTRICTS,
                                    "if (part.isDead() || layout.treeAcquire() != null) {",
                                    "if (part.isDead()) {"))),
            PlantedMutant.of(
                    "P39: a lookup goes by the parts of the lookup before it",
                    DistrictScenarios.LookupAfterJoin.class,
                    1,
                    PlantedMutant.found(23, "27"),
                    SourceMutant.of(
                                    INTERNAL + "space.Layout",
                                    "return all != null ? all.get(address) : districts.find(address);",
                                    "return districts.find(address);")
                            .and(SourceMutant.of(LOOKUPS, FOUND_PARTS, KEPT_PARTS))),
            PlantedMutant.of(
                    "P40: a neighbour across the border is taken for none",
                    DistrictScenarios.NeighboursAtBorder.class,
                    1,
                    PlantedMutant.found(1, "156"),
                    ANY_ADDRESS),
            PlantedMutant.of(
                    "P41: a mapping is placed in the highest hole of its part",
                    DistrictScenarios.HintBesidePart.class,
                    0,
                    PlantedMutant.found(1, ""),
                    SourceMutant.of(
                            INTERNAL + "op.Placement",
                            "private long highest(long low, long high, long length, long alignment) {\n"
                                    + "        edit.requireWhole();",
                            "private long highest(long low, long high, long length, long alignment) {")),
            PlantedMutant.of(
                    "P43: a layout is divided across a range in flight",
                    DistrictScenarios.DivisionBesideFlight.class,
                    1,
                    PlantedMutant.found(23, "620"),
                    SourceMutant.of(
                            INTERNAL + "space.Footprint",
                            "return isKnown ? Borders.leaveOut(borders, count, low, high) : 0;",
                            "return isKnown ? count : count;")),
            PlantedMutant.of(
                    "P43: a layout is divided while an operation has a ticket, which it loses",
                    DistrictScenarios.DivisionBesideTicket.class,
                    1,
                    PlantedMutant.found(14, "135"),
                    SourceMutant.of(
                            INTERNAL + "space.InFlightOperations",
                            "if (Addresses.contains(start, end, ticket.low())) {",
                            "if (false) {")),
            PlantedMutant.of(
                    "P43: a layout is divided between the ranges of a ticket",
                    DistrictScenarios.DivisionAcrossTicket.class,
                    1,
                    PlantedMutant.found(17, "154"),
                    SourceMutant.of(
                            INTERNAL + "space.Ticket",
                            "return hasRanges() ? Borders.leaveOut(borders, count, low, high) : 0;",
                            "return count;")),
            PlantedMutant.of(
                    "P43: a join loses a ticket",
                    DistrictScenarios.JoinBesideTicket.class,
                    1,
                    PlantedMutant.found(14, "123"),
                    SourceMutant.of(INTERNAL + "space.InFlightOperations", "tickets.addAll(part.tickets);", "")),
            PlantedMutant.of(
                    "P44: a layout is divided while a fork copies, and the copy is not waited for",
                    DistrictScenarios.PartBesideFork.class,
                    1,
                    PlantedMutant.found(103, "436"),
                    SourceMutant.of(DISTRICTS, "                || !layout.copies().isEmpty()\n", "")
                            .and(SourceMutant.of(
                                    INTERNAL + "op.Publication",
                                    "if (edit.layout.copies().isEmpty() || edit.completing) {",
                                    "if (edit.district.isPart() || edit.layout.copies().isEmpty()"
                                            + " || edit.completing) {"))),
            PlantedMutant.of(
                    "P45: an operation does not look whether its part is dead",
                    DistrictScenarios.PartBesideWhole.class,
                    1,
                    PlantedMutant.found(21, "371"),
                    SourceMutant.of(DISTRICTS, "if (part.isDead() || layout.treeAcquire() != null) {", "if (false) {")),
            PlantedMutant.of(
                    "P39: an operation goes by the parts of the next division",
                    DistrictScenarios.DivisionAgainBesideOperation.class,
                    2,
                    PlantedMutant.found(1480, ""),
                    SourceMutant.of(
                            DISTRICTS, "if (part.isDead() || layout.treeAcquire() != null) {", "if (part.isDead()) {")),
            PlantedMutant.of(
                    "P47: a change is queued after the lock of its part",
                    ListenerScenarios.BesideOverlap.class,
                    1,
                    PlantedMutant.found(442, "696"),
                    SourceMutant.of(
                            LISTENERS,
                            "    public static void publish(ChangeDelivery.@Nullable Prepared prepared) {\n",
                            UNQUEUED + "    public static void publish(ChangeDelivery.@Nullable Prepared prepared) {\n"
                                    + "        if (prepared != null) { UNQUEUED.set(prepared); }\n    }\n"
                                    + "    private static void publishLate("
                                    + "ChangeDelivery.@Nullable Prepared prepared) {\n",
                            "    public void deliver() {\n",
                            "    public void deliver() {\n        publishLate(UNQUEUED.get()); UNQUEUED.remove();\n")),
            PlantedMutant.of(
                    "P47: changes of parts are for no listener",
                    ListenerScenarios.BesideParts.class,
                    0,
                    PlantedMutant.found(1, "11"),
                    SourceMutant.of(
                            INTERNAL + "op.Publication",
                            "LayoutListeners.publish(change);",
                            "if (!edit.district.isPart()) { LayoutListeners.publish(change); }")),
            PlantedMutant.of(
                    "P47: a layout is divided beside a listener that needs one order",
                    ListenerScenarios.OneOrder.class,
                    1,
                    PlantedMutant.found(270, "436"),
                    SourceMutant.of(DISTRICTS, "                || layout.listeners().needsOneOrder()\n", "")),
            PlantedMutant.of(
                    "P47: a change carries no losses",
                    ListenerScenarios.Losing.class,
                    0,
                    PlantedMutant.found(1, ""),
                    oneWaits("change.lostEarlier = lost.get();", "")));

    /** The mutants that only few of many schedules reveal. */
    static final List<PlantedMutant> RARE = List.of(
            PlantedMutant.of(
                    "P47: a join does not count the changes of its parts",
                    ListenerScenarios.Added.class,
                    1,
                    PlantedMutant.found(6696, ""),
                    SourceMutant.of(DISTRICTS, "changes += from[i].changes();", "")),
            PlantedMutant.of(
                    "P47: a change carries fewer losses than the one before it",
                    ListenerScenarios.Losing.class,
                    1,
                    PlantedMutant.found(7176, ""),
                    oneWaits(
                            "lostBefore = Math.max(lostBefore, change.lostEarlier);",
                            "lostBefore = change.lostEarlier;")));

    /** Lets only one change wait for a listener. */
    private static Planting oneWaits(String... more) {
        return withCapacity("1", more);
    }

    private static Planting withCapacity(String capacity, String... more) {
        List<String> texts = new ArrayList<>(List.of("CAPACITY = 1 << 16;", "CAPACITY = " + capacity + ";"));
        texts.addAll(List.of(more));
        return SourceMutant.of(INTERNAL + "space.ChangeDelivery", texts.toArray(String[]::new));
    }

    private static final Planting ONE_WAITS = oneWaits();

    /** A queue without room, so each change is lost. */
    private static final Planting NONE_WAITS = withCapacity("-2");

    private static final Planting COUNTS_TOO_LATE =
            withCapacity("-2", "        lost.getAndIncrement();", "        before = lost.getAndIncrement();");

    private static List<PlantedMutant> mutants() {
        return MUTANTS;
    }

    private static List<PlantedMutant> rare() {
        return RARE;
    }

    private static Exploration.Result explore(Class<? extends Scenario> type, int preemptions, Planting... mutants) {
        Exploration exploration = SteppedScenarios.explore(type, mutants);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(preemptions), mutants.length);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                DistrictScenarios.SnapshotBesideBoth.class,
                DistrictScenarios.PartBesideWhole.class,
                DistrictScenarios.NeighboursAtBorder.class,
                DistrictScenarios.PlacementBesidePart.class,
                DistrictScenarios.HintBesidePart.class,
                DistrictScenarios.DivisionBesideOperation.class,
                DistrictScenarios.DivisionAgainBesideOperation.class,
                DistrictScenarios.DivisionBesideFlight.class,
                DistrictScenarios.PartBesideFork.class,
                DistrictScenarios.LookupsBesideJoin.class,
                DistrictScenarios.LookupAfterJoin.class,
                DistrictScenarios.DivisionBesideTicket.class,
                DistrictScenarios.DivisionAcrossTicket.class,
                DistrictScenarios.JoinBesideTicket.class,
                ListenerScenarios.BesideOverlap.class,
                ListenerScenarios.BesideParts.class,
                ListenerScenarios.OneOrder.class
            })
    @DisplayName("with one preemption, every schedule leads to what some order of the calls leads to")
    void inOrder(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type, 1);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                ListenerScenarios.BesideJoin.class,
                ListenerScenarios.BesideDivision.class,
                ListenerScenarios.Added.class,
                ListenerScenarios.Removed.class
            })
    @Tag("planted")
    @DisplayName("with one preemption, every schedule of longer calls leads to what some order of them leads to")
    void longer(Class<? extends Scenario> type) {
        inOrder(type);
    }

    @Test
    @Tag("planted")
    @DisplayName("with one preemption, a listener that loses changes finds a gap for each")
    void losing() {
        Exploration.Result result = explore(ListenerScenarios.Losing.class, 1, ONE_WAITS);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @Test
    @DisplayName("the report of a loss names the first lost change, whichever thread loses it")
    void firstLost() {
        Exploration.Result result = explore(ListenerScenarios.FirstLost.class, 1, NONE_WAITS);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
        Exploration.Failure failure =
                explore(ListenerScenarios.FirstLost.class, 1, COUNTS_TOO_LATE).failure();
        assertNotNull(failure);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("a mutant is found")
    void found(PlantedMutant of) {
        Exploration.Failure failure =
                explore(of.scenario(), of.preemptions(), of.planting()).failure();
        assertNotNull(failure);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
    }

    @ParameterizedTest
    @MethodSource("rare")
    @Tag("planted")
    @DisplayName("a mutant is found that shows in few schedules")
    void foundRare(PlantedMutant of) {
        found(of);
    }
}
