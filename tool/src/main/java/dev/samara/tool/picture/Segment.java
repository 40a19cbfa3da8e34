// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.util.ArrayList;
import java.util.List;

/**
 * A box of a picture: one mapping, or several adjacent mappings that are too small for separate boxes.
 *
 * @param start the first address
 * @param end the end of the range (exclusive)
 * @param kind the colour
 * @param rights the letters of the rights; empty if the mappings differ in them
 * @param count the number of mappings
 */
record Segment(long start, long end, BoxKind kind, String rights, int count) {
    long length() {
        return end - start;
    }

    boolean isShared() {
        return rights.endsWith("s");
    }

    private Segment with(Segment next) {
        boolean isAlike = rights.equals(next.rights);
        return new Segment(
                start, next.end, isAlike ? kind : BoxKind.DIFFERENT, isAlike ? rights : "", count + next.count);
    }

    /**
     * Returns the boxes of adjacent mappings. If there would be too many, the smallest neighbours are merged into one
     * box.
     *
     * @param mappings the mappings, each of which starts at the end of the previous one
     * @param most the maximum number of boxes
     */
    static List<Segment> of(List<Mapping> mappings, int most) {
        List<Segment> segments = new ArrayList<>();
        for (Mapping mapping : mappings) {
            segments.add(
                    new Segment(mapping.start(), mapping.end(), BoxKind.of(mapping.rights()), mapping.rights(), 1));
        }
        while (segments.size() > most) {
            int smallest = 0;
            for (int i = 1; i < segments.size() - 1; i++) {
                if (Long.compareUnsigned(pairAt(segments, i), pairAt(segments, smallest)) < 0) {
                    smallest = i;
                }
            }
            Segment joined = segments.get(smallest).with(segments.remove(smallest + 1));
            segments.set(smallest, joined);
        }
        return segments;
    }

    private static long pairAt(List<Segment> segments, int index) {
        return segments.get(index + 1).end - segments.get(index).start;
    }
}
