// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static dev.samara.tool.top.MadeUpSamples.sample;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TopTableTest {
    private static String text(List<TextLine> lines) {
        return lines.stream().map(TextLine::text).collect(Collectors.joining("\n", "", "\n"));
    }

    private static String drawn(int columns, int rows, TopSample now) {
        return text(new TopTable("a test", columns, rows).lines(sample(0, 0, 2), sample(2, 1, 2), now));
    }

    @Test
    @DisplayName("a sample is drawn as rates since the one before, with totals, and spaces below the machines")
    void sampleIsDrawn() {
        assertEquals("""
                samara top, a test: 4.0 s; per second, of the last 2.00 s (and in all)
                accesses 1M (3M); changes 1 (3)
                waits for operations 7 (21); for locks of layouts 20 (60); together 5 ms

                MACHINE       USED/OF SPACES TABLES MINOR MAJOR MISSES FLUSH SHOOT  CPUS GRACE COMMIT
                big            3M/64M      2   156K  3000     3    37k     9     6    12     0     2M
                  in all                             9000     9   111k    27    18    36     0
                small           0B/4M      0     0B     0     0      0     0     0     0     1     0B
                  in all                                0     0      0     0     0     0     3

                SPACE        USED/MAP   VMAS TABLES MINOR MAJOR MISSES FLUSH SHOOT  CPUS
                space 1       100K/3M     12    16K  1000     1  12.3k     3     2     4
                space 2       100K/3M     12    16K  1000     1  12.3k     3     2     4
                """, drawn(100, 40, sample(4, 3, 2)));
    }

    @Test
    @DisplayName("at the end the rates are those of all of the run")
    void end() {
        String text = text(new TopTable("a test", 100, 40).lastLines(sample(1, 0, 0), sample(5, 8, 0)));
        assertEquals("""
                samara top, a test: ended after 4.0 s; per second, of all of it (and in all)
                accesses 2M (8M); changes 2 (8)
                waits for operations 14 (56); for locks of layouts 40 (160); together 10 ms

                MACHINE      USED/OF SPACES TABLES MINOR MAJOR MISSES FLUSH SHOOT  CPUS GRACE COMMIT
                big           3M/64M      0   156K  6000     6  74.1k    18    12    24     0     2M
                  in all                             24k    24   296k    72    48    96     0
                small          0B/4M      0     0B     0     0      0     0     0     0     2     0B
                  in all                               0     0      0     0     0     0     8
                """, text);
    }

    @Test
    @DisplayName("a narrow terminal has fewer columns, and no number of the others is cut")
    void narrow() {
        assertEquals("""
                samara top, a test: 4.0 s; per second, of the last 2.00 s (a
                accesses 1M (3M); changes 1 (3)
                waits for operations 7 (21); for locks of layouts 20 (60); t

                MACHINE       USED/OF SPACES TABLES MINOR MAJOR MISSES FLUSH
                big            3M/64M      2   156K  3000     3    37k     9
                  in all                             9000     9   111k    27
                small           0B/4M      0     0B     0     0      0     0
                  in all                                0     0      0     0

                SPACE        USED/MAP   VMAS TABLES MINOR MAJOR MISSES FLUSH
                space 1       100K/3M     12    16K  1000     1  12.3k     3
                space 2       100K/3M     12    16K  1000     1  12.3k     3
                """, drawn(60, 40, sample(4, 3, 2)));
    }

    @ParameterizedTest
    @ValueSource(ints = {20, 33, 47, 80, 89, 90, 91, 100, 200})
    @DisplayName("no line is longer than the terminal is wide")
    void widths(int columns) {
        for (String line : drawn(columns, 40, sample(4, 3, 2)).lines().toList()) {
            assertTrue(line.length() <= columns, line);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 8, 10, 11, 12, 13, 14, 15, 24, 60})
    @DisplayName("spaces that have no place on the terminal are counted, and the machines stay")
    void heights(int rows) {
        List<String> lines = drawn(100, rows, sample(4, 3, 12)).lines().toList();
        assertTrue(lines.size() <= Math.max(rows - 1, 10), lines::toString);
        assertEquals(
                12,
                lines.stream().filter(line -> line.startsWith("space ")).count()
                        + lines.stream()
                                .filter(line -> line.endsWith(" more spaces"))
                                .mapToInt(line -> Integer.parseInt(line.split(" ", -1)[1]))
                                .sum());
    }

    @Test
    @DisplayName("without a flight recorder there is no line on waits; without time all rates are 0")
    void absent() {
        TopSample now = sample(3, 3, 0, null);
        List<TextLine> lines = new TopTable("a test", 100, 40).lines(now, sample(3, 1, 0, null), now);
        assertEquals("accesses 0 (3M); changes 0 (3)", lines.get(1).text());
        assertEquals("", lines.get(2).text());
    }

    @Test
    @DisplayName("a space in the place of another one has all its events since the sample before")
    void replacedSpace() {
        EventTotals old = new EventTotals(100, 5, 100, 100, 0, 0, 0);
        EventTotals other = new EventTotals(200, 4, 200, 200, 0, 0, 0);
        assertEquals(other, other.since(old));
        assertEquals(new EventTotals(1, 0, 0, 0, 0, 0, 0), new EventTotals(101, 5, 100, 100, 0, 0, 0).since(old));
    }

    @Test
    @DisplayName("control characters of names are not passed on to the terminal")
    void controlCharacters() {
        assertEquals("a?[2Jb?", new TextLine(TextLine.Look.PLAIN, "a\u001b[2Jb\u009b").text());
    }
}
