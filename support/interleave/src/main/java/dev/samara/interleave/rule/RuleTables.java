// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.rule;

import dev.samara.testing.Project;
import java.util.ArrayList;
import java.util.List;

/** The tables in docs/breaks.md with the broken rules that the comparison with the running kernel finds. */
public final class RuleTables {
    private static final String HEAD = "| broken | seconds | scripts | steps |";

    private RuleTables() {}

    /**
     * Returns the first cell of each row of a table.
     *
     * @param title the line before the table
     */
    public static List<String> names(String title) {
        List<String> lines =
                Project.read(Project.root().resolve("docs/breaks.md")).lines().toList();
        int at = lines.indexOf(title);
        if (at < 0 || !lines.get(at + 2).equals(HEAD)) {
            throw new IllegalStateException("docs/breaks.md: no table after '" + title + "'");
        }
        List<String> names = new ArrayList<>();
        for (String line : lines.subList(at + 4, lines.size())) {
            if (!line.startsWith("| ")) {
                break;
            }
            names.add(line.substring(2, line.indexOf(" |")));
        }
        return names;
    }
}
