// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

/** The places of a script's mappings: in each space, several regions of a few pages at fixed addresses. */
final class Places {
    static final int PAGE = 4096;
    static final int SLOTS = 5;
    static final int SPACES = 2;
    static final int REGIONS = 3;

    /** The number of pages of a region. Its mapping starts at its first page. */
    static final int PAGES = 8;

    /** The first region; the judge has no memory in the regions. */
    static final long FIRST = 0x1000_0000L;

    /** The distance between regions. */
    static final long DISTANCE = 0x10_0000L;

    private Places() {}

    static long region(long number) {
        return FIRST + number * DISTANCE;
    }

    /** Returns the address that a step specifies by a region, and an offset or a first page. */
    static long address(Step step) {
        return region(step.get(Kind.REGION))
                + (step.has(Kind.FIRST) ? step.get(Kind.FIRST) * PAGE : step.get(Kind.OFFSET));
    }
}
