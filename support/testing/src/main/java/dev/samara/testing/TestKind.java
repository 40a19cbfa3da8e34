// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.util.Collection;
import org.junit.platform.engine.TestTag;

/** What a test class is for, by its tags. A build has a budget for each kind. */
enum TestKind {
    /**
     * Compares with recordings of a kernel, with files of the host, or with a model: the tag {@code comparison}, also
     * where it takes a share.
     */
    COMPARISON,

    /** Tries many schedules, failures or places, of which a build takes a {@link Share}. */
    EXPLORATION,

    /** All others. */
    OTHER;

    static TestKind of(Collection<TestTag> tags) {
        TestKind kind = OTHER;
        for (TestTag tag : tags) {
            switch (tag.getName()) {
                case "comparison" -> {
                    return COMPARISON;
                }
                case "exploration", "lincheck", "interleave" -> kind = EXPLORATION;
                default -> {}
            }
        }
        return kind;
    }
}
