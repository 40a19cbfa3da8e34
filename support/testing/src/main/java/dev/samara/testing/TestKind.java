// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.util.Collection;
import org.junit.platform.engine.TestTag;

/** The kind of a test class, according to its tags. A build has a budget for each kind. */
enum TestKind {
    /**
     * Compares with recordings of a kernel, with host files, or with a model. These are the classes with the tag {@code
     * comparison}, even if they run only a share.
     */
    COMPARISON,

    /** Tries many schedules, failures or places, of which a build runs a {@link Share}. */
    EXPLORATION,

    /** All other classes. */
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
