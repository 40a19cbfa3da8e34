// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.Plantings;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** The mutants of docs/mutants.md that random tests missed, or needed more than ten seconds to find. */
final class MissedMutants {
    private static final String CORE = "dev.samara.core.internal.";

    private MissedMutants() {}

    private static Planting in(String className, String... texts) {
        return SourceMutant.of(className.startsWith("dev.") ? className : CORE + className, texts);
    }

    private static final Planting NO_REFERENCE = in(
            "tlb.HeldTables",
            "        if (!count.tryHold()) {\n            return false;\n        }\n",
            "",
            "                last.release();\n",
            "");

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "the generation is advanced before the entries are cleared",
                    StoreBufferTest.StoreBesideReuse.class,
                    2,
                    PlantedMutant.found(935, "1052"),
                    in(
                            "tlb.GatheredFlushes",
                            "Leaf.deferFlush(leaf);\n",
                            "Leaf.deferFlush(leaf); early = table.context().generation().advance();\n",
                            "long generation = context.generation().advance();",
                            "long generation = early;",
                            "    private int size;\n",
                            "    private int size; private long early;\n")),
            PlantedMutant.of(
                    "frames are freed before the acknowledgements",
                    CpuScenarios.TwoGenerations.class,
                    1,
                    PlantedMutant.found(1, "3310 and more"),
                    Plantings.withoutCall(CORE + "cpu.Shootdowns", "shoot", "await", 0)),
            PlantedMutant.of(
                    "GUEST is entered without a look at the generation",
                    StoreBufferTest.StoreBesideReuse.class,
                    1,
                    PlantedMutant.found(13, "68"),
                    in("tlb.CpuTlb", "if (of.generation().mustFlush(flushed)) {", "if (false) {")),
            PlantedMutant.of(
                    "the generation is read before GUEST is set",
                    StoreBufferTest.StoreBesideReuse.class,
                    1,
                    PlantedMutant.found(13, "68"),
                    in(
                            "tlb.CpuTlb",
                            "state.enterGuest(contextId);\n            if (of.generation().mustFlush(flushed)) {",
                            "long seen = of.generation().current(); state.enterGuest(contextId); "
                                    + "if (seen != flushed) {")),
            PlantedMutant.of(
                    "a gap in the log is passed over",
                    StoreBufferTest.StoreBesideReuse.class,
                    2,
                    PlantedMutant.found(718, "1052"),
                    in(
                            "tlb.TlbCatchUp",
                            "isRanged = of.log().read(next, range);",
                            "if (!of.log().read(next, range)) { continue; }")),
            PlantedMutant.of(
                    "a leaf is cached for its whole span",
                    CpuScenarios.TwoEighths.class,
                    1,
                    PlantedMutant.found(1, "21"),
                    in("tlb.WalkCache", "partShift = Leaf.partShift(pageShift);", "partShift = 2 * pageShift - 3;")),
            PlantedMutant.of(
                    "a refill takes a leaf to which the CPU has not walked",
                    CpuScenarios.RefillsBesideUnmap.class,
                    1,
                    PlantedMutant.found(3, "181"),
                    in("tlb.TlbFill", "long[] leaf = tables.cached(address);", "long[] leaf = table().leaf(address);")),
            PlantedMutant.of(
                    "no bit in a cpumask that has another one",
                    CpuScenarios.UnmapsTwoLeaves.class,
                    1,
                    PlantedMutant.found(1, "21"),
                    in("page.Leaf", "if ((getOpaque(leaf, word) & bit) == 0) {", "if (getOpaque(leaf, word) == 0) {")),
            PlantedMutant.of(
                    "the flush of a range drops nothing",
                    CpuScenarios.TwoGenerations.class,
                    1,
                    PlantedMutant.found(58, "3641 and more"),
                    Plantings.withoutCall(CORE + "tlb.TlbCatchUp", "flush", "tryFlush", 1)),
            PlantedMutant.of(
                    "the flush of a range drops nothing from the second level of the TLB",
                    CpuScenarios.TwoGenerations.class,
                    1,
                    PlantedMutant.found(109, "4000 and more"),
                    in("tlb.SoftTlb", "            second.drop(granule >>> shift, tag);\n", "")),
            PlantedMutant.of(
                    "the cpumask is read before the entries change",
                    StoreBufferTest.FirstStoreBesideReuse.class,
                    2,
                    PlantedMutant.found(676, "2864"),
                    in(
                            "tlb.GatheredFlushes",
                            "flushes[size++].fill(table, leaf, start, end, reason);",
                            "flushes[size].fill(table, leaf, start, end, reason); early |= flushes[size++].cpumask();",
                            "mask |= flushes[i].cpumask();",
                            "mask |= early;",
                            "    private int size;\n",
                            "    private int size; private long early;\n")),
            PlantedMutant.of(
                    "no flush where another thread has emptied the entries",
                    FileScenarios.TruncateBesideUnmap.class,
                    1,
                    PlantedMutant.found(1, "4215 and more"),
                    in(
                            "pagewalk.DiscardPages",
                            "            gather.deferFlush(walk.table(), leaf, walk.start(), walk.end(),"
                                    + " MmuNotifier.Reason.DISCARDED);\n"
                                    + "            for (int i = walk.first(); i < stop; i++) {\n"
                                    + "                claim(leaf, i, walk.addressOf(i), choice);",
                            "boolean isAny = false; for (int i = walk.first(); i < stop; i++) {"
                                    + " isAny |= Leaf.get(leaf, i) != Pte.NONE; } if (isAny) {"
                                    + " gather.deferFlush(walk.table(), leaf, walk.start(), walk.end(),"
                                    + " MmuNotifier.Reason.DISCARDED); }"
                                    + " for (int i = walk.first(); i < stop; i++) {"
                                    + " claim(leaf, i, walk.addressOf(i), choice);")),
            PlantedMutant.of(
                    "a removal has no reference to the page tables that it walks",
                    EndScenarios.Truncation.class,
                    1,
                    PlantedMutant.found(43, "284"),
                    NO_REFERENCE),
            PlantedMutant.of(
                    "a watchpoint has no reference to the page table that it walks",
                    EndScenarios.Watch.class,
                    1,
                    PlantedMutant.found(40, "211"),
                    NO_REFERENCE),
            PlantedMutant.of(
                    "a collection has no reference to the page table that it walks",
                    EndScenarios.Collection.class,
                    1,
                    PlantedMutant.found(40, "223"),
                    NO_REFERENCE),
            PlantedMutant.of(
                    "an acknowledgement comes before the flush",
                    CpuScenarios.TwoGenerations.class,
                    2,
                    PlantedMutant.found(1105, "3561 and more"),
                    in(
                            "tlb.TlbCatchUp",
                            "        long from = slot.flushed;\n",
                            "state.flushedTo(generation); long from = slot.flushed;\n")),
            PlantedMutant.of(
                    "a leaf with a pending flush is unhooked",
                    FileScenarios.TruncateBehindAnEmptyLeaf.class,
                    0,
                    PlantedMutant.found(1, "294"),
                    in(
                            "page.Leaf",
                            "leaf[word] == 1 && !isDead",
                            "!isDead",
                            "return leaf[leaf.length - PENDING] != 0;",
                            "return false;")),
            PlantedMutant.of(
                    "a count is given up before the word says LAZY",
                    CpuScenarios.EntersLazyBesideClose.class,
                    1,
                    PlantedMutant.found(3, "23"),
                    in(
                            "cpu.CpuState",
                            "        lazy.keep(of);\n",
                            "        lazy.keep(of);\nof.users().unuse();\n",
                            "        if (of.users().unuse()) {",
                            "        if (of.isEnded()) {")),
            PlantedMutant.of(
                    "entries are compared, and then set by a store",
                    CpuScenarios.FirstLoadBesideUnmap.class,
                    1,
                    PlantedMutant.found(8, "88"),
                    in(
                            "page.Leaf",
                            "return ENTRY.compareAndSet(leaf, index, expected, pte);",
                            "boolean isSet = get(leaf, index) == expected;"
                                    + " if (isSet) { setRelease(leaf, index, pte); } return isSet;")),
            PlantedMutant.of(
                    "a claim of a CPU compares its owner, and then stores",
                    CpuScenarios.TwoClaims.class,
                    1,
                    PlantedMutant.found(3, "5"),
                    in(
                            "cpu.CpuOwner",
                            "return (Thread) THREAD.compareAndExchange(this, (Thread) null, Thread.currentThread());",
                            "Thread other = (Thread) THREAD.getVolatile(this);"
                                    + " if (other == null) { THREAD.setVolatile(this, Thread.currentThread()); }"
                                    + " return other;")),
            PlantedMutant.of(
                    "a move puts a page down that was truncated",
                    FileScenarios.MoveBesideTruncate.class,
                    1,
                    PlantedMutant.found(19, "626"),
                    Plantings.withoutCall(CORE + "op.MovePages", "putDown", "isStillThere", 1)),
            PlantedMutant.random(
                    "a truncation leaves the pages of a detached VMA",
                    FileScenarios.PrivateMoveBesideTruncate.class,
                    2,
                    PlantedMutant.found(13, "4038 and more"),
                    in(
                            "file.UnmapMapping",
                            "if (!copies || !Pte.isOwn(pte)) {",
                            "if (!copies || !Pte.isOwn(pte) || link.vma().isDetached()) {")),
            PlantedMutant.of(
                    "a fork flushes only pages that it narrows",
                    ForkScenarios.TwoForks.class,
                    2,
                    PlantedMutant.found(1, "3304 and more"),
                    in(
                            "op.CopyPageTables",
                            "            gather.deferFlush(from, leaf, start, end, MmuNotifier.Reason.PROTECTED);\n",
                            "boolean isAny = false; for (long a = start; a != end; a += pageSize) {"
                                    + " isAny |= Pte.has(Leaf.get(leaf, from.indexOf(a)), Pte.WRITE); } if (isAny) {"
                                    + " gather.deferFlush(from, leaf, start, end, MmuNotifier.Reason.PROTECTED); }\n")),
            PlantedMutant.of(
                    "an identity that a replaced VMA got late is not handed on",
                    ForkScenarios.FirstStoreBesideCut.class,
                    1,
                    PlantedMutant.found(167, "219"),
                    Plantings.withoutCall(CORE + "op.Publication", "adopt", "handOn", 0)),
            PlantedMutant.of(
                    "an identity that a moved VMA got late is not handed on",
                    ForkScenarios.FirstStoreBesideMove.class,
                    1,
                    PlantedMutant.found(245, "294"),
                    in(
                            "op.GatheredVmas",
                            "                if (edit.mayHandOn(vma)) {",
                            "                if (false) {")),
            PlantedMutant.of(
                    "an identity that a VMA got while its copy was made is not handed on",
                    ForkScenarios.FirstStoreBesideEmptying.class,
                    1,
                    PlantedMutant.found(332, "378"),
                    in(
                            "op.EditedLayout",
                            "if (anonVma != null && moved.anonVma() == null",
                            "if (false && anonVma != null")),
            PlantedMutant.of(
                    "a dirty scan passes over busy pages",
                    ForkScenarios.ScanBesideCopy.class,
                    1,
                    PlantedMutant.found(48, "262"),
                    in("pagewalk.DirtyScan", "return Pte.has(pte, Pte.BUSY | Pte.COPY | bit);", "return false;")));
}
