// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Creates the lines that show a sample: the time, the work, a row for each machine with its totals, and a row for each
 * space.
 */
final class TopTable {
    /** The number of lines at the bottom that a terminal needs. */
    private static final int SPARE = 1;

    private final String title;
    private final int columns;
    private final int rows;

    /**
     * Prepares tables.
     *
     * @param title what is watched
     * @param columns the maximum length of a line in characters
     * @param rows the maximum number of lines; spaces that do not fit are omitted
     */
    TopTable(String title, int columns, int rows) {
        this.title = title;
        this.columns = columns;
        this.rows = rows;
    }

    /** Returns the lines that show a sample, with rates since an earlier sample. */
    List<TextLine> lines(TopSample first, TopSample before, TopSample now) {
        return lines(
                String.format(
                        Locale.ROOT,
                        "samara top, %s: %.1f s; per second, of the last %.2f s (and in all)",
                        title,
                        now.secondsSince(first),
                        now.secondsSince(before)),
                before,
                now);
    }

    /** Returns the lines that show the whole run, with rates since its start. */
    List<TextLine> lastLines(TopSample first, TopSample last) {
        return lines(
                String.format(
                        Locale.ROOT,
                        "samara top, %s: ended after %.1f s; per second, of all of it (and in all)",
                        title,
                        last.secondsSince(first)),
                first,
                last);
    }

    private List<TextLine> lines(String head, TopSample before, TopSample now) {
        TopRates rates = new TopRates(before, now);
        List<TextLine> lines = new ArrayList<>();
        lines.add(new TextLine(TextLine.Look.BOLD, head).cut(columns));
        for (String fact : rates.facts()) {
            lines.add(new TextLine(TextLine.Look.PLAIN, fact).cut(columns));
        }
        lines.add(new TextLine(TextLine.Look.PLAIN, ""));
        TextGrid grid = new TextGrid();
        int used = lines.size() + addMachines(grid, rates, now);
        int left = addSpaces(grid, rates, now, rows - SPARE - used);
        lines.addAll(grid.lines(columns));
        if (left > 0) {
            lines.add(new TextLine(TextLine.Look.DIM, "and " + left + " more spaces").cut(columns));
        }
        return lines;
    }

    private static int addMachines(TextGrid grid, TopRates rates, TopSample now) {
        grid.add(TextLine.Look.REVERSE, titles("MACHINE", "SPACES", true));
        for (MachineFigures machine : now.machines()) {
            grid.add(TextLine.Look.PLAIN, rates.row(machine));
            grid.add(TextLine.Look.DIM, TopRates.totals(machine));
        }
        return 1 + 2 * now.machines().size();
    }

    /** Adds the spaces that fit into a number of lines; returns how many spaces do not fit. */
    private static int addSpaces(TextGrid grid, TopRates rates, TopSample now, int lines) {
        List<List<String>> spaces = new ArrayList<>();
        for (MachineFigures machine : now.machines()) {
            for (SpaceFigures space : machine.listed()) {
                spaces.add(rates.row(machine, space));
            }
        }
        if (spaces.isEmpty()) {
            return 0;
        }
        int heads = 2;
        int shown = spaces.size() + heads <= lines ? spaces.size() : Math.max(0, lines - heads - 1);
        if (shown > 0) {
            grid.add(TextLine.Look.PLAIN, List.of());
            grid.add(TextLine.Look.REVERSE, titles("SPACE", "VMAS", false));
            spaces.subList(0, shown).forEach(row -> grid.add(TextLine.Look.PLAIN, row));
        }
        return spaces.size() - shown;
    }

    /**
     * Returns the titles of the table of machines or of spaces. Columns that both tables contain are at the same
     * position.
     */
    static List<String> titles(String name, String parts, boolean isOfMachine) {
        List<String> titles = new ArrayList<>(List.of(name, isOfMachine ? "USED/OF" : "USED/MAP", parts, "TABLES"));
        for (EventColumn column : EventColumn.values()) {
            if (isOfMachine || column.isOfSpace()) {
                titles.add(column.title());
            }
        }
        if (isOfMachine) {
            titles.add("COMMIT");
        }
        return titles;
    }

    /** Rows of cells in columns. The first column is aligned to the left, all other columns to the right. */
    static final class TextGrid {
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

        /**
         * Returns the lines. Columns at the end that do not fit are omitted entirely, so that no number is truncated.
         */
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
            int columns =
                    rows.stream().mapToInt(row -> row.cells().size()).max().orElse(0);
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
}
