// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/**
 * Mutants that break the rules under which a flush need not ask any CPU if only the caller's CPU is in the space, and
 * need not start a generation if only the caller's CPU used the pages.
 */
final class ElisionMutants {
    private static final String INTERNAL = "dev.samara.core.internal.";

    private ElisionMutants() {}

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "the CPUs in the space are counted before the generation is advanced",
                    ElisionScenarios.Comes.class,
                    2,
                    PlantedMutant.found(1422, "2907"),
                    SourceMutant.of(
                            INTERNAL + "tlb.GatheredFlushes",
                            "long generation = context.generation().advance();",
                            "boolean isAlone = context.cpus() <= 1;\nlong generation = context.generation().advance();",
                            "shootdowns.shoot(context, generation, mask);",
                            "shootdowns.shoot(context, generation, isAlone ? 0 : mask);")),
            PlantedMutant.of(
                    "references are counted in place of CPUs",
                    ElisionScenarios.Stays.class,
                    0,
                    PlantedMutant.found(1, "7"),
                    SourceMutant.of(INTERNAL + "cpu.Shootdowns", "context.cpus();", "context.users().references();")),
            PlantedMutant.of(
                    "a CPU that was not asked finds its translations fresh",
                    ElisionScenarios.Comes.class,
                    0,
                    PlantedMutant.found(1, "5"),
                    SourceMutant.of(
                            INTERNAL + "tlb.CpuTlb",
                            "            tlb.select(number);\n",
                            "tlb.select(number); flushed = of.generation().current();\n")),
            PlantedMutant.of(
                    "a flush of the caller's CPU alone drops nothing",
                    ElisionScenarios.Alone.class,
                    0,
                    PlantedMutant.found(1, "3"),
                    SourceMutant.of(
                            INTERNAL + "tlb.TlbCatchUp", "!listeners.isEmpty() || !tlb.tryFlush(start, end)", "false")),
            PlantedMutant.of(
                    "a flush of the caller's CPU alone passes over a CPU that has left",
                    ElisionScenarios.Comes.class,
                    0,
                    PlantedMutant.found(1, "5"),
                    SourceMutant.of(
                            INTERNAL + "cpu.Shootdowns",
                            "if (!elides || (mask & (mask - 1)) != 0) {",
                            "if (!elides) {",
                            "own.bit() == mask",
                            "(own.bit() & mask) != 0")),
            PlantedMutant.of(
                    "a flush of the caller's CPU alone goes by a cpumask from before the entries change",
                    StoreBufferTest.FirstStoreBesideReuse.class,
                    2,
                    PlantedMutant.found(83, "1797"),
                    SourceMutant.of(
                            INTERNAL + "tlb.GatheredFlushes",
                            "flushes[size++].fill(table, leaf, start, end, reason);",
                            "flushes[size].fill(table, leaf, start, end, reason); early |= flushes[size++].cpumask();",
                            "flushLocally(context, cpumask(from, behind), start, end)",
                            "flushLocally(context, early, start, end)",
                            "    private int size;\n",
                            "    private int size; private long early;\n")));
}
