// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Samples of a machine with two spaces, and of one without memory in use. */
final class MadeUpSamples {
    static final long SECOND = 1_000_000_000L;
    private static final long KIB = 1024;
    private static final long MIB = KIB * KIB;

    private MadeUpSamples() {}

    static EventTotals events(long n) {
        return new EventTotals(1000 * n, n, 12_345 * n, 3 * n, 2 * n, 4 * n, 0);
    }

    /** The sample of a moment at which everything has happened so many times. */
    static TopSample sample(double seconds, long times, int spaces) {
        return sample(seconds, times, spaces, new WaitFigures(7 * times, 20 * times, 5_000_000 * times));
    }

    static TopSample sample(double seconds, long times, int spaces, @Nullable WaitFigures waits) {
        List<SpaceFigures> listed = new ArrayList<>();
        for (int n = 1; n <= spaces; n++) {
            listed.add(new SpaceFigures("space " + n, 12, 3 * MIB, 100 * KIB, 16 * KIB, events(times)));
        }
        MachineFigures first =
                new MachineFigures("big", 3 * MIB, 64 * MIB, 156 * KIB, 2 * MIB, spaces, events(3 * times), listed);
        MachineFigures second =
                new MachineFigures("small", 0, 4 * MIB, 0, 0, 0, new EventTotals(0, 0, 0, 0, 0, 0, times), List.of());
        return new TopSample(
                (long) (seconds * SECOND),
                List.of(new WorkFigure("accesses", 1_000_000 * times), new WorkFigure("changes", times)),
                List.of(first, second),
                waits);
    }
}
