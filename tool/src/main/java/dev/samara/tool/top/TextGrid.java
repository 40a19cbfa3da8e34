// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.ArrayList;
import java.util.List;

/** Rows of cells in columns. The first column is aligned to the left, all other columns to the right. */
final class TextGrid {
    /** The minimum width of a number, so that columns do not move while numbers grow. */
    private static final int LEAST = 5;

    private static final int LEAST_NAME = 12;
    private static final int LONGEST_NAME = 24;

    /** From this width of a line on, longer names are shown. */
    private static final int WIDE = 100;

    private record GridRow(TextLine.Look look, List<String> cells) {}

    private final List<GridRow> rows = new ArrayList<>();

    /** Adds a row. A row without cells is an empty line. Cells that are missing at the end of a row are empty. */
    void add(TextLine.Look look, List<String> cells) {
        rows.add(new GridRow(look, cells));
    }

    /** Returns the lines. Columns at the end that do not fit are omitted entirely, so that no number is truncated. */
    List<TextLine> lines(int width) {
        List<Integer> widths = widths(width);
        List<TextLine> lines = new ArrayList<>();
        for (GridRow row : rows) {
            lines.add(new TextLine(row.look(), text(row.cells(), widths)).cut(width));
        }
        return lines;
    }

    private List<Integer> widths(int width) {
        List<Integer> widths = new ArrayList<>();
        int used = 0;
        int columns = rows.stream().mapToInt(row -> row.cells().size()).max().orElse(0);
        for (int column = 0; column < columns; column++) {
            int wanted = widest(column);
            if (column == 0) {
                wanted = Math.min(Math.max(wanted, LEAST_NAME), width < WIDE ? LEAST_NAME : LONGEST_NAME);
            } else {
                wanted = Math.max(wanted, LEAST);
                if (used + 1 + wanted > width) {
                    break;
                }
                used++;
            }
            used += wanted;
            widths.add(wanted);
        }
        return widths;
    }

    private int widest(int column) {
        return rows.stream()
                .filter(row -> column < row.cells().size())
                .mapToInt(row -> row.cells().get(column).length())
                .max()
                .orElse(0);
    }

    private static String text(List<String> cells, List<Integer> widths) {
        StringBuilder line = new StringBuilder();
        for (int column = 0; column < Math.min(cells.size(), widths.size()); column++) {
            String cell = cells.get(column);
            int width = widths.get(column);
            if (column == 0) {
                line.append(cell.length() > width ? cell.substring(0, width - 1) + "~" : cell);
                line.append(" ".repeat(Math.max(0, width - cell.length())));
            } else {
                line.append(' ').append(" ".repeat(width - cell.length())).append(cell);
            }
        }
        return line.toString().stripTrailing();
    }
}
