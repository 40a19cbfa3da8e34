// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.util.Set;

/** Kinds of verbs. */
final class Verbs {
    /** Steps beside which another one can be made: what they return does not depend on it, but for a read. */
    static final Set<Verb> OUTER = Set.of(Verb.FSYNC, Verb.MSYNC, Verb.SYNC_RANGE, Verb.EVICT, Verb.PREAD);

    /** Steps that can be made beside another one. */
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

    /** A hole may be made in part, and an open may create a file on one side only. */
    static final Set<Verb> LEFT_OUT_IF_FULL = Set.of(Verb.PUNCH, Verb.MADVISE, Verb.OPEN);

    private Verbs() {}
}
