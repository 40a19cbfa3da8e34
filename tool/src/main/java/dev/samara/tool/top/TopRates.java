// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Cells and lines of text for a sample, with rates since an earlier sample. */
final class TopRates {
    private static final double MILLISECOND = 1e6;
    private static final String BETWEEN = "; ";

    private final TopSample before;
    private final TopSample now;
    private final double seconds;

    TopRates(TopSample before, TopSample now) {
        this.before = before;
        this.now = now;
        seconds = now.secondsSince(before);
    }

    /** Formats a difference as a number per second; 0 if no time passed between the samples. */
    private String rate(double difference) {
        return ShortNumber.rate(seconds > 0 ? Math.max(0, difference) / seconds : 0);
    }

    private String rate(long difference) {
        return rate((double) difference);
    }

    /** Returns a line about the work and a line about the waits, each only if there is such data. */
    List<String> facts() {
        List<String> facts = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        for (WorkFigure figure : now.work()) {
            line.append(line.length() == 0 ? "" : BETWEEN)
                    .append(figure.name())
                    .append(' ')
                    .append(rate(figure.count() - before.work(figure.name())))
                    .append(" (")
                    .append(ShortNumber.count(figure.count()))
                    .append(')');
        }
        if (line.length() > 0) {
            facts.add(line.toString());
        }
        if (now.waits() != null) {
            facts.add(waits(before.knownWaits(), now.waits()));
        }
        return facts;
    }

    private String waits(WaitFigures earlier, WaitFigures later) {
        return String.format(
                Locale.ROOT,
                "waits for operations %s (%s); for locks of layouts %s (%s); together %s ms",
                rate(later.operations() - earlier.operations()),
                ShortNumber.count(later.operations()),
                rate(later.locks() - earlier.locks()),
                ShortNumber.count(later.locks()),
                rate((later.nanos() - earlier.nanos()) / MILLISECOND));
    }

    /** Returns the row of a machine. */
    List<String> row(MachineFigures machine) {
        List<String> cells = new ArrayList<>();
        cells.add(machine.name());
        cells.add(ShortNumber.bytes(machine.used()) + "/" + ShortNumber.bytes(machine.memory()));
        cells.add(ShortNumber.count(machine.spaces()));
        cells.add(ShortNumber.bytes(machine.tables()));
        EventTotals since =
                machine.events().since(before.machine(machine.name()).events());
        for (EventColumn column : EventColumn.values()) {
            cells.add(rate(column.of(since)));
        }
        cells.add(ShortNumber.bytes(machine.committed()));
        return cells;
    }

    /** Returns the row with the totals of a machine. */
    static List<String> totals(MachineFigures machine) {
        List<String> cells = new ArrayList<>(List.of("  in all", "", "", ""));
        for (EventColumn column : EventColumn.values()) {
            cells.add(ShortNumber.count(column.of(machine.events())));
        }
        return cells;
    }

    /** Returns the row of a space. */
    List<String> row(MachineFigures machine, SpaceFigures space) {
        List<String> cells = new ArrayList<>();
        cells.add(space.name());
        cells.add(ShortNumber.bytes(space.resident()) + "/" + ShortNumber.bytes(space.mapped()));
        cells.add(ShortNumber.count(space.vmas()));
        cells.add(ShortNumber.bytes(space.tables()));
        EventTotals since = space.events()
                .since(before.machine(machine.name()).listed(space.name()).events());
        for (EventColumn column : EventColumn.values()) {
            if (column.isOfSpace()) {
                cells.add(rate(column.of(since)));
            }
        }
        return cells;
    }
}
