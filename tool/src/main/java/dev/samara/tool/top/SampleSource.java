// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import jdk.jfr.FlightRecorder;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
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

    /**
     * Counts the waits in the library with the library's events of the flight recorder. The JVM delivers events once
     * per second, so the counts are up to a second late.
     */
    static final class WaitEvents implements WaitCounts {
        /** How long the recorder keeps events on disk. It delivers an event much earlier. */
        private static final Duration KEPT = Duration.ofSeconds(10);

        private final RecordingStream stream = new RecordingStream();

        /**
         * Words: {@code operations}, {@code locks}, {@code nanos}.
         * Written: the thread of the recording (adder).
         * Read: any thread (sum).
         * Invariant: counts; they order nothing.
         */
        private final LongAdder operations = new LongAdder();

        private final LongAdder locks = new LongAdder();
        private final LongAdder nanos = new LongAdder();

        private WaitEvents() {}

        /** Starts to count; returns null if this JVM has no flight recorder. */
        static @Nullable WaitEvents begin() {
            if (!FlightRecorder.isAvailable()) {
                return null;
            }
            WaitEvents begun = new WaitEvents();
            begun.count("dev.samara.Wait", begun.operations);
            begun.count("dev.samara.LockWait", begun.locks);
            begun.stream.setOrdered(false);
            begun.stream.setMaxAge(KEPT);
            begun.stream.startAsync();
            return begun;
        }

        private void count(String event, LongAdder counter) {
            stream.enable(event).withoutThreshold().withoutStackTrace();
            stream.onEvent(event, (RecordedEvent recorded) -> {
                counter.increment();
                nanos.add(recorded.getDuration().toNanos());
            });
        }

        @Override
        public WaitFigures figures() {
            return new WaitFigures(operations.sum(), locks.sum(), nanos.sum());
        }

        @Override
        public void close() {
            stream.close();
        }
    }
}
