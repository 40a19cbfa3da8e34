// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The view without a terminal: one line for each machine and sample, below one line of titles. At the end it prints
 * lines with the totals, the work and the waits.
 */
public final class PlainRows implements ViewOutput {
    private final PrintWriter out;

    /**
     * Creates the view.
     *
     * @param out receives the lines
     */
    public PlainRows(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void begin() {
        List<String> titles = new ArrayList<>(List.of("SECONDS"));
        titles.addAll(TopTable.titles("MACHINE", "SPACES", true));
        print(titles);
    }

    @Override
    public void show(TopSample first, TopSample before, TopSample now) {
        TopRates rates = new TopRates(before, now);
        for (MachineFigures machine : now.machines()) {
            print(String.format(Locale.ROOT, "%.2f", now.secondsSince(first)), rates.row(machine));
        }
    }

    @Override
    public void end(TopSample first, TopSample last) {
        for (MachineFigures machine : last.machines()) {
            List<String> totals = TopRates.totals(machine);
            totals.set(0, machine.name());
            print("in all", totals);
        }
        new TopRates(first, last).facts().forEach(out::println);
        out.flush();
    }

    private void print(String head, List<String> row) {
        List<String> cells = new ArrayList<>(List.of(head));
        cells.addAll(row);
        print(cells);
    }

    private void print(List<String> cells) {
        StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "%7s  %-12s", cells.get(0), cells.get(1)));
        for (String cell : cells.subList(2, cells.size())) {
            line.append(String.format(Locale.ROOT, " %9s", cell));
        }
        out.println(line.toString().stripTrailing());
        out.flush();
    }
}
