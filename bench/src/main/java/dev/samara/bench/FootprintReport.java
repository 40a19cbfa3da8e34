// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.Indexes;
import dev.samara.bench.index.Range;
import dev.samara.bench.index.RangeIndex;
import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import java.util.List;
import java.util.Locale;
import org.openjdk.jol.info.GraphLayout;
import org.openjdk.jol.vm.VM;

/**
 * Measures the footprint of a structure with JOL: bytes per range, without the values. All ranges are stored one by one
 * in shuffled order.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar footprint --ranges 1000,100000 --index samara,skiplist --json
 * FILE}. The footprint of an empty structure is a separate figure, which is subtracted from the other footprints. The
 * size of a reference depends on the JVM: 4 bytes if the heap is smaller than 32 GiB.
 */
public final class FootprintReport {
    private final int[] ranges;
    private final List<String> indexes;
    private final Figures figures;

    private FootprintReport(String[] words) {
        Arguments arguments = new Arguments(words);
        ranges = arguments.counts("--ranges", "30,200,1000,10000,100000,1000000");
        indexes = arguments.list("--index", Indexes.NAMES, Indexes.NAMES);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(FootprintReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     */
    public static void main(String[] arguments) {
        // Must be set before JOL is loaded. Otherwise JOL does not find the fields of lambdas, which some structures
        // contain.
        System.setProperty("jol.magicFieldOffset", "true");
        FootprintReport report = new FootprintReport(arguments);
        report.run();
        report.figures.write();
    }

    private void run() {
        StringBuilder head = new StringBuilder(String.format(Locale.ROOT, "%-16s %9s", "bytes per range", "empty"));
        for (int size : ranges) {
            head.append(String.format(Locale.ROOT, " %9d", size));
        }
        Figures.line("%s", head);
        for (String name : indexes) {
            long empty = GraphLayout.parseInstance(Indexes.named(name)).totalSize();
            StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "%-16s %9d", name, empty));
            for (int size : ranges) {
                double each = (double) (weigh(name, size) - empty) / size;
                line.append(String.format(Locale.ROOT, " %9.1f", each));
                figures.row("index", name, "ranges", size, "bytes_per_range", each, "empty_bytes", empty);
            }
            Figures.line("%s", line);
        }
    }

    private static long weigh(String name, int size) {
        KeySet keys = KeySet.of(size);
        RangeIndex index = Indexes.named(name);
        index.fill(keys.shuffled());
        GraphLayout layout = GraphLayout.parseInstance(index);
        // Subtracting the size of the values is correct only if each value is reachable exactly once.
        if (layout.getClassCounts().count(Range.class) != size) {
            throw new IllegalStateException(name + " does not hold the " + size + " ranges that were stored");
        }
        return layout.totalSize() - size * VM.current().sizeOf(keys.sorted().get(0));
    }
}
