// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;

/**
 * The first step of a script that breaks the law of checkpoints.
 *
 * @param index the step
 * @param kind what is broken, without numbers
 * @param expected what was before the restore, as lines
 * @param found what is after it
 */
record LawDifference(LawScript script, int index, String kind, List<String> expected, List<String> found)
        implements dev.samara.testing.live.Difference<LawStep> {
    LawDifference in(LawScript whole) {
        return new LawDifference(whole, index, kind, expected, found);
    }

    LawDifference with(String line) {
        List<String> more = new ArrayList<>(found);
        more.add(line);
        return new LawDifference(script, index, kind, expected, more);
    }

    @Override
    public List<LawStep> steps() {
        return script.steps().subList(0, Math.min(index + 1, script.steps().size()));
    }

    @Override
    public String toString() {
        List<String> lines = new ArrayList<>(script.with(steps()).lines());
        lines.add("# " + kind);
        expected.stream().filter(line -> !found.contains(line)).forEach(line -> lines.add("# before: " + line));
        found.stream().filter(line -> !expected.contains(line)).forEach(line -> lines.add("# after: " + line));
        return String.join("\n", lines);
    }
}
