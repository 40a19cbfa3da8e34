// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.io.PrintWriter;
import java.util.List;

/**
 * The view on a terminal. It is drawn on the alternate screen. Each frame is drawn from the top left corner over the
 * previous frame, so that nothing flickers. The end restores the screen and the cursor, and prints the totals below the
 * command line.
 */
public final class LiveScreen implements ViewOutput {
    /** Enters the alternate screen and hides the cursor. The terminal truncates longer lines. */
    static final String ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";

    static final String LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
    static final String HOME = "\u001b[H";
    static final String ERASE_REST_OF_LINE = "\u001b[K";
    static final String ERASE_BELOW = "\u001b[J";

    private final PrintWriter out;
    private final TopTable table;
    private final ScreenSize size;
    private final boolean hasColours;
    private final BelowView below;

    /**
     * Creates the view of a terminal.
     *
     * @param out its writer
     * @param title what is watched
     * @param size the size of the terminal
     * @param hasColours whether lines may use different colours and fonts
     * @param below provides the lines below the table, and prints once more after the view has ended
     */
    public LiveScreen(PrintWriter out, String title, ScreenSize size, boolean hasColours, BelowView below) {
        this.out = out;
        this.size = size;
        this.hasColours = hasColours;
        this.below = below;
        table = new TopTable(title, size.columns(), size.rows());
    }

    @Override
    public void begin() {
        out.print(ENTER + HOME + ERASE_BELOW);
        out.flush();
    }

    @Override
    public void show(TopSample first, TopSample before, TopSample now) {
        List<TextLine> lines = table.lines(first, before, now);
        StringBuilder frame = new StringBuilder(HOME);
        lines.stream()
                .limit(size.rows() - 1L)
                .forEach(line ->
                        frame.append(shown(line)).append(ERASE_REST_OF_LINE).append('\n'));
        int left = size.rows() - lines.size() - 2;
        if (left > 0) {
            List<String> others = below.lines(left);
            if (!others.isEmpty()) {
                frame.append(ERASE_REST_OF_LINE).append('\n');
            }
            for (String other : others) {
                frame.append(other).append(ERASE_REST_OF_LINE).append('\n');
            }
        }
        // The whole frame is one write.
        out.print(frame.append(ERASE_BELOW));
        out.flush();
    }

    @Override
    public void end(TopSample first, TopSample last) {
        StringBuilder end = new StringBuilder(LEAVE);
        try {
            table.lastLines(first, last).forEach(line -> end.append(shown(line)).append('\n'));
        } finally {
            out.print(end);
            out.flush();
            below.end();
        }
    }

    private String shown(TextLine line) {
        return hasColours ? line.look().of(line.text()) : line.text();
    }
}
