// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A picture of the mappings of a space, lowest addresses first.
 *
 * <p>Adjacent mappings with the same name are in one row. Each of them has a box, but small ones may share a box. An
 * unmapped range is a dashed line with its size; all these lines are equally long. The length of a row is the logarithm
 * of its size.
 */
public final class LayoutPicture {
    private static final int MARGIN = 16;
    private static final int HEAD = 96;
    private static final int COLUMN = 760;
    private static final int ROW = 21;
    private static final int GAP = 17;
    private static final int BOX = 16;
    private static final int BASELINE = 12;

    /** If the rows together are higher than this, they are divided into several columns. */
    private static final int LEAST_DIVIDED = 1000;

    private static final int MOST_COLUMNS = 3;

    /** The x coordinates at which the parts of a row start, or end if they are aligned to the right. */
    private static final int BARS = 118;

    private static final int SIZES = 388;
    private static final int NAMES = 400;

    private static final int LEAST_BAR = 34;
    private static final int BAR_BY_BIT = 7;
    private static final int MOST_BAR = 202;

    private static final int MOST_SEGMENTS = 8;
    private static final int LEAST_SEGMENT = 8;
    private static final int LETTER = 6;
    private static final int MOST_OF_NAME = 44;
    private static final int PAGE_BITS = 12;

    private final String title;
    private final List<Mapping> mappings;
    private final List<List<Mapping>> rows = new ArrayList<>();

    private LayoutPicture(String title, List<Mapping> mappings) {
        this.title = title;
        this.mappings = mappings;
        for (Mapping mapping : mappings) {
            List<Mapping> row = rows.isEmpty() ? List.of() : rows.get(rows.size() - 1);
            if (row.isEmpty() || !row.get(row.size() - 1).isFollowedBy(mapping)) {
                row = new ArrayList<>();
                rows.add(row);
            }
            row.add(mapping);
        }
    }

    /**
     * Creates the picture of a layout.
     *
     * @param title the title, which describes the layout
     * @param maps its lines in the format of {@code LayoutSnapshot.maps}, ascending
     * @return the picture
     */
    public static LayoutPicture of(String title, List<String> maps) {
        return new LayoutPicture(title, maps.stream().map(Mapping::parse).toList());
    }

    /**
     * Returns a summary of the picture's content.
     *
     * @return one line
     */
    public String summary() {
        long bytes = mappings.stream().mapToLong(Mapping::length).sum();
        return String.format(
                Locale.ROOT,
                "%s in %s, %s mapped",
                count(mappings.size(), "mapping"),
                count(rows.size(), "row"),
                ByteCount.format(bytes));
    }

    /**
     * Draws the picture.
     *
     * @return an SVG document
     */
    public String svg() {
        int height = 0;
        for (int i = 0; i < rows.size(); i++) {
            height += heightOf(i);
        }
        int columns = Math.min(MOST_COLUMNS, 1 + height / LEAST_DIVIDED);
        int column = (height + columns - 1) / columns + ROW;
        Svg svg = new Svg(MARGIN + columns * COLUMN, HEAD + column + MARGIN, title);
        svg.text("t", MARGIN, 30, title);
        svg.text("m", MARGIN, 50, summary() + "; low addresses first; bars by the logarithm of their size");
        legend(svg);
        int x = MARGIN;
        int y = 0;
        for (int i = 0; i < rows.size(); i++) {
            if (y + heightOf(i) > column) {
                x += COLUMN;
                y = 0;
            }
            if (isAfterGap(i)) {
                gap(svg, x, HEAD + y, firstOf(i) - endOf(i - 1));
                y += GAP;
            }
            row(svg, x, HEAD + y, rows.get(i));
            y += ROW;
        }
        return svg.end();
    }

    private int heightOf(int row) {
        return isAfterGap(row) ? GAP + ROW : ROW;
    }

    private boolean isAfterGap(int row) {
        return row > 0 && firstOf(row) != endOf(row - 1);
    }

    private long firstOf(int row) {
        return rows.get(row).get(0).start();
    }

    private long endOf(int row) {
        List<Mapping> of = rows.get(row);
        return of.get(of.size() - 1).end();
    }

    private static void legend(Svg svg) {
        double x = MARGIN;
        double y = 64;
        for (BoxKind kind : BoxKind.values()) {
            svg.box(kind.style(), x, y, BOX, BOX - 4, null);
            svg.text("m", x + BOX + 5, y + 10, kind.meaning());
            x += BOX + 22 + 6.6 * kind.meaning().length();
        }
        svg.box(BoxKind.WRITE.style() + " s", x, y, BOX, BOX - 4, null);
        svg.text("m", x + BOX + 5, y + 10, "shared");
    }

    private static void gap(Svg svg, int x, int y, long bytes) {
        svg.line("gap", x + BARS, y + GAP / 2.0, x + BARS + 100, y + GAP / 2.0);
        svg.text("i", x + BARS + 108, y + BASELINE, ByteCount.format(bytes) + " unmapped");
    }

    private static void row(Svg svg, int x, int y, List<Mapping> row) {
        Mapping first = row.get(0);
        long bytes = row.get(row.size() - 1).end() - first.start();
        svg.text("a", x, y + BASELINE, Long.toHexString(first.start()));
        bar(svg, x + BARS, y, first.name(), Segment.of(row, MOST_SEGMENTS), bytes);
        svg.text("m e", x + SIZES, y + BASELINE, ByteCount.format(bytes));
        String more = row.size() == 1 ? "" : " \u00d7" + row.size();
        if (first.name().isEmpty()) {
            svg.text("i", x + NAMES, y + BASELINE, "anonymous" + more);
        } else {
            svg.text("n", x + NAMES, y + BASELINE, shortened(first.name()) + more, first.name() + more);
        }
    }

    private static void bar(Svg svg, double x, int y, String name, List<Segment> segments, long bytes) {
        double width = Math.min(MOST_BAR, LEAST_BAR + BAR_BY_BIT * bits(bytes));
        double spare = width - LEAST_SEGMENT * segments.size();
        double weights =
                segments.stream().mapToDouble(of -> 1 + bits(of.length())).sum();
        double at = x;
        for (Segment segment : segments) {
            double part = LEAST_SEGMENT + Math.max(0, spare) * (1 + bits(segment.length())) / weights;
            String style = segment.kind().style() + (segment.isShared() ? " s" : "");
            svg.box(style, at + 1, y, part - 2, BOX, hint(segment, name));
            String letters = letters(segment);
            if (letters.length() * LETTER <= part - 4) {
                svg.text("b", at + part / 2, y + BASELINE, letters);
            }
            at += part;
        }
    }

    private static String letters(Segment segment) {
        if (segment.count() > 1) {
            return "\u00d7" + segment.count();
        }
        return segment.isShared() ? segment.rights() : segment.rights().substring(0, 3);
    }

    private static String hint(Segment segment, String name) {
        return Long.toHexString(segment.start())
                + "-"
                + Long.toHexString(segment.end())
                + " "
                + (segment.rights().isEmpty() ? "" : segment.rights() + " ")
                + ByteCount.format(segment.length())
                + (segment.count() > 1 ? ", " + segment.count() + " mappings" : "")
                + (name.isEmpty() ? "" : " " + name);
    }

    /** Returns the binary logarithm of a range's size in pages. */
    private static double bits(long bytes) {
        double pages = (double) Math.max(1, bytes >>> PAGE_BITS);
        return Math.log(pages) / Math.log(2);
    }

    /** Returns the end of a name that is too long, because the file name matters more than the directory. */
    private static String shortened(String name) {
        int points = name.codePointCount(0, name.length());
        if (points <= MOST_OF_NAME) {
            return name;
        }
        return "\u2026" + name.substring(name.offsetByCodePoints(0, points - MOST_OF_NAME + 1));
    }

    static String count(int number, String what) {
        return String.format(Locale.ROOT, "%,d %s%s", number, what, number == 1 ? "" : "s");
    }

    /** Formats numbers of bytes with three digits. */
    static final class ByteCount {
        private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
        private static final int UNIT_BITS = 10;
        private static final MathContext DIGITS = new MathContext(3, RoundingMode.HALF_UP);

        /** From this value on, the next unit is used. */
        private static final BigDecimal FULL = BigDecimal.valueOf(1L << UNIT_BITS);

        private ByteCount() {}

        /**
         * Formats a number of bytes.
         *
         * @param bytes the number, unsigned
         * @return e.g. {@code 132 KiB} or {@code 47.2 TiB}
         */
        static String format(long bytes) {
            BigDecimal exact = new BigDecimal(new BigInteger(Long.toUnsignedString(bytes)));
            int unit = Math.max(0, (Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes)) / UNIT_BITS);
            BigDecimal value = scaled(exact, unit);
            if (value.compareTo(FULL) >= 0 && unit < UNITS.length - 1) {
                unit++;
                value = scaled(exact, unit);
            }
            return value.stripTrailingZeros().toPlainString() + " " + UNITS[unit];
        }

        private static BigDecimal scaled(BigDecimal bytes, int unit) {
            BigDecimal value = bytes.divide(BigDecimal.valueOf(1L << (UNIT_BITS * unit)), MathContext.DECIMAL64);
            // 1000 to 1023 of a unit are written with four digits.
            return value.compareTo(BigDecimal.valueOf(1000)) >= 0
                    ? value.setScale(0, RoundingMode.HALF_UP)
                    : value.round(DIGITS);
        }
    }

    /**
     * A box of a picture: one mapping, or several adjacent mappings that are too small for separate boxes.
     *
     * @param start the first address
     * @param end the end of the range (exclusive)
     * @param kind the colour
     * @param rights the letters of the rights; empty if the mappings differ in them
     * @param count the number of mappings
     */
    record Segment(long start, long end, BoxKind kind, String rights, int count) {
        long length() {
            return end - start;
        }

        boolean isShared() {
            return rights.endsWith("s");
        }

        private Segment with(Segment next) {
            boolean isAlike = rights.equals(next.rights);
            return new Segment(
                    start, next.end, isAlike ? kind : BoxKind.DIFFERENT, isAlike ? rights : "", count + next.count);
        }

        /**
         * Returns the boxes of adjacent mappings. If there would be too many, the smallest neighbours are merged into
         * one box.
         *
         * @param mappings the mappings, each of which starts at the end of the previous one
         * @param most the maximum number of boxes
         */
        static List<Segment> of(List<Mapping> mappings, int most) {
            List<Segment> segments = new ArrayList<>();
            for (Mapping mapping : mappings) {
                segments.add(
                        new Segment(mapping.start(), mapping.end(), BoxKind.of(mapping.rights()), mapping.rights(), 1));
            }
            while (segments.size() > most) {
                int smallest = 0;
                for (int i = 1; i < segments.size() - 1; i++) {
                    if (Long.compareUnsigned(pairAt(segments, i), pairAt(segments, smallest)) < 0) {
                        smallest = i;
                    }
                }
                Segment joined = segments.get(smallest).with(segments.remove(smallest + 1));
                segments.set(smallest, joined);
            }
            return segments;
        }

        private static long pairAt(List<Segment> segments, int index) {
            return segments.get(index + 1).end - segments.get(index).start;
        }
    }
}
