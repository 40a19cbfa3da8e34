// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.picture;

import dev.samara.examples.top.TextLine;
import java.util.List;
import java.util.Locale;

/** A picture of the live view, as a terminal shows it. */
public final class ScreenPicture {
    private static final double MARGIN = 12;
    private static final double LINE = 17;

    /** A little more than the characters of the fonts that are usual. */
    private static final double CHARACTER = 6.7;

    /** From the top of a line down to the feet of its letters. */
    private static final double FEET = 12;

    private static final char FIXED_SPACE = '\u00a0';

    private final List<TextLine> lines;

    private ScreenPicture(List<TextLine> lines) {
        this.lines = lines;
    }

    /**
     * Returns the picture of some lines.
     *
     * @param lines the view
     * @return the picture
     */
    public static ScreenPicture of(List<TextLine> lines) {
        return new ScreenPicture(List.copyOf(lines));
    }

    /**
     * Draws the picture.
     *
     * @return an SVG document
     */
    public String svg() {
        int columns =
                lines.stream().mapToInt(line -> line.text().length()).max().orElse(0);
        double width = 2 * MARGIN + columns * CHARACTER;
        Svg svg = new Svg(width, 2 * MARGIN + lines.size() * LINE, "The live view of the tool, as text");
        double top = MARGIN;
        for (TextLine line : lines) {
            if (line.look() == TextLine.Look.REVERSE) {
                svg.box("k0", MARGIN / 2, top, width - MARGIN, LINE, null);
            }
            if (!line.text().isEmpty()) {
                svg.text(kind(line.look()), MARGIN, top + FEET, line.text().replace(' ', FIXED_SPACE));
            }
            top += LINE;
        }
        return svg.end();
    }

    private static String kind(TextLine.Look look) {
        return switch (look) {
            case BOLD -> "t";
            case DIM -> "a m";
            case PLAIN, REVERSE -> "a";
        };
    }

    /**
     * Returns what is drawn, in a line.
     *
     * @return the number of lines
     */
    public String summary() {
        return String.format(Locale.ROOT, "a view of %d lines", lines.size());
    }
}
