// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code chart [--out DIRECTORY] RESULT.json|DIRECTORY...}: draws charts of all figures in JMH result files. From a
 * directory that {@code quick} or {@code full} wrote, it also draws the charts of docs/performance.md.
 */
public final class ChartProgram {
    private ChartProgram() {}

    /**
     * Draws the charts that a command line requests.
     *
     * @param words the command line
     * @param out receives the names of the files written
     * @throws UsageException if the command line is invalid, or a file is not a JMH result
     */
    public static void run(List<String> words, PrintStream out) {
        Path directory = Path.of("");
        List<Path> files = new ArrayList<>();
        for (int i = 0; i < words.size(); i++) {
            String word = words.get(i);
            if (word.equals("--out") && i + 1 < words.size()) {
                directory = Path.of(words.get(++i));
            } else if (word.startsWith("-")) {
                throw new UsageException("chart has no option " + word + "; it has --out DIRECTORY");
            } else {
                files.add(Path.of(word));
            }
        }
        if (files.isEmpty()) {
            throw new UsageException(
                    "chart needs a file that JMH has written, or a directory of quick or full: chart [--out DIRECTORY]"
                            + " RESULT.json|DIRECTORY...");
        }
        draw(files, directory, out);
    }

    /**
     * Draws all charts of some files.
     *
     * @param files results of JMH, written with {@code -rf json}, and directories of raw files
     * @param directory the directory of the charts
     * @param out receives the names of the files written
     * @throws UsageException if a file is not a JMH result
     */
    public static void draw(List<Path> files, Path directory, PrintStream out) {
        List<Figure> figures = new ArrayList<>();
        List<Plot> plots = new ArrayList<>();
        for (Path file : files) {
            if (Files.isDirectory(file)) {
                plots.addAll(Headline.in(file));
            } else {
                figures.addAll(ResultFile.read(file));
            }
        }
        plots.addAll(Plots.of(figures));
        Drawing drawing = new Drawing(plots);
        try {
            Files.createDirectories(directory);
            for (Plot plot : plots) {
                out.println(drawing.draw(plot, directory));
            }
        } catch (IOException e) {
            throw new UsageException("cannot write to " + directory.toAbsolutePath() + ": " + e.getMessage());
        }
    }
}
