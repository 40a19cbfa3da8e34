// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The data of a view at one moment.
 *
 * @param nanos the moment, as {@link System#nanoTime}
 * @param work the counts of the watched command's work
 * @param machines the machines
 * @param waits the counts of waits; null if this JVM has no flight recorder
 */
public record TopSample(
        long nanos,
        List<WorkFigure> work,
        List<MachineFigures> machines,
        @Nullable WaitFigures waits) {
    private static final double SECOND = 1e9;

    double secondsSince(TopSample before) {
        return (nanos - before.nanos) / SECOND;
    }

    MachineFigures machine(String name) {
        return machines.stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElse(new MachineFigures(name, 0, 0, 0, 0, 0, EventTotals.NONE, List.of()));
    }

    long work(String name) {
        return work.stream()
                .filter(each -> each.name().equals(name))
                .mapToLong(WorkFigure::count)
                .sum();
    }

    WaitFigures knownWaits() {
        return waits == null ? WaitFigures.NONE : waits;
    }
}
