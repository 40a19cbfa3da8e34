// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.index.Indexes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Draws plots as SVG: lines over a logarithmic axis of sizes, or bars. If the axis of the figures is logarithmic, it
 * draws points instead of bars, because bars have no base there.
 *
 * <p>A picture follows the viewer's light or dark theme, and is legible at the width of a phone. It depends only on its
 * numbers, so a test can check that it matches the numbers.
 */
final class Drawing {
    /** The name of the baseline, which is drawn in grey. */
    static final String BASELINE = "baseline";

    private final Map<String, String> colours = new LinkedHashMap<>();

    /** Prepares to draw plots. A structure that is not Samara's has the same colour in all plots. */
    Drawing(List<Plot> plots) {
        colours.put(BASELINE, "c1");
        Indexes.NAMES.forEach(this::take);
        plots.forEach(plot -> plot.series().forEach(series -> take(series.colour())));
    }

    private void take(String name) {
        if (!isOurs(name)) {
            colours.putIfAbsent(name, "c" + (colours.size() - 1));
        }
    }

    /** Returns whether a name is one of Samara's structures, whose lines are red and thicker. */
    static boolean isOurs(String name) {
        return name.startsWith(Indexes.SAMARA);
    }

    /** Returns the style class of each series of a plot. */
    private List<String> classes(Plot plot) {
        List<String> ours = plot.series().stream()
                .map(Plot.Series::colour)
                .filter(Drawing::isOurs)
                .distinct()
                .toList();
        List<String> classes = new ArrayList<>();
        for (Plot.Series series : plot.series()) {
            String name = series.colour();
            classes.add(isOurs(name) ? "r" + ours.indexOf(name) : colours.getOrDefault(name, "c0"));
        }
        return classes;
    }

    /** Returns the SVG of a plot. */
    String svg(Plot plot) {
        return new SvgChart(plot, classes(plot)).text();
    }
}
