// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Takes samples of machines, and of the command that uses them. */
public final class SampleSource implements AutoCloseable {
    private final LongSupplier clock;
    private final List<WatchedMachine> machines;
    private final Supplier<List<WorkFigure>> work;
    private final @Nullable WaitCounts waits;

    private SampleSource(
            LongSupplier clock,
            List<WatchedMachine> machines,
            Supplier<List<WorkFigure>> work,
            @Nullable WaitCounts waits) {
        this.clock = clock;
        this.machines = List.copyOf(machines);
        this.work = work;
        this.waits = waits;
    }

    /**
     * Returns a source that also counts the waits of this JVM, if it has a flight recorder.
     *
     * @param machines the watched machines
     * @param work called for each sample, by the thread that takes it; returns the counts of the command's work
     * @return a source, which the caller must close
     */
    public static SampleSource of(List<WatchedMachine> machines, Supplier<List<WorkFigure>> work) {
        return new SampleSource(System::nanoTime, machines, work, WaitEvents.begin());
    }

    /**
     * Returns a source.
     *
     * @param clock returns the time of a sample in nanoseconds
     * @param waits counts waits, and is closed with the source; null if waits are not counted
     */
    static SampleSource of(
            LongSupplier clock,
            List<WatchedMachine> machines,
            Supplier<List<WorkFigure>> work,
            @Nullable WaitCounts waits) {
        return new SampleSource(clock, machines, work, waits);
    }

    TopSample sample() {
        return new TopSample(
                clock.getAsLong(),
                work.get(),
                machines.stream().map(WatchedMachine::figures).toList(),
                waits == null ? null : waits.figures());
    }

    @Override
    public void close() {
        if (waits != null) {
            waits.close();
        }
    }
}
