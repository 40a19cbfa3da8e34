// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.FlightRecording;
import java.io.IOException;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The flight recorder has an event of a grace period that waits for readers")
final class GracePeriodEventTest extends RcuFixture {
    private void assertRecorded(FlightRecording recording, boolean isPolled) throws IOException {
        RecordedEvent event = recording.event("GracePeriod");
        assertEquals(1, event.getInt("readers"));
        assertEquals("a reader", event.getString("last"));
        assertEquals(isPolled, event.getBoolean("polled"));
        assertTrue(FlightRecording.hasDuration(event));
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("by a thread that waits, and none of one that finds no reader")
    void waited() throws IOException {
        RcuReader reader = rcu.register("a reader");
        rcu.register("an idle reader");
        try (FlightRecording recording = new FlightRecording()) {
            rcu.synchronize();
            reader.readLock();
            Thread updater = started(rcu::synchronize);
            awaitParked(updater);
            reader.readUnlock();
            join(updater);
            assertRecorded(recording, false);
        }
    }

    @Test
    @DisplayName("by a thread that polls: one event, though a later grace period has begun")
    void polled() throws IOException {
        RcuReader reader = rcu.register("a reader");
        try (FlightRecording recording = new FlightRecording()) {
            long free = rcu.startPoll();
            assertTrue(rcu.poll(free));
            reader.readLock();
            long first = rcu.startPoll();
            assertFalse(rcu.poll(first));
            assertTrue(rcu.poll(free));
            reader.readUnlock();
            assertTrue(rcu.poll(first));
            long later = rcu.startPoll();
            assertTrue(rcu.poll(later));
            assertRecorded(recording, true);
        }
    }
}
