// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

/**
 * The compared range: the mappings of a world's pages and of some pages around them, and the contents of the world's
 * pages.
 */
final class Range {
    private static final long PAGE = 4096;
    private static final long AROUND = 16 * PAGE;

    private Range() {}

    static long start(Place world) {
        return Math.max(0, world.base() - AROUND);
    }

    static long end(Place world) {
        return world.end() + AROUND;
    }
}
