// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests what a guest's output looks like after the end of a view on a terminal. */
final class KeptBelowTest {
    private final ByteArrayOutputStream terminal = new ByteArrayOutputStream();
    private final KeptOutput kept = new KeptOutput(16);

    private LiveView view() {
        PrintWriter writer = new PrintWriter(terminal, false, StandardCharsets.UTF_8);
        BelowView below = new KeptBelow(kept, 80, writer, terminal);
        LiveScreen screen = new LiveScreen(writer, "a guest", new ScreenSize(80, 16), false, below);
        SampleSource source = SampleSource.of(() -> 0, List.of(), List::of, null);
        return LiveView.begin(source, screen, new FakeExitHooks(FakeExitHooks.Moment.NEVER));
    }

    private void write(String text) throws IOException {
        kept.write(text.getBytes(StandardCharsets.UTF_8));
    }

    private String taken() {
        String text = terminal.toString(StandardCharsets.UTF_8);
        terminal.reset();
        return text;
    }

    @Test
    @DisplayName("Ctrl-C prints the output of the guest below the totals, once")
    void interrupted() throws IOException {
        LiveView view = view();
        write("one\ntwo");
        view.tick();
        assertTrue(taken().contains("one\u001b[K\ntwo\u001b[K\n"));
        view.interrupted();
        String end = taken();
        assertTrue(end.startsWith(LiveScreen.LEAVE + "samara top, a guest: ended after 0.0 s;"), end);
        assertTrue(end.endsWith("\none\ntwo"), end);
        view.close();
        assertEquals("", taken());
    }

    @Test
    @DisplayName("the end of the command prints it, too, and tells before how much is lost")
    void closed() throws IOException {
        LiveView view = view();
        write("many bytes, and the last sixteen");
        taken();
        view.close();
        String end = taken();
        String told = "samara: the guest has written 16 bytes before; --output FILE keeps all\n";
        assertTrue(end.startsWith(LiveScreen.LEAVE), end);
        assertTrue(end.endsWith("\n" + told + "the last sixteen"), end);
    }
}
