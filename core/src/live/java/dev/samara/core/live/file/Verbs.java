// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.util.Set;

/** Classifies verbs. */
final class Verbs {
    /**
     * Steps with which another step can run concurrently; except for reads, their results do not depend on the other
     * step.
     */
    static final Set<Verb> OUTER = Set.of(Verb.FSYNC, Verb.MSYNC, Verb.SYNC_RANGE, Verb.EVICT, Verb.PREAD);

    /** Steps that can be executed during another step. */
    static final Set<Verb> INNER = Set.of(
            Verb.PWRITE,
            Verb.APPEND,
            Verb.TRUNCATE,
            Verb.GROW,
            Verb.PUNCH,
            Verb.FSYNC,
            Verb.PREAD,
            Verb.CLOSE,
            Verb.REVALIDATE);

    /**
     * Steps that are left out if the file system is full: a hole may be punched partly, and an open may create a file
     * on one side only.
     */
    static final Set<Verb> LEFT_OUT_IF_FULL = Set.of(Verb.PUNCH, Verb.MADVISE, Verb.OPEN);

    private Verbs() {}
}
