// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Takes samples of machines, and of the command that they work for. */
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
     * Returns a source that knows the waits of this JVM, too, if it has a flight recorder.
     *
     * @param machines the places of the machines
     * @param work called for each sample by its thread; returns what the command has done
     * @return a source; to be closed
     */
    public static SampleSource of(List<WatchedMachine> machines, Supplier<List<WorkFigure>> work) {
        return new SampleSource(System::nanoTime, machines, work, WaitEvents.begin());
    }

    /**
     * Returns a source.
     *
     * @param clock the nanoseconds of a sample
     * @param waits closed with the source; null if the waits are not known
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
