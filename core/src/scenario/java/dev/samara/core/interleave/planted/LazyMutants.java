// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants that break the rules under which a LAZY CPU keeps the page tables of the space that it left. */
final class LazyMutants {
    private static final String CPU = "dev.samara.core.internal.cpu.";

    private LazyMutants() {}

    private static Planting in(String className, String... texts) {
        return SourceMutant.of(CPU + className, texts);
    }

    private static Planting keepsLate() {
        return in(
                "CpuState",
                "        lazy.keep(of);\n",
                "",
                "            owner.left().add(of.users());\n        }\n        loaded = null;\n    }\n\n"
                        + "    public void settleCounters",
                "            owner.left().add(of.users());\n        }\n        lazy.keep(of);\n        loaded = null;\n"
                        + "    }\n\n    public void settleCounters");
    }

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "what a CPU keeps is noted after its count is given up (shootdown)",
                    LazyScenarios.GoesShotDown.class,
                    1,
                    PlantedMutant.found(172, "176"),
                    keepsLate()),
            PlantedMutant.of(
                    "what a CPU keeps is noted after its count is given up (hazard pointer)",
                    LazyScenarios.GoesWithPointer.class,
                    1,
                    PlantedMutant.found(190, "194"),
                    keepsLate()),
            PlantedMutant.of(
                    "a CPU in LAZY holds no reference",
                    LazyScenarios.LeavesCounted.class,
                    0,
                    PlantedMutant.found(1, "5"),
                    in("CountedLazy", "            of.pageTable().hold();\n", "", "of.pageTable().release();", "")),
            PlantedMutant.of(
                    "a context is given back with the last user",
                    LazyScenarios.LeavesCounted.class,
                    0,
                    PlantedMutant.found(1, "5"),
                    SourceMutant.of(
                            "dev.samara.core.internal.space.Lifetime",
                            "memory.cpus().endTeardown(pages.context());",
                            "memory.cpus().endTeardown(pages.context()); pages.context().free();",
                            "                pages.free();\n                pages.context().free();\n",
                            "                pages.free();\n")),
            PlantedMutant.of(
                    "a teardown takes no CPU off",
                    LazyScenarios.LeavesShotDown.class,
                    0,
                    PlantedMutant.found(1, "5"),
                    in("ShootdownLazy", "casKept(ended, null);", "")),
            PlantedMutant.of(
                    "a teardown hands no reference over",
                    LazyScenarios.LeavesWithPointer.class,
                    0,
                    PlantedMutant.found(1, "5"),
                    in("HazardLazy", "if (!keeps(ended) || ", "if (true || ")),
            PlantedMutant.of(
                    "a hazard pointer is not read again after the hand-over",
                    LazyScenarios.LeavesWithPointer.class,
                    1,
                    PlantedMutant.found(8, "253"),
                    in("HazardLazy", "if (!keeps(ended) && GIVEN", "if (false && GIVEN")),
            PlantedMutant.of(
                    "a last put takes away what another one has handed over",
                    LazyScenarios.TwoEndsBesidePointer.class,
                    1,
                    PlantedMutant.found(644, "2189"),
                    in("HazardLazy", "if (!keeps(ended)) {\n", "if (false) {\n")),
            PlantedMutant.of(
                    "a CPU looks for a hand-over before it drops its pointer",
                    LazyScenarios.LeavesWithPointer.class,
                    1,
                    PlantedMutant.found(173, "253"),
                    in(
                            "HazardLazy",
                            "        setKeptVolatile(null);\n",
                            "boolean isGiven = GIVEN.getVolatile(this) != null;\n        setKeptVolatile(null);\n",
                            "        if ((TlbContext) GIVEN.getVolatile(this) != null) {\n            release(",
                            "        if (isGiven) {\n            release(")));
}
