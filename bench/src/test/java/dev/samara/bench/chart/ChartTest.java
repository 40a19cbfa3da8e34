// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.bench.report.UsageException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;

class ChartTest {
    @TempDir
    private Path folder;

    @Test
    @DisplayName("an error bar of a logarithmic axis has the ends of the interval")
    void logarithmicErrors() {
        List<Plot.Point> points = List.of(new Plot.Point("1", 10, Double.NaN), new Plot.Point("100", 1_000, 500));
        Plot plot = new Plot("f", "title", "ns", "ranges", List.of(new Plot.Series("samara", "samara", points)));
        SvgChart.Scale axis = SvgChart.Scale.of(true, 10, 1_500, 376, 76);
        assertEquals(List.of(10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0), axis.labels());
        assertEquals(376, axis.at(10));
        assertEquals(76, axis.at(2_000), 1e-9);
        String svg = new Drawing(List.of(plot)).svg(plot);
        String expected =
                String.format(Locale.ROOT, "M434 %.1fL434 %.1f\" class=\"error s r0\"", axis.at(500), axis.at(1_500));
        assertTrue(svg.contains(expected), () -> expected + " is not in " + svg);
    }

    @Test
    @DisplayName("a logarithmic axis of powers of ten ends at labels")
    void labelledEnds() {
        SvgChart.Scale axis = SvgChart.Scale.of(true, 0.57, 5_184, 376, 76);
        assertEquals(List.of(0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0), axis.labels());
        assertEquals(376, axis.at(0.1), 1e-9);
        assertEquals(76, axis.at(10_000), 1e-9);
    }

    private static Plot.Series series(String name, double... scores) {
        List<Plot.Point> points = IntStream.range(0, scores.length)
                .mapToObj(i -> new Plot.Point(List.of("first", "second").get(i), scores[i], 20))
                .toList();
        return new Plot.Series(name, name, points);
    }

    private static String drawn(Plot.Series... series) {
        Plot plot = new Plot("f", "title", "ns", "", List.of(series));
        return new Drawing(List.of(plot)).svg(plot);
    }

    private static long count(String part, String text) {
        return Pattern.compile(part).matcher(text).results().count();
    }

    @Test
    @DisplayName("the number over a lone bar is above the bar's error")
    void numberAboveError() {
        String svg = drawn(series("samara", 100));
        Matcher number = Pattern.compile("y=\"([0-9.]+)\" class=\"u m\">100<").matcher(svg);
        assertTrue(number.find(), svg);
        SvgChart.Scale axis = SvgChart.Scale.of(false, 80, 120, 376, 76);
        assertEquals(axis.at(120) - 5, Double.parseDouble(number.group(1)), 0.1);
    }

    @Test
    @DisplayName("bars have squares of their colours as a legend, points their marks and a line between two places")
    void legends() {
        String bars = drawn(series("samara", 100, 200), series("skiplist", 100, 200));
        assertEquals(2, count("<rect [^>]* width=\"14\"", bars), bars);
        assertEquals(0, count("<path [^>]*class=\"f ", bars), bars);
        String points = drawn(series("samara", 100, 200), series("skiplist", 100, 200_000));
        assertEquals(0, count("<rect [^>]* width=\"14\"", points), points);
        assertEquals(6, count("<path [^>]*class=\"f ", points), points);
        Matcher line = Pattern.compile("M([0-9.]+) [0-9.]+L\\1 [0-9.]+\" class=\"grid\"")
                .matcher(points);
        assertTrue(line.find() && !line.find(), points);
    }

    @Test
    @DisplayName("of a directory, the charts are drawn whose files it has, under a reader's names")
    void headlines() throws Exception {
        Path raw = Files.createDirectory(folder.resolve("raw"));
        Files.writeString(raw.resolve("lookups.json"), """
                [{"benchmark": "dev.samara.bench.LookupBenchmark.get", "mode": "avgt",
                "params": {"index": "samara", "ranges": "1000"}, "secondaryMetrics": {},
                "primaryMetric": {"score": 14.5, "scoreError": 0.5}}]""");
        Files.writeString(raw.resolve("contention.json"), """
                {"command": "contention", "java": "17", "processors": 2, "rows": [
                {"beside": "nobody", "what": "operation", "threads": 2, "contender": "samara",
                 "per_second": 3000000.0, "least_per_second": 2900000.0, "most_per_second": 3200000.0},
                {"beside": "nobody", "what": "operation", "threads": 1, "contender": "samara",
                 "per_second": 1500000.0, "least_per_second": 1400000.0, "most_per_second": 1500000.0},
                {"beside": "nobody", "what": "lookup", "threads": 1, "contender": "samara",
                 "per_second": 9.0, "least_per_second": 9.0, "most_per_second": 9.0},
                {"goal": ">= 5", "what": "lookups", "figure": 1.0}]}""");
        List<Plot> plots = Headline.in(raw);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ChartProgram.run(
                List.of("--out", folder.toString(), raw.toString()),
                new PrintStream(out, true, StandardCharsets.UTF_8));
        List<String> drawn = out.toString(StandardCharsets.UTF_8).lines().toList();
        assertEquals(
                List.of("lookups.svg", "operations.svg"),
                drawn.stream().map(name -> name.replaceFirst(".*/", "")).toList());
        for (String name : drawn) {
            Document document = DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .parse(Path.of(name).toFile());
            assertEquals("svg", document.getDocumentElement().getTagName());
            assertTrue(document.getElementsByTagName("path").getLength() > 2, name);
        }
        assertEquals(
                List.of(new Plot.Point("1000", 14.5, 0.5)),
                plots.get(0).series().get(0).points());
        Plot.Series samara = plots.get(1).series().get(0);
        assertEquals("Samara", samara.name());
        assertEquals(
                List.of(new Plot.Point("one thread", 1.5, 0.1), new Plot.Point("two threads", 3, 0.2)),
                samara.points());
    }

    @Test
    @DisplayName("a report whose row lacks a number is refused with the name of the file")
    void badReport() throws IOException {
        Path raw = Files.createDirectory(folder.resolve("raw"));
        Path file = raw.resolve("contention.json");
        Files.writeString(file, """
                {"rows": [{"what": "operation", "beside": "nobody", "threads": 1, "contender": "samara"}]}""");
        String message = String.valueOf(
                assertThrows(UsageException.class, () -> Headline.in(raw)).getMessage());
        assertTrue(message.contains("contention.json") && message.contains("per_second"), message);
        Files.writeString(file, "{}");
        message = String.valueOf(
                assertThrows(UsageException.class, () -> Headline.in(raw)).getMessage());
        assertTrue(message.contains("contention.json") && message.contains("--json"), message);
    }
}
