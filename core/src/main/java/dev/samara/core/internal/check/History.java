// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.check;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The last things that somebody did, each with its place in the order of all. One or many threads add; any thread
 * reads.
 */
public final class History {
    /** Something that was done. */
    private record Event(long number, String who, String what, long detail, long space, long start, long end) {
        boolean concerns(long wanted, long address) {
            return (space == wanted || space == AccessChecker.ANY)
                    && Long.compareUnsigned(start, address) <= 0
                    && (Long.compareUnsigned(address, end) < 0 || start == end);
        }

        @Override
        public String toString() {
            return String.format("  #%d %s: %s %d [0x%x, 0x%x)", number, who, what, detail, start, end);
        }
    }

    private final AccessChecker oracle;
    private final AtomicReferenceArray<Event> ring;
    private final AtomicInteger added = new AtomicInteger();

    History(AccessChecker oracle, int size) {
        this.oracle = oracle;
        ring = new AtomicReferenceArray<>(size);
    }

    /**
     * Adds something.
     *
     * @param what what was done
     * @param detail a number that says more of it
     * @param space the number of the space, or {@link AccessChecker#ANY}
     * @param start the first address that it was about
     * @param end behind the last; the same for all
     */
    public void add(String what, long detail, long space, long start, long end) {
        long number = oracle.next();
        ring.set(
                Math.floorMod(added.getAndIncrement(), ring.length()),
                new Event(number, Thread.currentThread().getName(), what, detail, space, start, end));
    }

    /** What was about an address, oldest first. */
    List<String> of(long space, long address) {
        List<Event> found = new ArrayList<>();
        for (int i = 0; i < ring.length(); i++) {
            Event event = ring.get(i);
            if (event != null && event.concerns(space, address)) {
                found.add(event);
            }
        }
        found.sort((one, other) -> Long.compare(one.number, other.number));
        return found.stream().map(Event::toString).toList();
    }
}
