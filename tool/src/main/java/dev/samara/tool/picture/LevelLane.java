// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/**
 * The lane of a timeline that shows the sizes of spaces: columns for their mappings, and a line for their resident
 * pages. Each value extends from its sample to the next one. The two have separate scales.
 */
final class LevelLane {
    static final String TITLE = "Mappings";
    static final String USUAL = "of all spaces";
    static final String OTHER = "pages in memory";

    private static final double LINE = 2;

    private final List<Level> levels;
    private final TimeAxis axis;

    /** The position and the size of the lane's plot. */
    private final double left;

    private final double top;
    private final double width;
    private final double height;

    LevelLane(List<Level> levels, TimeAxis axis, double left, double top, double width, double height) {
        this.levels = levels;
        this.axis = axis;
        this.left = left;
        this.top = top;
        this.width = width;
        this.height = height;
    }

    void draw(Svg svg) {
        long mappings = most(Level::mappings);
        long pages = most(Level::pages);
        for (int i = 0; i < levels.size(); i++) {
            Level level = levels.get(i);
            double x = left + width * axis.part(level.begin());
            double end = i + 1 < levels.size()
                    ? left + width * axis.part(levels.get(i + 1).begin())
                    : left + width;
            String hint = String.format(
                    Locale.ROOT,
                    "%s s: %,d mappings, %,d pages in memory",
                    TimeAxis.seconds(level.begin() - axis.zero()),
                    level.mappings(),
                    level.pages());
            double column = height * level.mappings() / mappings;
            svg.box("d0", x, top + height - column, end - x, column, hint);
            svg.box("d1", x, top + (height - LINE) * (1 - (double) level.pages() / pages), end - x, LINE, hint);
        }
    }

    /** Returns the lines of text next to the lane: the number of samples and the two maxima. */
    List<String> notes() {
        return List.of(
                LayoutPicture.count(levels.size(), "sample"),
                String.format(Locale.ROOT, "at most %,d", most(Level::mappings)),
                String.format(Locale.ROOT, "at most %,d pages", most(Level::pages)));
    }

    /** Returns the maximum of a number over all levels, but at least 1. */
    private long most(ToLongFunction<Level> number) {
        return Math.max(1, levels.stream().mapToLong(number).max().orElse(1));
    }
}
