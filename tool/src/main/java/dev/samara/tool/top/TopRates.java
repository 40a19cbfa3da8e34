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

    /** Formats numbers with three digits, so that columns are narrow. */
    static final class ShortNumber {
        private static final String[] THOUSANDS = {"", "k", "M", "G", "T", "P", "E"};
        private static final String[] BYTES = {"B", "K", "M", "G", "T", "P", "E"};
        private static final int THOUSAND = 1000;
        private static final int KIBI = 1024;

        /** Numbers below this are written with all their digits. */
        private static final long SHORT = 10_000;

        /** From this value on, a rate is written without digits after the decimal point. */
        private static final double WHOLE = 9.95;

        private ShortNumber() {}

        /** Formats a number, e.g. {@code 9999} or {@code 12.3k}. */
        static String count(long count) {
            return count < SHORT ? String.valueOf(count) : scaled(count, THOUSAND, THOUSANDS);
        }

        /** Formats a number per second, e.g. {@code 0}, {@code 0.4} or {@code 12.3k}. */
        static String rate(double perSecond) {
            if (perSecond >= WHOLE) {
                return count(Math.round(perSecond));
            }
            String text = String.format(Locale.ROOT, "%.1f", perSecond);
            return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
        }

        /** Formats a number of bytes, e.g. {@code 0B}, {@code 64M} or {@code 1.5G}, where K is 1024. */
        static String bytes(long bytes) {
            return scaled(bytes, KIBI, BYTES);
        }

        private static String scaled(long number, int step, String[] units) {
            int unit = 0;
            double value = (double) number;
            // A value that would be rounded up to 1000 or 1024 of its unit is written in the next unit.
            while (value >= step - 0.5) {
                value /= step;
                unit++;
            }
            String text = String.format(Locale.ROOT, value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value);
            if (text.indexOf('.') >= 0) {
                text = text.replaceAll("\\.?0+$", "");
            }
            return text + units[unit];
        }
    }
}
