// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.rule;

import dev.samara.testing.MutantTable;
import dev.samara.testing.Project;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** The tables in docs/mutants.md with the broken rules that the comparison with the running kernel finds. */
public final class RuleTables {
    private static final Path PAGE = Project.root().resolve("docs/mutants.md");

    private RuleTables() {}

    /** Returns the names of the tables in the document, in their order. */
    public static List<String> names() {
        return MutantTable.names(PAGE);
    }

    /**
     * Returns the table of a list of rules.
     *
     * @param name the list
     */
    public static MutantTable table(String name, List<RuleMutant> rules) {
        List<List<String>> rows = rules.stream()
                .map(rule -> List.of(
                        rule.name(),
                        String.format(Locale.ROOT, "%.1f", rule.cost().seconds()),
                        "" + rule.cost().scripts(),
                        "" + rule.cost().steps()))
                .toList();
        return new MutantTable(PAGE, name, List.of("broken", "seconds", "scripts", "steps"), rows);
    }
}
