// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceBreak;
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
            SourceBreak.of(EDIT, "if (!district.contains(address)) {", "if (false) {");

    static final List<PlantedBreak> BREAKS = List.of(
            PlantedBreak.of(
                    "P37: an operation over a border publishes once in each part",
                    DistrictScenarios.LookupsBesideJoin.class,
                    1,
                    PlantedBreak.found(4, "24"),
                    SourceBreak.of(
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
            PlantedBreak.of(
                    "P38: a snapshot reads the roots once",
                    DistrictScenarios.SnapshotBesideBoth.class,
                    1,
                    PlantedBreak.found(8, "11"),
                    SourceBreak.of(
                            INTERNAL + "space.LayoutParts", "if (!trees[i].isStill(read[i])) {", "if (false) {")),
            PlantedBreak.of(
                    "P39: an operation goes by the parts before lookups do",
                    DistrictScenarios.DivisionBesideOperation.class,
                    1,
                    PlantedBreak.found(4, "131"),
                    SourceBreak.of(
                                    LOOKUPS,
                                    "return layout.treeAcquire() != null ? null : partsAcquire();",
                                    "return partsAcquire();")
                            .and(SourceBreak.of(
                                    DISTRICTS,
                                    "if (part.isDead() || layout.treeAcquire() != null) {",
                                    "if (part.isDead()) {"))),
            PlantedBreak.of(
                    "P39: a lookup goes by the parts of the lookup before it",
                    DistrictScenarios.LookupAfterJoin.class,
                    1,
                    PlantedBreak.found(23, "27"),
                    SourceBreak.of(
                                    INTERNAL + "space.Layout",
                                    "return all != null ? all.get(address) : districts.find(address);",
                                    "return districts.find(address);")
                            .and(SourceBreak.of(LOOKUPS, FOUND_PARTS, KEPT_PARTS))),
            PlantedBreak.of(
                    "P40: a neighbour across the border is taken for none",
                    DistrictScenarios.NeighboursAtBorder.class,
                    1,
                    PlantedBreak.found(1, "156"),
                    ANY_ADDRESS),
            PlantedBreak.of(
                    "P41: a mapping is placed in the highest hole of its part",
                    DistrictScenarios.HintBesidePart.class,
                    0,
                    PlantedBreak.found(1, ""),
                    SourceBreak.of(
                            INTERNAL + "op.Placement",
                            "private long highest(long low, long high, long length, long alignment) {\n"
                                    + "        edit.requireWhole();",
                            "private long highest(long low, long high, long length, long alignment) {")),
            PlantedBreak.of(
                    "P43: a layout is divided across a range in flight",
                    DistrictScenarios.DivisionBesideFlight.class,
                    1,
                    PlantedBreak.found(23, "620"),
                    SourceBreak.of(
                            INTERNAL + "space.Footprint",
                            "return isKnown ? Borders.leaveOut(borders, count, low, high) : 0;",
                            "return isKnown ? count : count;")),
            PlantedBreak.of(
                    "P43: a layout is divided while an operation has a ticket, which it loses",
                    DistrictScenarios.DivisionBesideTicket.class,
                    1,
                    PlantedBreak.found(14, "135"),
                    SourceBreak.of(
                            INTERNAL + "space.InFlightOperations",
                            "if (Addresses.contains(start, end, ticket.low())) {",
                            "if (false) {")),
            PlantedBreak.of(
                    "P43: a layout is divided between the ranges of a ticket",
                    DistrictScenarios.DivisionAcrossTicket.class,
                    1,
                    SourceBreak.of(
                            INTERNAL + "space.Ticket",
                            "return hasRanges() ? Borders.leaveOut(borders, count, low, high) : 0;",
                            "return count;")),
            PlantedBreak.of(
                    "P43: a join loses a ticket",
                    DistrictScenarios.JoinBesideTicket.class,
                    1,
                    SourceBreak.of(INTERNAL + "space.InFlightOperations", "tickets.addAll(part.tickets);", "")),
            PlantedBreak.of(
                    "P44: a layout is divided while a fork copies, and the copy is not waited for",
                    DistrictScenarios.PartBesideFork.class,
                    1,
                    PlantedBreak.found(103, "436"),
                    SourceBreak.of(DISTRICTS, "                || !layout.copies().isEmpty()\n", "")
                            .and(SourceBreak.of(
                                    INTERNAL + "op.Publication",
                                    "if (mine.takesPagesAway() && !layout.copies().isEmpty()) {",
                                    "if (!edit.district.isPart() && mine.takesPagesAway()"
                                            + " && !layout.copies().isEmpty()) {"))),
            PlantedBreak.of(
                    "P45: an operation does not look whether its part is dead",
                    DistrictScenarios.PartBesideWhole.class,
                    1,
                    PlantedBreak.found(21, "371"),
                    SourceBreak.of(DISTRICTS, "if (part.isDead() || layout.treeAcquire() != null) {", "if (false) {")),
            PlantedBreak.of(
                    "P39: an operation goes by the parts of the next division",
                    DistrictScenarios.DivisionAgainBesideOperation.class,
                    2,
                    PlantedBreak.found(1480, ""),
                    SourceBreak.of(
                            DISTRICTS, "if (part.isDead() || layout.treeAcquire() != null) {", "if (part.isDead()) {")),
            PlantedBreak.of(
                    "P47: a change is queued after the lock of its part",
                    ListenerScenarios.BesideOverlap.class,
                    1,
                    SourceBreak.of(
                            LISTENERS,
                            "    public static void publish(ChangeDelivery.@Nullable Prepared prepared) {\n",
                            UNQUEUED + "    public static void publish(ChangeDelivery.@Nullable Prepared prepared) {\n"
                                    + "        if (prepared != null) { UNQUEUED.set(prepared); }\n    }\n"
                                    + "    private static void publishLate("
                                    + "ChangeDelivery.@Nullable Prepared prepared) {\n",
                            "    public void deliver() {\n",
                            "    public void deliver() {\n        publishLate(UNQUEUED.get()); UNQUEUED.remove();\n")),
            PlantedBreak.of(
                    "P47: changes of parts are for no listener",
                    ListenerScenarios.BesideParts.class,
                    0,
                    SourceBreak.of(
                            INTERNAL + "op.Publication",
                            "LayoutListeners.publish(change);",
                            "if (!edit.district.isPart()) { LayoutListeners.publish(change); }")),
            PlantedBreak.of(
                    "P47: a layout is divided beside a listener that needs one order",
                    ListenerScenarios.OneOrder.class,
                    1,
                    SourceBreak.of(DISTRICTS, "                || layout.listeners().needsOneOrder()\n", "")),
            PlantedBreak.of(
                    "P47: a change carries no losses",
                    ListenerScenarios.Losing.class,
                    0,
                    oneWaits("change.lostEarlier = lost.get();", "")));

    /** The mutants that only few of many schedules reveal. */
    private static final List<PlantedBreak> RARE = List.of(
            PlantedBreak.of(
                    "P47: a join does not count the changes of its parts",
                    ListenerScenarios.Added.class,
                    1,
                    SourceBreak.of(DISTRICTS, "changes += from[i].changes();", "")),
            PlantedBreak.of(
                    "P47: a change carries fewer losses than the one before it",
                    ListenerScenarios.Losing.class,
                    1,
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
        return SourceBreak.of(INTERNAL + "space.ChangeDelivery", texts.toArray(String[]::new));
    }

    private static final Planting ONE_WAITS = oneWaits();

    /** A queue without room, so each change is lost. */
    private static final Planting NONE_WAITS = withCapacity("-2");

    private static final Planting COUNTS_TOO_LATE =
            withCapacity("-2", "        lost.getAndIncrement();", "        before = lost.getAndIncrement();");

    private static List<PlantedBreak> breaks() {
        return BREAKS;
    }

    private static List<PlantedBreak> rare() {
        return RARE;
    }

    private static Exploration.Result explore(Class<? extends Scenario> type, int preemptions, Planting... breaks) {
        Exploration exploration = SteppedScenarios.explore(type, breaks);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(preemptions), breaks.length);
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
        assertTrue(PlantedBreak.isFinding(failure), failure::toString);
    }

    @ParameterizedTest
    @MethodSource("breaks")
    @DisplayName("a broken rule is found")
    void found(PlantedBreak of) {
        Exploration.Failure failure =
                explore(of.scenario(), of.preemptions(), of.planting()).failure();
        assertNotNull(failure);
        assertTrue(PlantedBreak.isFinding(failure), failure::toString);
    }

    @ParameterizedTest
    @MethodSource("rare")
    @Tag("planted")
    @DisplayName("a broken rule is found that shows in few schedules")
    void foundRare(PlantedBreak of) {
        found(of);
    }
}
