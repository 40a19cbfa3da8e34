// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;

/** The first operation of a script after which the two sides differ. */
record Difference(Script script, int index, Outcome kernel, Outcome library, long base)
        implements dev.samara.testing.live.Difference<Operation> {
    @Override
    public List<Operation> steps() {
        return script.operations().subList(0, index + 1);
    }

    @Override
    public String kind() {
        String verb = script.operations().get(index).verb().text();
        if (!kernel.result().equals(library.result())) {
            return verb + " result " + errno(kernel) + " " + errno(library);
        }
        return verb + " state";
    }

    private static String errno(Outcome outcome) {
        String result = outcome.result();
        return result.startsWith("E") || result.startsWith("throws") ? result : "done";
    }

    @Override
    public String toString() {
        List<String> lines = new ArrayList<>(script.with(steps()).lines(base));
        lines.add("# kernel: " + kernel.result());
        lines.add("# library: " + library.result());
        for (int i = 0; i < Math.max(kernel.states().size(), library.states().size()); i++) {
            String theirs = i < kernel.states().size() ? kernel.states().get(i) : "";
            String ours = i < library.states().size() ? library.states().get(i) : "";
            addLines(lines, "# kernel " + i + ": ", theirs, ours);
            addLines(lines, "# library " + i + ": ", ours, theirs);
        }
        return String.join("\n", lines);
    }

    /** Adds the lines of one text that are missing in another. */
    private static void addLines(List<String> lines, String side, String text, String other) {
        List<String> without = List.of(other.split("\n", -1));
        for (String line : text.split("\n", -1)) {
            if (!without.contains(line)) {
                lines.add(side + line);
            }
        }
    }
}
