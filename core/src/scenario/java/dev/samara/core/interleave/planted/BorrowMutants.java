// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import java.util.List;

/** Mutants that break the rules of docs/lifetimes.md about borrowed spaces and exec. */
@SuppressWarnings("StringConcatToTextBlock") // parts of lines
final class BorrowMutants {
    private static final String CORE = "dev.samara.core.";

    private BorrowMutants() {}

    private static Planting in(String className, String... texts) {
        return SourceMutant.of(CORE + className, texts);
    }

    static final List<PlantedMutant> ALL = List.of(
            PlantedMutant.of(
                    "a borrow takes only the page table",
                    BorrowScenarios.UsedBesideClose.class,
                    1,
                    PlantedMutant.found(5, "252"),
                    in(
                            "internal.cpu.SpaceUsers",
                            "return tryAdd(CPU);",
                            "return users() != 0;",
                            "return word.addAndGet(-CPU) == 0;",
                            "return false;")),
            PlantedMutant.of(
                    "a borrower looks whether it is alone, and is listed then",
                    BorrowScenarios.BeginsBesideLastClose.class,
                    1,
                    PlantedMutant.found(105, "303"),
                    in(
                            "internal.space.Borrowers",
                            "                current = borrower;\n                borrower.askIfAlone();\n",
                            "                borrower.askIfAlone();\n                current = borrower;\n")),
            PlantedMutant.of(
                    "the last close looks for borrowers, and gives its reference up then",
                    BorrowScenarios.BeginsBesideLastClose.class,
                    1,
                    PlantedMutant.found(283, "303"),
                    in(
                            "internal.space.Lifetime",
                            "    public void put() {\n        if (users.put()) {\n            users.end();\n"
                                    + "        } else {\n            askIfAlone(false);\n",
                            "    public void put() {\n        if (users.references() == 1) {\n"
                                    + "            borrowers.ask(identity);\n        }\n"
                                    + "        if (users.put()) {\n            users.end();\n        } else {\n")),
            PlantedMutant.of(
                    "exec looks whether the next space has users, and does not become one",
                    BorrowScenarios.ExecBesideCloseOfTheNext.class,
                    1,
                    PlantedMutant.found(15, "71"),
                    in(
                            "internal.vcpu.ExecMmap",
                            "!to.users().tryGet()",
                            "to.users().users() == 0",
                            "        } finally {\n            to.put();\n        }\n",
                            "        } finally {\n            cpu.number();\n        }\n")));
}
