// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;

/**
 * Forwards a view to another output, and keeps the lines of the newest sample before the end that shows a space. The
 * watched command ends its spaces before the view ends, so the newest sample may show an empty machine.
 */
public final class LastFrame implements ViewOutput {
    private final ViewOutput output;
    private final TopTable table;
    private List<TextLine> lines = List.of();
    private boolean hasSpaces;

    /**
     * Creates an output.
     *
     * @param output also receives all calls
     * @param title what is watched
     * @param size the size of the lines
     */
    public LastFrame(ViewOutput output, String title, ScreenSize size) {
        this.output = output;
        table = new TopTable(title, size.columns(), size.rows());
    }

    @Override
    public void begin() {
        output.begin();
    }

    @Override
    public void show(TopSample first, TopSample before, TopSample now) {
        boolean shows = now.machines().stream().anyMatch(each -> !each.listed().isEmpty());
        if (shows || !hasSpaces) {
            lines = table.lines(first, before, now);
            hasSpaces = shows;
        }
        output.show(first, before, now);
    }

    @Override
    public void end(TopSample first, TopSample last) {
        if (lines.isEmpty()) {
            lines = table.lastLines(first, last);
        }
        output.end(first, last);
    }

    /**
     * Returns the lines. Must be called after the end.
     *
     * @return the lines of the newest sample with a space; if no sample had one, of the newest sample; if there was
     *     none before the end, of the last sample
     */
    public List<TextLine> lines() {
        return lines;
    }
}
