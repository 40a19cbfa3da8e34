// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import dev.samara.tool.record.InputException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

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
        EventFile.RecordedContent content = EventFile.read(file);
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
}
