// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Plantings;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** The mutants of the JCStress tests, planted in the production classes. */
@SuppressWarnings("StringConcatToTextBlock") // parts of lines
final class StoreMutants {
    private static final String CORE = "dev.samara.core.internal.";

    private StoreMutants() {}

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.buffered(
                    "a leaf is linked by a release store",
                    StoreScenarios.LinkBesideWalk.class,
                    1,
                    PlantedMutant.found(3, "60"),
                    SourceMutant.of(
                            CORE + "page.UpperTable",
                            "CHILD.setVolatile(table, index, child);",
                            "CHILD.setRelease(table, index, child);")),
            PlantedMutant.buffered(
                    "a VMA is detached by a release store, and walked without a fence",
                    StoreScenarios.LinkBesideWalk.class,
                    1,
                    PlantedMutant.found(70, "60"),
                    SourceMutant.of(
                                    CORE + "vma.VmArea",
                                    "getAndOrWord(DETACHED | RETIRING);",
                                    "WORD.setRelease(this, before | DETACHED | RETIRING);")
                            .and(Plantings.withoutCall(CORE + "page.PageTable", "nextLeaf", "fullFence", 0))),
            PlantedMutant.buffered(
                    "a section begins by a release store",
                    SyncScenariosTest.ReaderBesideUpdater.class,
                    2,
                    PlantedMutant.found(1, "170"),
                    Plantings.otherMode(CORE + "sync.ReaderWord", "setSectionVolatile", "setVolatile", "setRelease")),
            PlantedMutant.buffered(
                    "a grace period begins without a fence",
                    StoreScenarios.UnlinkedByRelease.class,
                    2,
                    PlantedMutant.found(443, "247"),
                    Plantings.withoutCall(CORE + "sync.GracePeriodSections", "scan", "fullFence", 0)),
            PlantedMutant.buffered(
                    "GUEST is a release store",
                    StoreBufferTest.StoreBesideReuse.class,
                    1,
                    PlantedMutant.found(59, "255"),
                    Plantings.otherMode(CORE + "cpu.CpuWords$State", "setWordVolatile", "setVolatile", "setRelease")),
            PlantedMutant.buffered(
                    "a cpumask is set by a release store, without its fence",
                    StoreBufferTest.FirstStoreBesideReuse.class,
                    1,
                    PlantedMutant.found(375, "605"),
                    SourceMutant.of(
                            CORE + "page.Leaf",
                            "getAndOr(leaf, word, bit);\n        } else if (!isShared) {\n            return;\n"
                                    + "        }\n",
                            "setRelease(leaf, word, getOpaque(leaf, word) | bit); return; }"
                                    + " else if (!isShared) { return; }\n")),
            PlantedMutant.of(
                    "the seal of a record is read once",
                    StoreScenarios.OverwrittenRecord.class,
                    1,
                    PlantedMutant.found(5, "16"),
                    SourceMutant.of(CORE + "cpu.FlushLog", "return sealOpaque(at) == generation;", "return true;")),
            PlantedMutant.of(
                    "an unhooked leaf is not marked",
                    LayoutScenarios.StoreBesideLastUnmap.class,
                    1,
                    PlantedMutant.found(10, "484"),
                    Plantings.withoutCall(CORE + "page.UnhookTables", "unhookIfEmpty", "kill", 0)));
}
