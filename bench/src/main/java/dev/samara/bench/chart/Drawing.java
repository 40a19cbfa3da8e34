// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.chart.Plot.Point;
import dev.samara.bench.chart.Plot.Series;
import dev.samara.bench.index.Indexes;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.w3c.dom.Document;

/** Draws plots: lines over a logarithmic axis of sizes, or bars. */
final class Drawing {
    private static final int WIDTH = 960;
    private static final int HEIGHT = 540;

    /** Pixels of a PNG for each unit of length. */
    private static final int SCALE = 2;

    /** The least ratio of the greatest number to the least for which a logarithmic axis is clearer. */
    private static final double WIDE = 12;

    /** The least ratio for which names have a logarithmic axis, and points: a bar would begin nowhere. */
    private static final double VERY_WIDE = 1000;

    /** The most characters of a place below a bar that need not be turned. */
    private static final int LONGEST_PLACE = 24;

    /** The most characters of all names of a legend that has one row. */
    private static final int LONGEST_LEGEND = 110;

    private static final Color GRID = new Color(0xdddddd);
    private static final Color TEXT = new Color(0x222222);

    /** Those of Samara. */
    private static final List<Color> REDS =
            List.of(new Color(0xc62828), new Color(0xf08a80), new Color(0xff7f0e), new Color(0xf4b942));

    /** Those of all others. All are distinguishable also with red-green colour blindness. */
    private static final List<Color> COLOURS = List.of(
            new Color(0x1f77b4),
            new Color(0x6b7a89),
            new Color(0x17a2a2),
            new Color(0x9467bd),
            new Color(0x8c564b),
            new Color(0xbcbd22),
            new Color(0x111111),
            new Color(0x98c1d9));

    private final Map<String, Color> reds = new LinkedHashMap<>();
    private final Map<String, Color> colours = new LinkedHashMap<>();

    /** Prepares to draw plots. A name has one colour in all of them. */
    Drawing(List<Plot> plots) {
        Indexes.NAMES.forEach(this::take);
        plots.forEach(plot -> plot.series().forEach(series -> take(series.colour())));
    }

    private void take(String name) {
        if (isOurs(name)) {
            reds.putIfAbsent(name, REDS.get(reds.size() % REDS.size()));
        } else {
            colours.putIfAbsent(name, COLOURS.get(colours.size() % COLOURS.size()));
        }
    }

    private static boolean isOurs(String name) {
        return name.startsWith(Indexes.SAMARA);
    }

    private interface Painter {
        void paint(Graphics2D graphics, int width, int height);
    }

    /**
     * Draws a plot twice.
     *
     * @param plot the plot
     * @param directory the directory of the files
     * @return the files written
     */
    List<Path> draw(Plot plot, Path directory) throws IOException {
        Painter painter = plot.isNumeric() ? lines(plot)::paint : bars(plot)::paint;
        Path png = directory.resolve(plot.fileName() + ".png");
        Path svg = directory.resolve(plot.fileName() + ".svg");
        png(painter, png);
        svg(painter, svg);
        return List.of(png, svg);
    }

    private static void png(Painter painter, Path file) throws IOException {
        BufferedImage image = new BufferedImage(WIDTH * SCALE, HEIGHT * SCALE, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.scale(SCALE, SCALE);
        painter.paint(graphics, WIDTH, HEIGHT);
        graphics.dispose();
        ImageIO.write(image, "png", file.toFile());
    }

    private static void svg(Painter painter, Path file) throws IOException {
        SVGGeneratorContext context = SVGGeneratorContext.createDefault(emptySvg());
        context.setPrecision(2);
        SVGGraphics2D graphics = new SVGGraphics2D(context, false);
        painter.paint(graphics, WIDTH, HEIGHT);
        graphics.setSVGCanvasSize(new Dimension(WIDTH, HEIGHT));
        try (Writer writer = Files.newBufferedWriter(file)) {
            graphics.stream(writer, true);
        }
    }

    private static Document emptySvg() {
        try {
            return DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .getDOMImplementation()
                    .createDocument("http://www.w3.org/2000/svg", "svg", null);
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("the JDK has no XML", e);
        }
    }

    private XYChart lines(Plot plot) {
        XYChart chart = new XYChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(plot.title())
                .xAxisTitle(plot.axis())
                .yAxisTitle(plot.unit())
                .build();
        style(chart.getStyler(), plot);
        chart.getStyler().setXAxisLogarithmic(true);
        chart.getStyler().setXAxisDecimalPattern("#,###");
        chart.getStyler().setErrorBarsColorSeriesColor(true);
        for (Series series : plot.series()) {
            double[] places = array(series, point -> Double.parseDouble(point.place()));
            XYSeries line = chart.addSeries(
                    series.name(), places, array(series, Point::score), array(series, Drawing::drawnError));
            line.setLineColor(colour(series));
            line.setMarkerColor(colour(series));
            line.setLineStyle(stroke(series));
        }
        return chart;
    }

    /** Samara's lines are thicker. Lines of the second file and of all later files are dashed. */
    private static BasicStroke stroke(Series series) {
        float width = isOurs(series.colour()) ? 3 : 1.5f;
        float[] gaps = series.variant() == 0 ? null : new float[] {8f / series.variant(), 4};
        return new BasicStroke(width, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 10, gaps, 0);
    }

    private CategoryChart bars(Plot plot) {
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(plot.title())
                .yAxisTitle(plot.unit())
                .build();
        style(chart.getStyler(), plot);
        boolean isShort = plot.series().stream()
                .flatMap(series -> series.points().stream())
                .allMatch(Drawing::isShort);
        chart.getStyler().setXAxisLabelRotation(isShort ? 0 : 30);
        chart.getStyler().setPlotGridVerticalLinesVisible(false);
        chart.getStyler().setAvailableSpaceFill(0.82);
        if (isLogarithmic(plot)) {
            chart.getStyler().setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Scatter);
            chart.getStyler().setMarkerSize(12);
        }
        chart.getStyler().setLegendVisible(plot.series().size() > 1);
        List<String> places = plot.series().stream()
                .flatMap(series -> series.points().stream())
                .map(Point::place)
                .distinct()
                .toList();
        for (Series series : plot.series()) {
            Map<String, Point> points = new LinkedHashMap<>();
            series.points().forEach(point -> points.put(point.place(), point));
            List<@Nullable Double> scores = new ArrayList<>();
            List<@Nullable Double> errors = new ArrayList<>();
            boolean isOnce = true;
            for (String place : places) {
                Point point = points.get(place);
                scores.add(point == null ? null : (Double) point.score());
                errors.add(point == null ? null : (Double) drawnError(point));
                isOnce &= point == null || Double.isNaN(point.error());
            }
            // Errors of points are drawn as if the axis were not logarithmic.
            CategorySeries bars = isOnce || isLogarithmic(plot)
                    ? chart.addSeries(series.name(), places, scores)
                    : chart.addSeries(series.name(), places, scores, errors);
            bars.setFillColor(colour(series));
            bars.setMarkerColor(colour(series));
        }
        return chart;
    }

    private static boolean isLogarithmic(Plot plot) {
        double least = Double.POSITIVE_INFINITY;
        double greatest = 0;
        for (Series series : plot.series()) {
            for (Point point : series.points()) {
                least = Math.min(least, point.score());
                greatest = Math.max(greatest, point.score());
            }
        }
        boolean canBe = least > 0 && (plot.isNumeric() || isComplete(plot));
        return canBe && greatest > (plot.isNumeric() ? WIDE : VERY_WIDE) * least;
    }

    private static void style(AxesChartStyler styler, Plot plot) {
        styler.setBaseFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
        int letters = plot.series().stream()
                .mapToInt(series -> series.name().length())
                .sum();
        boolean isOneRow = letters <= LONGEST_LEGEND;
        styler.setLegendPosition(isOneRow ? LegendPosition.OutsideS : LegendPosition.OutsideE);
        styler.setLegendLayout(isOneRow ? LegendLayout.Horizontal : LegendLayout.Vertical);
        styler.setLegendBorderColor(Color.WHITE);
        styler.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 15));
        styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
        styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
        styler.setChartFontColor(TEXT);
        styler.setPlotGridLinesColor(GRID);
        styler.setPlotBorderVisible(false);
        styler.setYAxisDecimalPattern("#,##0.##");
        // A white card is legible on a dark page too.
        styler.setChartBackgroundColor(Color.WHITE);
        if (isLogarithmic(plot)) {
            styler.setYAxisLogarithmic(true);
            // Labels between powers of ten would overlap.
            styler.setYAxisLogarithmicDecadeOnly(true);
        } else {
            styler.setYAxisMin(0.0);
        }
    }

    /** Returns whether each series has a point at each place: a bar that is not there has no logarithm. */
    private static boolean isComplete(Plot plot) {
        return plot.series().stream()
                        .mapToInt(series -> series.points().size())
                        .distinct()
                        .count()
                == 1;
    }

    private static boolean isShort(Point point) {
        return point.place().length() <= LONGEST_PLACE;
    }

    /** The error that can be drawn: a logarithmic axis has no numbers below zero. */
    private static double drawnError(Point point) {
        return Double.isNaN(point.error()) ? 0 : Math.min(point.error(), 0.9 * point.score());
    }

    private interface Coordinate {
        double of(Point point);
    }

    private static double[] array(Series series, Coordinate coordinate) {
        return series.points().stream().mapToDouble(coordinate::of).toArray();
    }

    private Color colour(Series series) {
        return (isOurs(series.colour()) ? reds : colours).getOrDefault(series.colour(), Color.GRAY);
    }
}
