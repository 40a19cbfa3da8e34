// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.chart.Plot.Point;
import dev.samara.bench.chart.Plot.Series;
import dev.samara.bench.index.Indexes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Decides which figures share a chart.
 *
 * <p>A chart shows one benchmark in one unit. Its x axis is the number of ranges or mappings. A line is a structure; if
 * several files contain the structure, each file gets its own line. Each combination of the other parameters gets its
 * own chart. If a chart would show only one number, it shows the benchmarks of one class side by side instead.
 */
final class Plots {
    private static final List<String> SIZES = List.of("ranges", "vmas");
    private static final List<String> STRUCTURES = List.of("index", "contender");

    private final List<Figure> figures;
    private final List<String> sources;

    private Plots(List<Figure> figures) {
        this.figures = figures;
        sources = figures.stream().map(Figure::source).distinct().toList();
    }

    static List<Plot> of(List<Figure> figures) {
        Plots plots = new Plots(figures);
        List<Plot> all = new ArrayList<>();
        Map<String, List<Figure>> singles = new LinkedHashMap<>();
        for (List<Figure> one : plots.grouped(plots::chart).values()) {
            if (one.stream().map(Figure::parameters).distinct().count() > 1) {
                all.add(plots.compared(one));
            } else {
                Figure first = one.get(0);
                String suite = title(first.suite(), first) + first.unit();
                singles.computeIfAbsent(suite, unused -> new ArrayList<>()).addAll(one);
            }
        }
        singles.values().forEach(some -> all.add(plots.sideBySide(some)));
        all.sort(Comparator.comparing(Plot::title));
        return all;
    }

    private Map<String, List<Figure>> grouped(Function<Figure, String> key) {
        Map<String, List<Figure>> groups = new LinkedHashMap<>();
        figures.forEach(figure -> groups.computeIfAbsent(key.apply(figure), unused -> new ArrayList<>())
                .add(figure));
        return groups;
    }

    /** Returns the key of a figure's chart: the properties that all figures of the chart share. */
    private String chart(Figure figure) {
        return title(figure.suite() + "." + figure.method(), figure) + " " + figure.unit();
    }

    /** Returns the given name, the figure's quantity, and its parameters that are neither a size nor a structure. */
    private static String title(String name, Figure figure) {
        StringBuilder title = new StringBuilder(name);
        if (!figure.what().isEmpty()) {
            title.append(' ').append(figure.what());
        }
        figure.parameters().forEach((parameter, value) -> {
            if (!SIZES.contains(parameter) && !STRUCTURES.contains(parameter)) {
                title.append(' ').append(parameter).append('=').append(value);
            }
        });
        return title.toString();
    }

    private Plot compared(List<Figure> some) {
        Figure first = some.get(0);
        StringBuilder title = new StringBuilder(title(first.suite() + "." + first.method(), first));
        for (String size : SIZES) {
            if (values(some, size).size() > 1) {
                return plot(title.toString(), size, some, Plots::structure, figure -> value(figure, size));
            }
            values(some, size)
                    .forEach(value -> title.append(' ').append(size).append('=').append(value));
        }
        return plot(title.toString(), "", some, Figure::suite, Plots::structure);
    }

    private Plot sideBySide(List<Figure> some) {
        Figure first = some.get(0);
        StringBuilder title = new StringBuilder(title(first.suite(), first));
        first.parameters().forEach((name, value) -> {
            if (SIZES.contains(name) || STRUCTURES.contains(name)) {
                title.append(' ').append(name).append('=').append(value);
            }
        });
        return plot(title.toString(), "", some, Figure::suite, Figure::method);
    }

    private Plot plot(
            String title,
            String axis,
            List<Figure> some,
            Function<Figure, String> line,
            Function<Figure, String> place) {
        boolean isRepeated = some.stream()
                        .map(figure -> line.apply(figure) + " " + place.apply(figure))
                        .distinct()
                        .count()
                < some.size();
        Comparator<Point> order = axis.isEmpty()
                ? Comparator.comparingInt(point -> rank(point.place()))
                : Comparator.comparingLong(point -> Long.parseLong(point.place()));
        List<Series> series = new ArrayList<>();
        for (int variant = 0; variant < (isRepeated ? sources.size() : 1); variant++) {
            String source = sources.get(variant);
            Map<String, List<Point>> lines = new LinkedHashMap<>();
            for (Figure figure : some) {
                if (!isRepeated || figure.source().equals(source)) {
                    lines.computeIfAbsent(line.apply(figure), unused -> new ArrayList<>())
                            .add(new Point(place.apply(figure), figure.score(), figure.error()));
                }
            }
            for (Map.Entry<String, List<Point>> one : lines.entrySet()) {
                String name = isRepeated ? one.getKey() + " " + source : one.getKey();
                one.getValue().sort(order);
                series.add(new Series(name, one.getKey(), variant, List.copyOf(one.getValue())));
            }
        }
        series.sort(Comparator.comparingInt(one -> rank(one.colour())));
        return new Plot(
                title.replaceAll("[^A-Za-z0-9.]+", "-"), title, some.get(0).unit(), axis, List.copyOf(series));
    }

    /**
     * Returns the position of a name: indexes come in their usual order; all other names follow in order of appearance.
     */
    private static int rank(String name) {
        int at = Indexes.NAMES.indexOf(name);
        return at < 0 ? Indexes.NAMES.size() : at;
    }

    private static String structure(Figure figure) {
        return STRUCTURES.stream()
                .filter(name -> figure.parameters().containsKey(name))
                .findFirst()
                .map(name -> value(figure, name))
                .orElse(figure.method());
    }

    private static String value(Figure figure, String parameter) {
        return figure.parameters().getOrDefault(parameter, "0");
    }

    private static Set<String> values(List<Figure> some, String parameter) {
        Set<String> values = new LinkedHashSet<>();
        for (Figure figure : some) {
            String value = figure.parameters().get(parameter);
            if (value != null) {
                values.add(value);
            }
        }
        return values;
    }
}
