// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants that omit a second check under a lock, or that set a mark too late. */
final class SecondLookMutants {
    private static final String CORE = "dev.samara.core.internal.";

    private SecondLookMutants() {}

    private static Planting in(String className, String... texts) {
        return SourceMutant.of(CORE + className, texts);
    }

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "a sole page becomes writable for the VMA of the lookup",
                    SecondLookScenarios.ReuseBesideNarrowing.class,
                    1,
                    PlantedMutant.found(30, "93"),
                    in(
                            "fault.CopyOnWrite",
                            "            VmArea now = VmaRecheck.of(state.layout, vma, address, true);\n",
                            "VmArea now = vma;")),
            PlantedMutant.of(
                    "an entry gets a right of the VMA of the lookup",
                    SecondLookScenarios.WidenBesideNarrowing.class,
                    1,
                    PlantedMutant.found(30, "92"),
                    in(
                            "fault.PresentFault",
                            "state.mayChange(leaf) ? VmaRecheck.of(state.layout, vma, address, false) : null;",
                            "vma;")),
            PlantedMutant.of(
                    "a page is unpinned before it has the mark of a failed write",
                    SecondLookScenarios.EvictionBesideFailedWrite.class,
                    1,
                    PlantedMutant.found(11, "212"),
                    in(
                            "file.WriteBackBatch",
                            "    void end() {\n",
                            "    void end() { for (int i = 0; i < pinned; i++) { frames.unpin(taken[i]); }\n",
                            "        while (pinned > 0) {\n            frames.unpin(taken[--pinned]);\n        }\n",
                            "pinned = 0;\n")),
            PlantedMutant.of(
                    "an eviction takes a page for locked by a VMA that a lookup keeps",
                    EvictionScenarios.EvictionBesideUnlock.class,
                    1,
                    PlantedMutant.found(24, "169"),
                    in(
                            "file.Eviction",
                            "if (link.vma().has(VmaFlags.LOCKED) && !link.isUnlinked()) {",
                            "if (link.vma().has(VmaFlags.LOCKED)) {")),
            PlantedMutant.of(
                    "a first store fills an entry of a dead leaf",
                    LeafScenarios.FirstStore.class,
                    1,
                    PlantedMutant.found(143, "613"),
                    in(
                            "fault.AnonymousFault",
                            "state.mayChange(leaf) ? VmaRecheck.of(state.layout, vma, address, isPrepared) : null;",
                            "VmaRecheck.of(state.layout, vma, address, isPrepared);")),
            PlantedMutant.of(
                    "a copy of a file's page is put into a dead leaf",
                    LeafScenarios.FirstCopy.class,
                    1,
                    PlantedMutant.found(178, "1112"),
                    in("fault.CopyOnWrite", """
                            state.mayChange(leaf) ? VmaRecheck.of(state.layout, vma, address, true) : null;
                                            if (now != null
                            """, "VmaRecheck.of(state.layout, vma, address, true); if (now != null\n")),
            PlantedMutant.of(
                    "a guard is put into a dead leaf",
                    LeafScenarios.Guard.class,
                    1,
                    PlantedMutant.found(182, "543"),
                    in(
                            "pagewalk.DiscardPages",
                            "            if (Leaf.isDead(leaf)) {\n                return false;\n            }\n",
                            "")),
            PlantedMutant.of(
                    "a moved page is put into a dead leaf",
                    LeafScenarios.Move.class,
                    1,
                    PlantedMutant.found(378, "847"),
                    in(
                            "op.MovePages",
                            "if (Leaf.isDead(leaf)) {\n                    continue;\n                }\n",
                            "")),
            PlantedMutant.of(
                    "a mapping that may write is counted after it has found no seal",
                    SealScenarios.SealBesideMap.class,
                    1,
                    PlantedMutant.found(13, "15"),
                    in(
                            "file.Seals",
                            "if (WRITABLE.compareAndSet(this, count, count + 1)) {",
                            "WRITABLE.getAndAdd(this, 1);\n if (count >= 0) {")),
            PlantedMutant.of(
                    "a seal against writes looks for pins before it denies mappings",
                    SealScenarios.SealBesidePin.class,
                    1,
                    PlantedMutant.found(3, "12"),
                    in(
                            "file.Seals",
                            "            if (!WRITABLE.compareAndSet(this, 0, DENIED)) {\n",
                            """
                            boolean hadPins = hasPins.getAsBoolean();
                            if (!WRITABLE.compareAndSet(this, 0, DENIED)) {
                            """,
                            "isFree = !hasPins.getAsBoolean();",
                            "isFree = !hadPins;")),
            PlantedMutant.of(
                    "a mapping that may write is not counted any more while a CPU has its translations",
                    SealScenarios.SealBesideUnmap.class,
                    1,
                    PlantedMutant.found(82, "883"),
                    in("op.RetirementRun", "            if (callsOthers() && !retireAsThisThread(mayRest)) {\n", """
                            for (int i = 0; i < linked.size(); i++) { linked.get(i).unlink(); }
                            linked = List.of();
                            if (callsOthers() && !retireAsThisThread(mayRest)) {
                            """)));
}
