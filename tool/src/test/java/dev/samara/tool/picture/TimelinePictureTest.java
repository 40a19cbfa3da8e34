// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.tool.Xml;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests what a reader finds in the picture of a recording. */
final class TimelinePictureTest {
    private static final long MILLI = 1_000_000;
    private static final long SECOND = 1000 * MILLI;

    /** Each lane has a background, and each lane with two colours also has two squares. */
    private static final int SQUARES = 18;

    private static Xml draw(List<Moment> moments) {
        return Xml.parse(TimelinePicture.of("a recording", moments, List.of()).svg());
    }

    private static Moment moment(Lane lane, boolean isOther, long begin, long nanos) {
        return new Moment(lane, isOther, 5 * SECOND + begin, nanos);
    }

    private static long boxes(Xml drawn) {
        return drawn.attributes("rect", "class").stream()
                        .filter(style -> style.startsWith("d"))
                        .count()
                - SQUARES;
    }

    @Test
    @DisplayName("each kind of event has a lane with its number and the longest, and few events a box each")
    void fewEvents() {
        Xml drawn = draw(List.of(
                moment(Lane.SPACES, false, 0, 0),
                moment(Lane.FAULTS, true, 200 * MILLI, 300 * MILLI),
                moment(Lane.FAULTS, false, 700 * MILLI, MILLI),
                moment(Lane.SPACES, true, SECOND, 0)));
        List<String> texts = drawn.texts("text");
        for (Lane lane : Lane.values()) {
            assertTrue(texts.contains(lane.title()) && texts.contains(lane.usual()), lane.title());
        }
        assertEquals(8, Collections.frequency(texts, "none"));
        assertEquals(2, Collections.frequency(texts, "2 events"));
        assertTrue(texts.containsAll(List.of("longest 300 ms", "0", "0.2", "1", "seconds")), texts::toString);
        assertTrue(texts.stream().anyMatch(text -> text.contains("0 s is 1970-01-01T00:00:05Z")), texts::toString);
        assertEquals(4, boxes(drawn));
        assertTrue(drawn.texts("title").contains("0.2 s: 300 ms"), drawn.texts("title")::toString);
    }

    @Test
    @DisplayName("many events are counted by interval; the columns add up to the events, and the highest is told")
    void manyEvents() {
        List<Moment> moments = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            moments.add(moment(Lane.WAITS, false, i * MILLI, 0));
        }
        for (int i = 0; i < 50; i++) {
            moments.add(moment(Lane.WAITS, false, 505 * MILLI, 0));
        }
        Xml drawn = draw(moments);
        assertTrue(drawn.texts("text").containsAll(List.of("1,050 events", "at most 60 in 10 ms")));
        assertEquals(
                1050,
                drawn.texts("title").stream()
                        .mapToInt(hint -> Integer.parseInt(hint.replaceAll(".* s: (\\d+) events?", "$1")))
                        .sum());
        assertTrue(drawn.texts("title").contains("0.5 s: 60 events"));
    }

    @Test
    @DisplayName(
            "the sizes of the spaces are columns and a line from each sample to the next one, to the end of the plot")
    void levels() {
        List<Level> levels =
                List.of(new Level(5 * SECOND, 100, 2000), new Level(6 * SECOND, 200, 0), new Level(9 * SECOND, 0, 500));
        Xml drawn =
                Xml.parse(TimelinePicture.of("a recording", List.of(), levels).svg());
        List<String> texts = drawn.texts("text");
        assertTrue(
                texts.containsAll(List.of("Mappings", "3 samples", "at most 200", "at most 2,000 pages")),
                texts::toString);
        assertTrue(
                drawn.texts("title").contains("1 s: 200 mappings, 0 pages in memory"), drawn.texts("title")::toString);
        assertEquals(6, boxes(drawn));
        // The squares of all other lanes follow the levels.
        List<String> heights = drawn.attributes("rect", "height");
        int end = heights.size() - (SQUARES - 2);
        assertEquals(List.of("21", "2", "42", "2", "0", "2"), heights.subList(end - 6, end));
    }

    @Test
    @DisplayName("no box leaves the plot, whether an event is at its end, or the only one")
    void edges() {
        for (List<Moment> moments : List.of(
                List.of(moment(Lane.STALLS, false, 0, 0)),
                List.of(moment(Lane.REAPS, true, 0, SECOND), moment(Lane.REAPS, false, 8 * SECOND - 1, 0)))) {
            Xml drawn = draw(moments);
            List<String> x = drawn.attributes("rect", "x");
            List<String> width = drawn.attributes("rect", "width");
            List<String> styles = drawn.attributes("rect", "class");
            for (int i = 0; i < x.size(); i++) {
                double end = Double.parseDouble(x.get(i)) + Double.parseDouble(width.get(i));
                assertTrue(
                        styles.get(i).equals("bg") || end <= 800.11,
                        () -> drawn.texts("text").toString());
            }
            assertEquals(moments.size(), boxes(drawn));
        }
    }

    @Test
    @DisplayName("two drawings are equal, and so are those of events in another order when they are counted")
    void deterministic() {
        List<Moment> moments = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            moments.add(moment(Lane.SHOOTDOWNS, i % 3 == 0, 1000L * i * i, i));
        }
        String first = TimelinePicture.of("a", moments, List.of()).svg();
        Collections.reverse(moments);
        assertEquals(first, TimelinePicture.of("a", moments, List.of()).svg());
    }

    @Test
    @DisplayName("the axis has at most ten steps and 160 intervals, whose lengths are 1, 2 or 5 and zeros")
    void axis() {
        for (long span = 1; span < 1L << 60; span = span * 3 + 1) {
            TimeAxis axis = TimeAxis.of(List.of(moment(Lane.FAULTS, false, 0, span)), List.of());
            assertTrue(axis.bins() <= 160 && axis.span() > span, axis::toString);
            assertTrue(axis.span() / axis.step() <= 10, axis::toString);
            assertTrue(String.valueOf(axis.bin()).matches("[125]0*"), axis::toString);
            assertTrue(String.valueOf(axis.step()).matches("[125]0*"), axis::toString);
        }
        assertEquals("1 s", TimeAxis.duration(999_600_000));
        assertEquals("12.3 \u00b5s", TimeAxis.duration(12_345));
        assertEquals("1000 s", TimeAxis.duration(1000 * SECOND));
    }
}
