// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import dev.samara.tool.record.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;

/**
 * A picture of the library's events in a recording of the flight recorder, over time.
 *
 * <p>Each kind of event has a lane. If a lane has few events, each is a box whose length is its duration. If it has
 * many, they are counted, and a column shows how many events started in its interval. Every lane has its own scale,
 * which is written at its end. The first lane shows the sizes of the spaces instead.
 */
public final class TimelinePicture {
    private static final int MARGIN = 16;
    private static final int LANES = 76;
    private static final int LANE = 52;
    private static final int PLOT_HEIGHT = 42;
    private static final int PLOT = 160;
    private static final int PLOT_WIDTH = 640;
    private static final int NOTES = PLOT + PLOT_WIDTH + 12;
    private static final int WIDTH = 990;
    private static final int FOOT = 44;
    private static final int SWATCH = 8;

    /** The maximum number of events with separate boxes. */
    private static final int MOST_BOXES = 40;

    private static final double LEAST_WIDTH = 1.5;
    private static final int LEAST_HEIGHT = 1;

    private final String title;
    private final List<Moment> moments;
    private final List<Level> levels;
    private final TimeAxis axis;
    private final Map<Lane, List<Moment>> lanes = new EnumMap<>(Lane.class);

    private TimelinePicture(String title, List<Moment> moments, List<Level> levels) {
        this.title = title;
        this.moments = moments;
        this.levels = levels;
        axis = TimeAxis.of(moments, levels);
        for (Lane lane : Lane.values()) {
            lanes.put(lane, moments.stream().filter(of -> of.lane() == lane).toList());
        }
    }

    /**
     * Reads a recording.
     *
     * @param file the recording
     * @return its picture
     * @throws InputException if the file is not a recording, is damaged, or contains no event of the library
     */
    public static TimelinePicture read(Path file) throws InputException {
        RecordedContent content = content(file);
        return of(String.valueOf(file.getFileName()), content.moments(), content.levels());
    }

    /** Creates the picture of events and levels, of which there must be at least one. */
    static TimelinePicture of(String title, List<Moment> moments, List<Level> levels) {
        return new TimelinePicture(title, moments, levels);
    }

    /**
     * Returns a summary of the picture's content.
     *
     * @return one line
     */
    public String summary() {
        return LayoutPicture.count(moments.size(), "event") + " in " + TimeAxis.duration(axis.span());
    }

    /**
     * Draws the picture.
     *
     * @return an SVG document
     */
    public String svg() {
        int bottom = LANES + LANE * (1 + lanes.size());
        Svg svg = new Svg(WIDTH, bottom + FOOT, title);
        svg.text("t", MARGIN, 30, title);
        svg.text(
                "m",
                MARGIN,
                50,
                summary() + "; 0 s is " + axis.origin() + "; a recording leaves out events below its thresholds");
        for (int y = LANES; y < bottom; y += LANE) {
            svg.box("lane", PLOT, y, PLOT_WIDTH, PLOT_HEIGHT, null);
        }
        for (long time = 0; time <= axis.span(); time += axis.step()) {
            double x = PLOT + PLOT_WIDTH * axis.part(axis.zero() + time);
            svg.line("tick", x, LANES - 6, x, bottom);
            svg.text("c", x, bottom + 14, TimeAxis.seconds(time));
        }
        svg.text("c", PLOT + PLOT_WIDTH / 2.0, bottom + 32, "seconds");
        name(svg, LevelLane.TITLE, LevelLane.USUAL, LevelLane.OTHER, LANES);
        drawLevels(svg);
        int y = LANES + LANE;
        for (Map.Entry<Lane, List<Moment>> lane : lanes.entrySet()) {
            Lane kind = lane.getKey();
            name(svg, kind.title(), kind.usual(), kind.other(), y);
            draw(svg, lane.getValue(), y);
            y += LANE;
        }
        return svg.end();
    }

    private static void name(Svg svg, String lane, String usual, String other, int y) {
        svg.text("n", MARGIN, y + 12, lane);
        svg.box("d0", MARGIN, y + 19, SWATCH, SWATCH, null);
        svg.text("m", MARGIN + SWATCH + 5, y + 27, usual);
        if (!other.isEmpty()) {
            svg.box("d1", MARGIN, y + 33, SWATCH, SWATCH, null);
            svg.text("m", MARGIN + SWATCH + 5, y + 41, other);
        }
    }

    private void drawLevels(Svg svg) {
        if (levels.isEmpty()) {
            svg.text("i", NOTES, LANES + 26, "none");
            return;
        }
        LevelLane lane = new LevelLane(levels, axis, PLOT, LANES, PLOT_WIDTH, PLOT_HEIGHT);
        lane.draw(svg);
        List<String> notes = lane.notes();
        svg.text("n", NOTES, LANES + 12, notes.get(0));
        svg.text("m", NOTES, LANES + 27, notes.get(1));
        svg.text("m", NOTES, LANES + 41, notes.get(2));
    }

    private void draw(Svg svg, List<Moment> lane, int y) {
        if (lane.isEmpty()) {
            svg.text("i", NOTES, y + 26, "none");
            return;
        }
        svg.text("n", NOTES, y + 12, LayoutPicture.count(lane.size(), "event"));
        long longest = lane.stream().mapToLong(Moment::nanos).max().orElse(0);
        if (longest > 0) {
            svg.text("m", NOTES, y + 27, "longest " + TimeAxis.duration(longest));
        }
        if (lane.size() <= MOST_BOXES) {
            boxes(svg, lane, y);
        } else {
            columns(svg, lane, y);
        }
    }

    private void boxes(Svg svg, List<Moment> lane, int y) {
        for (Moment moment : lane) {
            double x = PLOT + PLOT_WIDTH * axis.part(moment.begin());
            double width = Math.max(LEAST_WIDTH, PLOT_WIDTH * axis.part(axis.zero() + moment.nanos()));
            svg.box(
                    style(moment.isOther()),
                    Math.min(x, PLOT + PLOT_WIDTH - width),
                    y + 8,
                    width,
                    PLOT_HEIGHT - 16,
                    TimeAxis.seconds(moment.begin() - axis.zero()) + " s: " + TimeAxis.duration(moment.nanos()));
        }
    }

    private void columns(Svg svg, List<Moment> lane, int y) {
        Map<Integer, int[]> counts = new TreeMap<>();
        for (Moment moment : lane) {
            counts.computeIfAbsent(axis.binOf(moment), bin -> new int[2])[moment.isOther() ? 1 : 0]++;
        }
        int most = counts.values().stream()
                .mapToInt(of -> Arrays.stream(of).sum())
                .max()
                .orElse(1);
        double width = (double) PLOT_WIDTH / axis.bins();
        counts.forEach((bin, of) -> {
            String hint = TimeAxis.seconds(bin * axis.bin()) + " s: " + LayoutPicture.count(of[0] + of[1], "event");
            double bottom = y + PLOT_HEIGHT;
            for (int i = 0; i < of.length; i++) {
                if (of[i] > 0) {
                    double height = Math.max(LEAST_HEIGHT, (double) PLOT_HEIGHT * of[i] / most);
                    bottom -= height;
                    svg.box(style(i == 1), PLOT + width * bin, bottom, width, height, hint);
                }
            }
        });
        svg.text(
                "m",
                NOTES,
                y + 41,
                String.format(Locale.ROOT, "at most %,d in %s", most, TimeAxis.duration(axis.bin())));
    }

    private static String style(boolean isOther) {
        return isOther ? "d1" : "d0";
    }

    /**
     * The lane of a timeline that shows the sizes of spaces: columns for their mappings, and a line for their resident
     * pages. Each value extends from its sample to the next one. The two have separate scales.
     */
    static final class LevelLane {
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

    /**
     * The events of the library in a recording. At least one of the lists is not empty.
     *
     * @param moments the events of single occurrences, in the order of the file
     * @param levels the sizes of the spaces, in chronological order
     */
    record RecordedContent(List<Moment> moments, List<Level> levels) {}

    /**
     * Reads a recording.
     *
     * @param file the recording
     * @return its content
     * @throws InputException if the file is not a recording, is damaged, or contains no event of the library
     */
    private static RecordedContent content(Path file) throws InputException {
        if (!Files.exists(file)) {
            throw new InputException(file, "there is no such file", null);
        }
        if (Files.isDirectory(file)) {
            throw new InputException(file, "is a folder, not a recording of the flight recorder", null);
        }
        List<Moment> moments = new ArrayList<>();
        Level.LevelSum levels = new Level.LevelSum();
        try (RecordingFile recording = new RecordingFile(file)) {
            while (recording.hasMoreEvents()) {
                RecordedEvent event = recording.readEvent();
                levels.add(event);
                Moment moment = Moment.of(event);
                if (moment != null) {
                    moments.add(moment);
                }
            }
        } catch (IOException | RuntimeException e) {
            // The JDK's parser does not validate a damaged file, and so fails in many ways.
            throw new InputException(file, "is no recording of the flight recorder, or is damaged: " + reason(e), e);
        }
        RecordedContent content = new RecordedContent(moments, levels.levels());
        if (moments.isEmpty() && content.levels().isEmpty()) {
            throw new InputException(
                    file, "has no event of this library; record with META-INF/jfr/samara.jfc of its archive", null);
        }
        return content;
    }

    private static String reason(Exception failure) {
        String message = failure.getMessage();
        return (message == null ? failure.getClass().getSimpleName() : message)
                .lines()
                .findFirst()
                .orElse("");
    }
}
