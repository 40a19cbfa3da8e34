// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.check;

import dev.samara.core.internal.sync.Addresses;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The latest events of one CPU or of all calls, each with its number in the order of all events of the machine. One or
 * several threads add events; any thread reads.
 */
public final class History {
    /** Used in place of a space's number, for all spaces. */
    public static final long ANY = 0;

    private record HistoryEvent(long number, String who, String what, long detail, long space, long start, long end) {
        boolean concerns(long wanted, long address) {
            return (space == wanted || space == ANY)
                    && Addresses.isAtMost(start, address)
                    && (Addresses.isBelow(address, end) || start == end);
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "  #%d %s: %s %d [0x%x, 0x%x)", number, who, what, detail, start, end);
        }
    }

    /**
     * Written: a thread that adds to a history (get-and-add).
     * Read: a thread that adds to a history (get-and-add).
     * Invariant: every event of a checked machine has a different number, which orders the events.
     */
    private final AtomicLong numbers;

    /**
     * Written: the thread that adds an event (volatile).
     * Read: a thread that reports a violation (volatile).
     * Invariant: events never change; the latest event overwrites the oldest.
     */
    private final AtomicReferenceArray<HistoryEvent> ring;

    /**
     * Written: the thread that adds an event (get-and-add).
     * Read: the thread that adds an event (get-and-add).
     * Invariant: the position of the next event.
     */
    private final AtomicInteger added = new AtomicInteger();

    /**
     * Creates an empty history.
     *
     * @param numbers the number of the last event of the machine
     * @param size the maximum number of events that the history keeps
     */
    History(AtomicLong numbers, int size) {
        this.numbers = numbers;
        ring = new AtomicReferenceArray<>(size);
    }

    /**
     * Adds an event.
     *
     * @param what the event, for messages
     * @param detail a number that details the event
     * @param space the number of the space, or {@link #ANY}
     * @param start the first address of the event
     * @param end the end of the range, exclusive; equal to the start for the whole space
     */
    public void add(String what, long detail, long space, long start, long end) {
        long number = numbers.incrementAndGet();
        ring.set(
                Math.floorMod(added.getAndIncrement(), ring.length()),
                new HistoryEvent(number, Thread.currentThread().getName(), what, detail, space, start, end));
    }

    /** Returns the events that concern an address, oldest first. */
    List<String> of(long space, long address) {
        List<HistoryEvent> found = new ArrayList<>();
        for (int i = 0; i < ring.length(); i++) {
            HistoryEvent event = ring.get(i);
            if (event != null && event.concerns(space, address)) {
                found.add(event);
            }
        }
        found.sort((one, other) -> Long.compare(one.number, other.number));
        return found.stream().map(HistoryEvent::toString).toList();
    }
}
