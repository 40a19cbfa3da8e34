// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import dev.samara.tool.top.TextLine;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A picture of the live view as it looks on a terminal. */
public final class ScreenPicture {
    private static final double MARGIN = 12;
    private static final double LINE = 17;

    /** The width of a character in common fonts. */
    private static final double CHARACTER = 6.62;

    /** The distance from the top of a line to its baseline. */
    private static final double FEET = 12;

    /** A cell: words that are separated by single spaces. */
    private static final Pattern CELL = Pattern.compile("\\S+(?: \\S+)*");

    private final List<TextLine> lines;

    private ScreenPicture(List<TextLine> lines) {
        this.lines = lines;
    }

    /**
     * Creates the picture of lines.
     *
     * @param lines the lines of the view
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
            // Each cell is positioned separately, because a renderer collapses spaces.
            Matcher cells = CELL.matcher(line.text());
            while (cells.find()) {
                String kind = line.look() == TextLine.Look.DIM ? "a m" : "a";
                svg.text(kind, MARGIN + cells.start() * CHARACTER, top + FEET, cells.group());
            }
            top += LINE;
        }
        return svg.end();
    }
}
