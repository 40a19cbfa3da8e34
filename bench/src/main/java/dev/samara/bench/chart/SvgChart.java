// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.chart.Plot.Point;
import dev.samara.bench.chart.Plot.Series;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** One chart as SVG. Lengths are in the picture's units; small text is 16 units high. */
final class SvgChart {
    private static final int WIDTH = 480;
    private static final int MARGIN = 16;
    private static final int HEIGHT_OF_PLOT = 300;
    private static final int LINE = 21;

    /** The minimum width of a named place. */
    private static final int LEAST_PLACE = 60;

    /** The average width of a letter in the widest of the usual fonts. */
    private static final double LETTER = 10;

    /**
     * The average width of a letter in a sentence, which contains more narrow letters and spaces than a name or a
     * number.
     */
    private static final double SENTENCE_LETTER = 9;

    private static final double BOLD_LETTER = 12;
    private static final double MILLION = 1e6;
    private static final int MARK = 6;

    /**
     * If the ratio of the largest number to the smallest exceeds this, a chart over numbers uses a logarithmic axis.
     */
    private static final double WIDE = 12;

    /**
     * If the ratio exceeds this, a chart over named places uses a logarithmic axis, with points because bars have no
     * base there.
     */
    private static final double VERY_WIDE = 1000;

    private static final String LIGHT = """
            text{font-family:sans-serif;font-size:16px;fill:#24292f}.t{font-weight:bold;font-size:17px}.u{fill:#57606a}
            .m{text-anchor:middle}.e{text-anchor:end}.bg{fill:#ffffff}.grid{stroke:#d8dee4}.axis{stroke:#57606a}
            .line{fill:none;stroke-width:1.8}.ours{stroke-width:3.2}.error{stroke-width:1.2;stroke-opacity:.8}
            """;

    private static final String DARK = """
            text{fill:#e6edf3}.u{fill:#9198a1}.bg{fill:#0d1117}.grid{stroke:#2a313a}.axis{stroke:#9198a1}
            """;

    /**
     * The colours of Samara's series on a light and on a dark background. {@link #COLOURS} contains the colours of all
     * other series, which colour-blind readers can distinguish.
     */
    private static final List<List<String>> REDS = List.of(
            List.of("#c62828", "#f08a80", "#ff7f0e", "#d9a520"), List.of("#ff6b62", "#ffb3ac", "#ff9f45", "#f0c64a"));

    private static final List<List<String>> COLOURS = List.of(
            List.of(
                    "#1f77b4", "#6b7a89", "#17a2a2", "#9467bd", "#8c564b", "#8a8b12", "#24292f", "#7fb3d0", "#2e8b3d",
                    "#b8860b"),
            List.of(
                    "#58a6e8", "#9aa7b4", "#35c4c4", "#b995dd", "#c08a7e", "#c9ca3d", "#e6edf3", "#a5d0e8", "#5fc46f",
                    "#e0b040"));

    private final Plot plot;
    private final List<String> classes;
    private final List<String> places;
    private final boolean isLogarithmic;
    private final int width;
    private final StringBuilder out = new StringBuilder();

    /**
     * Prepares a picture.
     *
     * @param plot the plot
     * @param classes the style class of each series
     */
    SvgChart(Plot plot, List<String> classes) {
        this.plot = plot;
        this.classes = classes;
        places = plot.series().stream()
                .flatMap(series -> series.points().stream())
                .map(Point::place)
                .distinct()
                .toList();
        double least = scores().stream().min(Double::compare).orElse(1.0);
        double most = scores().stream().max(Double::compare).orElse(1.0);
        isLogarithmic = least > 0 && most > (plot.isNumeric() ? WIDE : VERY_WIDE) * least;
        width = plot.isNumeric() ? WIDTH : Math.max(WIDTH, LEAST_PLACE * places.size());
    }

    /** Returns the colour rules of the series for the light (0) or the dark (1) theme. */
    private String colours(int theme) {
        StringBuilder rules = new StringBuilder();
        for (String name : new TreeSet<>(classes)) {
            List<String> all = (name.startsWith("r") ? REDS : COLOURS).get(theme);
            String colour = all.get(Integer.parseInt(name.substring(1)) % all.size());
            rules.append(".f.%1$s{fill:%2$s}.s.%1$s{stroke:%2$s}\n".formatted(name, colour));
        }
        return rules.toString();
    }

    private List<Double> scores() {
        return plot.series().stream()
                .flatMap(series -> series.points().stream())
                .map(Point::score)
                .toList();
    }

    /**
     * Returns all scores and the ends of their error bars. Bars are cut at zero, or, on a logarithmic axis, at a tenth
     * of the score.
     */
    private List<Double> ends() {
        List<Double> ends = new ArrayList<>(scores());
        for (Series series : plot.series()) {
            for (Point point : series.points()) {
                if (!Double.isNaN(point.error())) {
                    ends.add(point.score() + point.error());
                    ends.add(lower(point));
                }
            }
        }
        return ends;
    }

    private double lower(Point point) {
        double end = point.score() - point.error();
        return !isLogarithmic || end > point.score() / 10 ? Math.max(end, 0) : point.score() / 10;
    }

    /** Returns the text of the picture. */
    String text() {
        List<String> title = wrapped(plot.title(), (width - 2 * MARGIN) / BOLD_LETTER);
        List<String> unit = wrapped(plot.unit(), (width - 2 * MARGIN) / SENTENCE_LETTER);
        int top = MARGIN + LINE * (title.size() + unit.size()) + 18;
        int bottom = top + HEIGHT_OF_PLOT;
        Scale y = Scale.of(
                isLogarithmic,
                ends().stream().min(Double::compare).orElse(1.0),
                ends().stream().max(Double::compare).orElse(1.0),
                bottom,
                top);
        int left = MARGIN
                + (int) (y.labels().stream()
                                .mapToInt(label -> number(label).length())
                                .max()
                                .orElse(1)
                        * LETTER)
                + 10;
        int right = width - MARGIN;
        StringBuilder body = new StringBuilder();
        int end = plot.isNumeric() ? lines(body, left, right, y) : bars(body, left, right, y);
        int height = legend(body, end) + 8;

        out.append("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %1$d %2$d\" ".formatted(width, height));
        out.append("width=\"%1$d\" height=\"%2$d\" role=\"img\">\n".formatted(width, height));
        out.append("<title>").append(escaped(plot.title())).append("</title>\n");
        out.append("<style>\n").append(LIGHT).append(colours(0)).append("@media (prefers-color-scheme:dark){\n");
        out.append(DARK).append(colours(1)).append("}\n</style>\n");
        out.append("<rect width=\"" + width + "\" height=\"" + height + "\" rx=\"8\" class=\"bg\"/>\n");
        int at = MARGIN - 4;
        for (String line : title) {
            write(out, MARGIN, at += LINE, "t", line);
        }
        for (String line : unit) {
            write(out, MARGIN, at += LINE, "u", line);
        }
        for (double label : y.labels()) {
            line(out, left, y.at(label), right, y.at(label), "grid");
            write(out, left - 8, y.at(label) + 5, "u e", number(label));
        }
        line(out, left, bottom, right, bottom, "axis");
        return out.append(body).append("</svg>\n").toString();
    }

    /** Draws lines over an axis of numbers, and returns where that axis ends. */
    private int lines(StringBuilder body, int left, int right, Scale y) {
        double[] numbers =
                places.stream().mapToDouble(Double::parseDouble).sorted().toArray();
        Scale x = new Scale(true, numbers[0], numbers[numbers.length - 1], left + 16.0, right - 30.0);
        double free = left;
        for (double number : numbers) {
            String label = number >= MILLION ? number(number / MILLION) + "M" : number(number);
            double half = label.length() * LETTER / 2;
            line(body, x.at(number), y.from(), x.at(number), y.from() + 5, "axis");
            if (x.at(number) - half >= free) {
                write(body, x.at(number), y.from() + LINE + 2, "m", label);
                free = x.at(number) + half + 4;
            }
        }
        write(body, (left + right) / 2.0, y.from() + 2 * LINE + 4, "u m", plot.axis());
        for (int i = 0; i < plot.series().size(); i++) {
            Series series = plot.series().get(i);
            StringBuilder path = new StringBuilder();
            for (Point point : series.points()) {
                double at = x.at(Double.parseDouble(point.place()));
                path.append(path.isEmpty() ? "M" : "L").append(coordinates(at, y.at(point.score())));
                error(body, at, point, y, classes.get(i));
            }
            String isOurs = Drawing.isOurs(series.colour()) ? " ours" : "";
            body.append("<path d=\"%s\" class=\"line%s s %s\"/>\n".formatted(path, isOurs, classes.get(i)));
            for (Point point : series.points()) {
                mark(body, x.at(Double.parseDouble(point.place())), y.at(point.score()), i);
            }
        }
        return (int) y.from() + 2 * LINE + 12;
    }

    /** Draws the bars or points of each place side by side, and returns the lower end of the place names. */
    private int bars(StringBuilder body, int left, int right, Scale y) {
        double room = (double) (right - left) / places.size();
        int lines = 0;
        for (int place = 0; place < places.size(); place++) {
            String name = places.get(place);
            double middle = left + room * (place + 0.5);
            if (isLogarithmic && place > 0) {
                // Grid lines separate the places, because points have no common base that would show where a place
                // ends.
                line(body, left + room * place, y.from(), left + room * place, y.to(), "grid");
            }
            List<String> words = wrapped(name, (room - 4) / LETTER);
            for (int i = 0; i < words.size(); i++) {
                write(body, middle, y.from() + LINE * (i + 1) + 2, "m", words.get(i));
            }
            lines = Math.max(lines, words.size());
            List<Integer> here = new ArrayList<>();
            for (int i = 0; i < plot.series().size(); i++) {
                if (point(i, name) != null) {
                    here.add(i);
                }
            }
            double each = Math.min(56, room * 0.84 / here.size());
            double at = middle - each * here.size() / 2;
            for (int i : here) {
                Point point = point(i, name);
                if (point != null && isLogarithmic) {
                    error(body, at + each / 2, point, y, classes.get(i));
                    mark(body, at + each / 2, y.at(point.score()), i);
                } else if (point != null) {
                    double height = y.from() - y.at(point.score());
                    body.append("<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" class=\"f %s\"/>\n"
                            .formatted(
                                    shown(at),
                                    shown(y.at(point.score())),
                                    shown(each - 2),
                                    shown(height),
                                    classes.get(i)));
                    error(body, at + each / 2 - 1, point, y, "");
                    if (here.size() == 1) {
                        double top = point.score() + (point.error() > 0 ? point.error() : 0);
                        write(body, at + each / 2, y.at(top) - 5, "u m", number(Math.rint(point.score())));
                    }
                }
                at += each;
            }
        }
        return (int) y.from() + LINE * lines + 8;
    }

    private @Nullable Point point(int series, String place) {
        return plot.series().get(series).points().stream()
                .filter(point -> point.place().equals(place))
                .findFirst()
                .orElse(null);
    }

    /** Draws an error bar in the colour of its series, or, over a bar, in the colour of the axes. */
    private void error(StringBuilder body, double at, Point point, Scale y, String colour) {
        if (!Double.isNaN(point.error()) && point.error() > 0) {
            String style = colour.isEmpty() ? "error axis" : "error s " + colour;
            double low = y.at(lower(point));
            double high = y.at(point.score() + point.error());
            line(body, at, low, at, high, style);
            line(body, at - 4, low, at + 4, low, style);
            line(body, at - 4, high, at + 4, high, style);
        }
    }

    /**
     * Draws a point. Consecutive series have marks of different shapes, so that they are distinguishable without
     * colours.
     */
    private void mark(StringBuilder body, double x, double y, int series) {
        String path = switch (series % 4) {
            case 0 -> "m-%1$d 0a%1$d %1$d 0 1 0 %2$d 0a%1$d %1$d 0 1 0-%2$d 0".formatted(MARK, 2 * MARK);
            case 1 -> "m-%1$d-%1$dh%2$dv%2$dh-%2$dz".formatted(MARK - 1, 2 * MARK - 2);
            case 2 -> "m0-%1$dl%1$d %1$d-%1$d %1$d-%1$d-%1$dz".formatted(MARK + 1);
            default -> "m0-%1$dl%1$d %2$dh-%2$dz".formatted(MARK, 2 * MARK);
        };
        body.append("<path d=\"M%s%s\" class=\"f %s\"/>\n".formatted(coordinates(x, y), path, classes.get(series)));
    }

    /** Draws the names of all series in rows, and returns the lower end of the rows. */
    private int legend(StringBuilder body, int top) {
        if (plot.series().size() == 1) {
            return top;
        }
        double x = MARGIN;
        int y = top + LINE;
        for (int i = 0; i < plot.series().size(); i++) {
            String name = plot.series().get(i).name();
            double room = 22 + name.length() * LETTER + 14;
            if (x > MARGIN && x + room > width) {
                x = MARGIN;
                y += LINE + 3;
            }
            if (plot.isNumeric() || isLogarithmic) {
                mark(body, x + 8, y - 5, i);
            } else {
                body.append("<rect x=\"%s\" y=\"%s\" width=\"14\" height=\"12\" class=\"f %s\"/>\n"
                        .formatted(shown(x + 1), y - 11, classes.get(i)));
            }
            write(body, x + 22, y, "", name);
            x += room;
        }
        return y + 4;
    }

    private static void line(StringBuilder body, double x1, double y1, double x2, double y2, String style) {
        body.append("<path d=\"M%sL%s\" class=\"%s\"/>\n".formatted(coordinates(x1, y1), coordinates(x2, y2), style));
    }

    private static void write(StringBuilder body, double x, double y, String style, String text) {
        String classes = style.isEmpty() ? "" : " class=\"" + style + "\"";
        body.append("<text x=\"%s\" y=\"%s\"%s>%s</text>\n".formatted(shown(x), shown(y), classes, escaped(text)));
    }

    private static String coordinates(double x, double y) {
        return shown(x) + " " + shown(y);
    }

    private static String shown(double length) {
        return format("0.#", length);
    }

    private static String number(double number) {
        return format("#,##0.###", number);
    }

    private static String format(String pattern, double number) {
        return new DecimalFormat(pattern, DecimalFormatSymbols.getInstance(Locale.ROOT)).format(number);
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    /** Wraps text between words into lines of a maximum length; a longer word gets its own line. */
    private static List<String> wrapped(String text, double letters) {
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        for (String word : text.split(" ", -1)) {
            if (!line.isEmpty() && line.length() + 1 + word.length() > letters) {
                lines.add(line.toString());
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        lines.add(line.toString());
        return lines;
    }

    /**
     * An axis: maps numbers to coordinates, and places labels.
     *
     * @param isLogarithmic whether equal ratios have equal lengths
     * @param low the number at one end; above zero on a logarithmic axis
     * @param high the number at the other end
     * @param from the coordinate of {@code low}
     * @param to the coordinate of {@code high}
     */
    record Scale(boolean isLogarithmic, double low, double high, double from, double to) {
        /** If the ratio of the ends exceeds this, a logarithmic axis labels only powers of ten. */
        private static final double MANY = 1e4;

        private static final int LABELS = 6;
        private static final double[] STEPS = {1, 2, 5};

        /**
         * Returns an axis that covers a range of numbers and ends at labels.
         *
         * @param isLogarithmic whether it is logarithmic; otherwise it starts at zero
         * @param least the smallest number
         * @param most the largest number
         */
        static Scale of(boolean isLogarithmic, double least, double most, double from, double to) {
            if (!isLogarithmic) {
                double step = step(most / LABELS);
                return new Scale(false, 0, step * StrictMath.ceil(most / step), from, to);
            }
            double low = 0;
            double high = 0;
            for (double label : steps(least / 10, most * 10)) {
                low = label <= least ? label : low;
                high = high == 0 && label >= most ? label : high;
            }
            if (high / low > MANY) {
                low = StrictMath.pow(10, StrictMath.floor(StrictMath.log10(low) + 1e-9));
                high = StrictMath.pow(10, StrictMath.ceil(StrictMath.log10(high) - 1e-9));
            }
            return new Scale(true, low, high, from, to);
        }

        double at(double number) {
            double share = isLogarithmic
                    ? StrictMath.log(number / low) / StrictMath.log(high / low)
                    : (number - low) / (high - low);
            return from + share * (to - from);
        }

        /** Returns the labelled numbers. */
        List<Double> labels() {
            if (isLogarithmic) {
                boolean isLong = high / low > MANY;
                return steps(low, high).stream()
                        .filter(label -> !isLong || StrictMath.abs(leading(label) - 1) < 1e-9)
                        .toList();
            }
            double step = step(high / LABELS);
            List<Double> labels = new ArrayList<>();
            for (int i = 0; i * step <= high * (1 + 1e-9); i++) {
                labels.add(i * step);
            }
            return labels;
        }

        private static double leading(double number) {
            return number / StrictMath.pow(10, StrictMath.floor(StrictMath.log10(number) + 1e-9));
        }

        /** Returns the numbers from {@code first} to {@code last} that are 1, 2 or 5 times a power of ten. */
        private static List<Double> steps(double first, double last) {
            List<Double> all = new ArrayList<>();
            for (int power = (int) StrictMath.floor(StrictMath.log10(first)); all.isEmpty() || power < 19; power++) {
                for (double step : STEPS) {
                    double number = step * StrictMath.pow(10, power);
                    if (number > last * (1 + 1e-9)) {
                        return all;
                    }
                    if (number >= first * (1 - 1e-9)) {
                        all.add(number);
                    }
                }
            }
            return all;
        }

        /** Returns the smallest step between labels that is at least {@code least}. */
        private static double step(double least) {
            return steps(least, least * 10).get(0);
        }
    }
}
