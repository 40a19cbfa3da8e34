// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

/**
 * A value as an embedder might store it: its fields are not final, so only the tree's publication makes them visible.
 */
final class Area {
    long start;
    long end;

    Area() {}

    Area(long start, long end) {
        this.start = start;
        this.end = end;
    }
}
