// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants that resemble mistakes an engineer might make. */
@SuppressWarnings("StringConcatToTextBlock") // parts of lines
final class InventedMutants {
    private static final String CORE = "dev.samara.core.internal.";

    private InventedMutants() {}

    private static Planting in(String className, String text, String replacement) {
        return SourceMutant.of(className.startsWith("dev.") ? className : CORE + className, text, replacement);
    }

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "a woken thread does not look at the gate again",
                    SyncScenarios.InterruptedWait.class,
                    1,
                    PlantedMutant.found(31, "116"),
                    in(
                            "sync.Gate",
                            "interrupted |= Thread.interrupted();\n            wait.parkOrReport();",
                            "interrupted |= Thread.interrupted();\n            wait.parkOrReport(); break;")),
            PlantedMutant.of(
                    "a grace period in progress serves for what is unlinked later",
                    SyncScenarios.UnlinkedLater.class,
                    2,
                    PlantedMutant.found(103, "1336"),
                    in("sync.PolledGracePeriods", "return begun + 1;", "return begun == over ? begun + 1 : begun;")),
            PlantedMutant.of(
                    "a place that is given back is told to nobody",
                    LayoutScenarios.WaitsForRoom.class,
                    1,
                    PlantedMutant.found(1, "955 and more"),
                    in(
                            "sync.Backlog",
                            "tasks--;\n            noteLoad();\n            room.signalAll();",
                            "tasks--; noteLoad(); if (isFull) { room.signalAll(); }")),
            PlantedMutant.of(
                    "a queue is left without a thread after the look at it",
                    SyncScenarios.TwoTasks.class,
                    2,
                    PlantedMutant.found(46, "2321"),
                    in(
                            "sync.Background",
                            "attended = false;\n        return !queue.isEmpty();",
                            "boolean more = !queue.isEmpty(); attended = false; return more;")),
            PlantedMutant.of(
                    "a flush asks the CPUs of its last leaf only",
                    CpuScenarios.UnmapsTwoLeaves.class,
                    1,
                    PlantedMutant.found(1, "21"),
                    in("tlb.GatheredFlushes", "mask |= flushes[i].cpumask();", "mask = flushes[i].cpumask();")),
            PlantedMutant.of(
                    "a CPU returns from LAZY without being counted",
                    CpuScenarios.LazyBesideClose.class,
                    1,
                    PlantedMutant.found(1, "73"),
                    in("cpu.CpuState", "|| !wanted.use()) {", "|| wanted.isEnded()) {")),
            PlantedMutant.of(
                    "a CPU that is two generations behind flushes the last one",
                    CpuScenarios.TwoGenerations.class,
                    1,
                    PlantedMutant.found(58, "2349 and more"),
                    in("tlb.TlbCatchUp", "for (long next = from + 1;", "for (long next = generation;")),
            PlantedMutant.of(
                    "a leaf is found empty before it is locked",
                    LayoutScenarios.StoreBesideLastUnmap.class,
                    1,
                    PlantedMutant.found(90, "484"),
                    in(
                            "page.UnhookTables",
                            "        Leaf.lock(leaf);\n        try {\n            if (Leaf.isDead(leaf)"
                                    + " || Leaf.hasPendingFlush(leaf) || !Leaf.isEmpty(leaf)) {",
                            "boolean isEmpty = Leaf.isEmpty(leaf); Leaf.lock(leaf); try {"
                                    + " if (Leaf.isDead(leaf) || Leaf.hasPendingFlush(leaf) || !isEmpty) {")),
            PlantedMutant.of(
                    "a fork passes over busy pages",
                    ForkScenarios.ForkBesideCopy.class,
                    1,
                    PlantedMutant.found(38, "401"),
                    in("op.CopyPageTables", "busy = pte;\n                    break;", "at += pageSize; continue;")),
            PlantedMutant.of(
                    "the owner of busy entries leaves before they change",
                    FaultScenarios.DiscardBesideStore.class,
                    1,
                    PlantedMutant.found(54, "94"),
                    in(
                            "pagewalk.DiscardPages",
                            "claimed.release(gather);\n        memory.owners().leave(context().owner());",
                            "memory.owners().leave(context().owner()); claimed.release(gather);")),
            PlantedMutant.of(
                    "a page is found sole before the lock, and not under it",
                    ForkScenarios.ForkBesideReuse.class,
                    1,
                    PlantedMutant.found(30, "103"),
                    in(
                            "fault.CopyOnWrite",
                            "if (!state.mayChange(leaf) || !isSole(pte)) {",
                            "if (!state.mayChange(leaf)) {")),
            PlantedMutant.of(
                    "a fork reads the pins before it takes the right to write",
                    ForkScenarios.ForkBesidePin.class,
                    1,
                    PlantedMutant.found(97, "111"),
                    in(
                            "op.CopyPageTables",
                            "        long before = clear(leaf, index, Pte.WRITE | Pte.EXCLUSIVE);\n"
                                    + "        boolean isDone = false;\n        try {\n"
                                    + "            if (isCounted && frames.isPinned(frame)) {",
                            "boolean isPinned = frames.isPinned(frame);"
                                    + " long before = clear(leaf, index, Pte.WRITE | Pte.EXCLUSIVE);"
                                    + " boolean isDone = false; try { if (isCounted && isPinned) {")),
            PlantedMutant.of(
                    "the range of a discard does not count as in flight",
                    LayoutScenarios.DiscardBesideLocked.class,
                    1,
                    PlantedMutant.found(84, "315"),
                    in("space.Footprint", " || busy.overlap(start, end);", ";")),
            PlantedMutant.of(
                    "references are read after the retiring bit is cleared",
                    LayoutScenarios.ReleaseBesideUnmap.class,
                    1,
                    PlantedMutant.found(36, "55"),
                    in("vma.VmArea", "if ((before & REFERENCES) == 0) {", "if ((wordAcquire() & REFERENCES) == 0) {")),
            PlantedMutant.of(
                    "a reference is released by a read and a store",
                    LayoutScenarios.ReleasedTwice.class,
                    1,
                    PlantedMutant.found(3, "5"),
                    in(
                            "dev.samara.core.VmaRef",
                            "return RELEASED.compareAndSet(this, false, true);",
                            "if (releasedVolatile()) { return"
                                    + " false; } RELEASED.setVolatile(this, true); return true;")),
            PlantedMutant.random(
                    "a mapping over two reservations awaits one",
                    LayoutScenarios.ReusesTwo.class,
                    2,
                    PlantedMutant.found(34, "5793 and more"),
                    in("space.EarlyReuseOrder", "awaited = predecessors.size();", "awaited = 1;")),
            PlantedMutant.of(
                    "the first page of a file is looked for before its lock",
                    FileScenarios.FirstStores.class,
                    1,
                    PlantedMutant.found(17, "396"),
                    in(
                            "file.FreshPages",
                            "        int known = Frames.NONE;\n        cached.content().lock();\n"
                                    + "        try {\n"
                                    + "            if (page < cached.pages() && !cached.isClosed()"
                                    + " && !vma.isDetached()) {\n"
                                    + "                known = cached.index().get(page);",
                            "int known = cached.index().get(page); cached.content().lock(); try {"
                                    + " if (page < cached.pages() && !cached.isClosed() && !vma.isDetached()) {")),
            PlantedMutant.of(
                    "a mapping leaves its file beside a lookup",
                    FileScenarios.TruncateBesideCut.class,
                    1,
                    PlantedMutant.found(98, "165"),
                    in("file.ReverseMap", "            if (now == null) {", "            if (true) {")),
            PlantedMutant.of(
                    "a delivery ends after the look at its queue",
                    LayoutScenarios.ListenerBesideCalls.class,
                    2,
                    PlantedMutant.found(640, "3280 and more"),
                    in(
                            "space.ChangeDelivery",
                            "isDraining.set(false);\n            schedule();",
                            "schedule(); isDraining.set(false);")));
}
