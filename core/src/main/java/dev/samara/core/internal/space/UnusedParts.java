// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * The parts of a layout that no thread uses, judged by how often their locks were acquired. The counts are read without
 * the locks, because a part that is mistaken for unused costs only time.
 */
final class UnusedParts {
    private UnusedParts() {}

    /** Returns how many parts may be added, if unused parts make room for new ones. */
    static int room(LayoutParts known, District part) {
        return LayoutParts.MOST - known.count() + Integer.bitCount(beside(known, part));
    }

    /** Returns the parts, one bit each, that had no operation yet, if {@code part} had many; otherwise none. */
    static int beside(LayoutParts known, District part) {
        int unused = 0;
        for (int i = 0; part.operations() >= District.LOOK && i < known.count(); i++) {
            unused |= known.district(i).operations() == 0 ? 1 << i : 0;
        }
        return unused;
    }

    /**
     * Returns the parts, one bit each, that are no longer used. These are all parts but {@code part}, if none of them
     * had an operation since the last check by {@code part}; otherwise the parts without an operation for many checks.
     * The caller holds the lock of {@code part}, and calls this at each {@linkplain District#isDueForLook check}.
     */
    static int idle(LayoutParts known, District part) {
        try {
            return idleOf(known, part);
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            return 0;
        }
    }

    private static int idleOf(LayoutParts known, District part) {
        long[] operations = new long[known.count()];
        long ofOthers = 0;
        int others = 0;
        for (int i = 0; i < operations.length; i++) {
            operations[i] = known.district(i).operations();
            if (known.district(i) != part) {
                ofOthers += operations[i];
                others |= 1 << i;
            }
        }
        int idle = part.isDueForIdle() ? part.idleSince(operations) : 0;
        return part.seesNoMore(ofOthers) ? others : idle & others;
    }
}
