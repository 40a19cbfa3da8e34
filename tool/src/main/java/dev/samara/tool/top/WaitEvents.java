// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;
import jdk.jfr.FlightRecorder;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.jspecify.annotations.Nullable;

/**
 * Counts the waits in the library with the library's events of the flight recorder. The JVM delivers events once per
 * second, so the counts are up to a second late.
 */
final class WaitEvents implements WaitCounts {
    /** How long the recorder keeps events on disk. It delivers an event much earlier. */
    private static final Duration KEPT = Duration.ofSeconds(10);

    private final RecordingStream stream = new RecordingStream();

    /**
     * @words {@code operations}, {@code locks}, {@code nanos}
     * @written the thread of the recording (adder)
     * @read any thread (sum)
     * @invariant counts; they order nothing
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
