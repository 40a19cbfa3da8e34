// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import java.util.Map;
import java.util.TreeMap;

/** A set of user addresses, stored as disjoint ranges {@code [start, end)}. Not thread-safe. */
final class PageSet {
    private final TreeMap<Long, Long> endByStart;

    PageSet() {
        endByStart = new TreeMap<>();
    }

    private PageSet(Map<Long, Long> endByStart) {
        this.endByStart = new TreeMap<>(endByStart);
    }

    PageSet copy() {
        return new PageSet(endByStart);
    }

    boolean isEmpty() {
        return endByStart.isEmpty();
    }

    void add(long start, long end) {
        if (start >= end) {
            return;
        }
        long newStart = start;
        long newEnd = end;
        Map.Entry<Long, Long> touching = endByStart.floorEntry(end);
        while (touching != null && touching.getValue() >= start) {
            newStart = Math.min(newStart, touching.getKey());
            newEnd = Math.max(newEnd, touching.getValue());
            endByStart.remove(touching.getKey());
            touching = endByStart.floorEntry(end);
        }
        endByStart.put(newStart, newEnd);
    }

    void remove(long start, long end) {
        if (start >= end) {
            return;
        }
        Map.Entry<Long, Long> overlapping = endByStart.lowerEntry(end);
        while (overlapping != null && overlapping.getValue() > start) {
            endByStart.remove(overlapping.getKey());
            if (overlapping.getValue() > end) {
                endByStart.put(end, overlapping.getValue());
            }
            if (overlapping.getKey() < start) {
                endByStart.put(overlapping.getKey(), start);
            }
            overlapping = endByStart.lowerEntry(overlapping.getKey());
        }
    }

    boolean contains(long start, long end) {
        Map.Entry<Long, Long> range = endByStart.floorEntry(start);
        return range != null && range.getValue() >= end;
    }

    /** Makes {@code [target, target + length)} equal to {@code [source, source + length)}. */
    void copyRange(long source, long length, long target) {
        if (endByStart.isEmpty()) {
            return;
        }
        PageSet moved = new PageSet();
        Map.Entry<Long, Long> range = endByStart.lowerEntry(source + length);
        while (range != null && range.getValue() > source) {
            long start = Math.max(range.getKey(), source);
            long end = Math.min(range.getValue(), source + length);
            moved.add(start - source + target, end - source + target);
            range = endByStart.lowerEntry(range.getKey());
        }
        remove(target, target + length);
        moved.endByStart.forEach(this::add);
    }
}
