// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;
import java.util.stream.Stream;

/** The legend of the view's columns, for a picture, in which no help is available. */
public final class TopLegend {
    private static final List<TextLine> LINES = Stream.of(
                    "",
                    "USED/OF, USED/MAP: frames in use of the memory, pages in memory of the mapped ones, in bytes",
                    "SPACES, VMAS: address spaces, mappings; TABLES: bytes of page tables; COMMIT: committed bytes",
                    "MINOR, MAJOR: page faults without and with I/O; MISSES, FLUSH: TLB misses and flushes",
                    "SHOOT, CPUS: shootdowns that had to wait, and for how many CPUs; GRACE: grace periods")
            .map(line -> new TextLine(TextLine.Look.DIM, line))
            .toList();

    private TopLegend() {}

    /**
     * Returns the lines of a view with the legend below them.
     *
     * @param view the lines of the view
     * @return the lines of the view, followed by the lines of the legend
     */
    public static List<TextLine> below(List<TextLine> view) {
        return Stream.concat(view.stream(), LINES.stream()).toList();
    }
}
