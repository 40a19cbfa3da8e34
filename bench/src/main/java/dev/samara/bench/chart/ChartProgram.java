// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * {@code chart [--out DIRECTORY] DIRECTORY}: draws the charts of docs/performance.md from a directory that {@code
 * quick} or {@code full} wrote.
 */
public final class ChartProgram {
    private ChartProgram() {}

    /**
     * Draws the charts that a command line requests.
     *
     * @param words the command line
     * @param out receives the names of the files written
     * @throws UsageException if the command line or a raw file is invalid
     */
    public static void run(List<String> words, PrintStream out) {
        boolean isElsewhere = words.size() == 3 && words.get(0).equals("--out");
        Path raw = words.isEmpty() ? Path.of("") : Path.of(words.get(words.size() - 1));
        if (!(isElsewhere || words.size() == 1) || !Files.isDirectory(raw)) {
            throw new UsageException("chart needs a directory of quick or full: chart [--out DIRECTORY] DIRECTORY, not "
                    + String.join(" ", words));
        }
        draw(raw, isElsewhere ? Path.of(words.get(1)) : Path.of(""), out);
    }

    /**
     * Draws all charts of a directory.
     *
     * @param raw the directory of the raw files
     * @param directory the directory of the charts
     * @param out receives the names of the files written
     * @throws UsageException if a raw file is invalid
     */
    public static void draw(Path raw, Path directory, PrintStream out) {
        List<Plot> plots = Headline.in(raw);
        Drawing drawing = new Drawing(plots);
        try {
            Files.createDirectories(directory);
            for (Plot plot : plots) {
                Path file = directory.resolve(plot.fileName() + ".svg");
                out.println(Files.writeString(file, drawing.svg(plot)));
            }
        } catch (IOException e) {
            throw new UsageException("cannot write to " + directory.toAbsolutePath() + ": " + e.getMessage());
        }
    }
}
