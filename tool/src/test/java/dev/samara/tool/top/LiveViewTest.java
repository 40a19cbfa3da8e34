// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests the view with a clock that only the test advances. */
final class LiveViewTest {
    private static final ScreenSize SIZE = new ScreenSize(80, 16);

    private final AtomicLong clock = new AtomicLong(5 * MadeUpSamples.SECOND);
    private final AtomicLong work = new AtomicLong();
    private final StringWriter out = new StringWriter();

    private LiveView view(ViewOutput output) {
        SampleSource source = SampleSource.of(
                clock::get,
                List.of(new WatchedMachine("none", 1 << 20, 4096)),
                () -> List.of(new WorkFigure("steps", work.get())),
                null);
        return LiveView.begin(source, output, new FakeExitHooks(FakeExitHooks.Moment.NEVER));
    }

    private LiveScreen screen(boolean hasColours, String... below) {
        return new LiveScreen(new PrintWriter(out), "a test", SIZE, hasColours, lines -> List.of(below));
    }

    private void pass(long seconds, long steps) {
        clock.addAndGet(seconds * MadeUpSamples.SECOND);
        work.addAndGet(steps);
    }

    private String taken() {
        String text = out.toString();
        out.getBuffer().setLength(0);
        return text;
    }

    @Test
    @DisplayName("each sample is drawn over the one before, from the top left corner, and nothing is erased before")
    void frames() {
        LiveView view = view(screen(false));
        assertEquals(LiveScreen.ENTER + "\u001b[H\u001b[J", taken());
        pass(2, 10);
        view.tick();
        String first = taken();
        assertEquals(
                """
                <home>samara top, a test: 2.0 s; per second, of the last 2.00 s (and in all)<end>
                steps 5 (10)<end>
                <end>
                MACHINE      USED/OF SPACES TABLES MINOR MAJOR MISSES FLUSH SHOOT  CPUS GRACE<end>
                none           0B/1M      0     0B     0     0      0     0     0     0     0<end>
                  in all                               0     0      0     0     0     0     0<end>
                <below>""",
                first.replace("\u001b[H", "<home>").replace("\u001b[K", "<end>").replace("\u001b[J", "<below>"));
        pass(1, 7);
        view.tick();
        assertTrue(taken().contains("3.0 s; per second, of the last 1.00 s (and in all)\u001b[K\nsteps 7 (17)"));
        view.close();
    }

    @Test
    @DisplayName("the end restores the screen, the cursor and the line ends once, and prints the totals below")
    void end() {
        LiveView view = view(screen(false));
        pass(4, 8);
        taken();
        view.close();
        String end = taken();
        assertTrue(end.startsWith("\u001b[?7h\u001b[?25h\u001b[?1049lsamara top, a test: ended after 4.0 s;"), end);
        assertTrue(end.contains("\nsteps 2 (8)\n"), end);
        assertEquals(3, end.chars().filter(each -> each == '\u001b').count(), end);
        view.tick();
        view.close();
        view.interrupted();
        assertEquals("", taken());
    }

    @Test
    @DisplayName("Ctrl-C restores the terminal, with the totals of the newest sample, and nothing follows")
    void interrupted() {
        LiveView view = view(screen(true));
        pass(1, 3);
        view.tick();
        pass(1, 3);
        taken();
        view.interrupted();
        String end = taken();
        assertTrue(end.startsWith(LiveScreen.LEAVE), end);
        assertTrue(end.contains("ended after 1.0 s"), end);
        view.tick();
        view.close();
        assertEquals("", taken());
    }

    @Test
    @DisplayName("lines look different only with colours")
    void colours() {
        LiveView coloured = view(screen(true));
        taken();
        coloured.tick();
        String frame = taken();
        assertTrue(frame.startsWith("\u001b[H\u001b[1msamara top, a test: 0.0 s"), frame);
        assertTrue(frame.contains("\u001b[7mMACHINE "), frame);
        coloured.close();
        taken();
        LiveView plain = view(screen(false));
        plain.tick();
        plain.close();
        assertFalse(taken().contains("\u001b[7mMACHINE "));
    }

    @Test
    @DisplayName("lines below the view are those of the guest, as many as the terminal has left")
    void below() {
        LiveScreen screen = new LiveScreen(
                new PrintWriter(out), "a test", SIZE, false, lines -> List.of("the last " + lines, "are these"));
        LiveView view = view(screen);
        taken();
        view.tick();
        String frame = taken();
        assertTrue(frame.endsWith("\u001b[K\n\u001b[K\nthe last 8\u001b[K\nare these\u001b[K\n\u001b[J"), frame);
        view.close();
    }

    @Test
    @DisplayName("without a terminal there is a line for each machine and sample, and the totals at the end")
    void plainRows() {
        LiveView view = view(new PlainRows(new PrintWriter(out)));
        pass(2, 10);
        view.tick();
        view.close();
        assertEquals("""
                SECONDS  MACHINE        USED/OF    SPACES    TABLES     MINOR     MAJOR    MISSES     FLUSH     SHOOT\
                      CPUS     GRACE    COMMIT
                   2.00  none             0B/1M         0        0B         0         0         0         0         0\
                         0         0        0B
                 in all  none                                               0         0         0         0         0\
                         0         0
                steps 5 (10)
                """, taken());
    }

    @Test
    @DisplayName("JSON has a document for each sample in a line, with the counts since the beginning")
    void jsonRows() {
        LiveView view = view(new JsonRows(new PrintWriter(out)));
        pass(2, 10);
        view.tick();
        view.close();
        List<String> lines = taken().lines().toList();
        assertEquals(2, lines.size());
        String machine = "{\"name\":\"none\",\"usedBytes\":0,\"memoryBytes\":1048576,\"pageTableBytes\":0,"
                + "\"committedBytes\":0,\"spaceCount\":0,\"minorFaults\":0,\"majorFaults\":0,\"tlbMisses\":0,"
                + "\"flushes\":0,\"shootdowns\":0,\"shootdownTargets\":0,\"gracePeriods\":0,\"spaces\":[]}";
        assertEquals(
                "{\"seconds\":2.0,\"last\":false,\"work\":{\"steps\":10},\"machines\":[" + machine + "]}",
                lines.get(0));
        assertTrue(lines.get(1).startsWith("{\"seconds\":2.0,\"last\":true,"), lines.get(1));
    }

    @Test
    @DisplayName("the lines of a picture are those of the newest sample, and without one those of the end")
    void lastFrame() {
        LastFrame frame = new LastFrame(new PlainRows(new PrintWriter(out)), "a test", SIZE);
        LiveView view = view(frame);
        pass(2, 10);
        view.tick();
        pass(2, 10);
        view.close();
        assertTrue(frame.lines().get(0).text().contains(" 2.0 s; "), frame.lines()::toString);
        LastFrame none = new LastFrame(new PlainRows(new PrintWriter(out)), "a test", SIZE);
        view(none).close();
        assertTrue(none.lines().get(0).text().contains("ended after 0.0 s"), none.lines()::toString);
    }

    @Test
    @DisplayName("the lines of a picture are those of the newest sample that shows a space, if there is one")
    void lastFrameWithSpaces() {
        LastFrame frame = new LastFrame(new PlainRows(new PrintWriter(out)), "a test", SIZE);
        TopSample first = MadeUpSamples.sample(0, 0, 0);
        TopSample running = MadeUpSamples.sample(1, 1, 2);
        TopSample torn = MadeUpSamples.sample(2, 2, 0);
        frame.show(first, first, running);
        frame.show(first, running, torn);
        frame.end(first, torn);
        assertEquals(
                new TopTable("a test", SIZE.columns(), SIZE.rows())
                        .lines(first, first, running).stream()
                                .map(TextLine::text)
                                .toList(),
                frame.lines().stream().map(TextLine::text).toList());
    }
}
