// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.interleave.pair.Combination.Cpus;
import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.core.interleave.pair.Combination.Spaces;
import dev.samara.core.interleave.scenario.Ground;
import java.util.ArrayList;
import java.util.List;

/**
 * The names of scenarios in which a thread makes a decision, and checks it again under a lock: a fault that copies,
 * reuses or installs a page, a save, or an eviction. The concurrent operation may invalidate the decision.
 */
final class DecisionSets {
    /**
     * The operations that run concurrently with an operation on a host file: all that affect entries, or the file's
     * pages or size.
     */
    static final List<String> BESIDE_FILES = List.of(
            "fsync",
            "msync",
            "evict",
            "truncate",
            "punch",
            "pwrite",
            "pread",
            "load",
            "store",
            "in-guest",
            "polls",
            "pin",
            "read-fault",
            "write-fault",
            "munmap",
            "mremap",
            "mprotect",
            "dontneed",
            "fork",
            "close",
            "collect");

    /** A triple of {@link #ofPolls}: a fork and a munmap of the pages that it copies, beside a CPU that polls. */
    static final String FORK_BESIDE_POLLS =
            name(List.of("fork", "munmap", AccessKinds.POLLS), Ground.ANONYMOUS, Spaces.ENDED, Cpus.WARM);

    /** The operations that change an entry, or its mapping. */
    private static final List<String> CHANGES =
            List.of("fork", "munmap", "mprotect", "dontneed", "mremap", "mmap", "guard", "collect");

    private static final List<String> FAULTS = List.of("store", "write-fault", "read-fault", "write-forced", "pin");

    private DecisionSets() {}

    private static String name(List<String> kinds, Ground ground, Spaces spaces, Cpus cpus) {
        return new Combination(kinds, Relation.SAME, ground, spaces, cpus).toString();
    }

    /** Returns pairs on a host file, whose first operation saves the file, frees its pages or truncates it. */
    static List<String> ofFiles(String kind, Cpus cpus) {
        List<String> names = new ArrayList<>();
        for (String other : BESIDE_FILES) {
            names.add(name(List.of(kind, other), Ground.HOST_FILE, Spaces.ONE, cpus));
        }
        return names;
    }

    /** Returns all pairs on a host file. */
    static List<String> ofFiles() {
        List<String> names = new ArrayList<>();
        for (String kind : List.of("fsync", "evict", "truncate")) {
            names.addAll(ofFiles(kind, Cpus.COLD));
            names.addAll(ofFiles(kind, Cpus.WARM));
        }
        return names;
    }

    /**
     * Returns pairs of a fault and a concurrent change, on pages that were shared with a child, and on pages of files.
     */
    static List<String> ofFaults() {
        List<String> names = new ArrayList<>();
        for (String fault : FAULTS) {
            for (String change : CHANGES) {
                names.add(name(List.of(fault, change), Ground.ANONYMOUS, Spaces.ENDED, Cpus.COLD));
                names.add(name(List.of(fault, change), Ground.PRIVATE_FILE, Spaces.ENDED, Cpus.COLD));
                names.add(name(List.of(fault, change), Ground.SHARED_FILE, Spaces.ONE, Cpus.WARM));
            }
            for (String change : List.of("truncate", "punch")) {
                names.add(name(List.of(fault, change), Ground.PRIVATE_FILE, Spaces.ENDED, Cpus.COLD));
                names.add(name(List.of(fault, change), Ground.CACHED_FILE, Spaces.ONE, Cpus.COLD));
            }
        }
        return names;
    }

    /** Returns triples of two calls that remove, save or free something, and a CPU that stays in GUEST and polls. */
    static List<String> ofPolls() {
        List<String> names = new ArrayList<>();
        for (String one : List.of("fsync", "evict", "truncate")) {
            for (String other : List.of("munmap", "mremap", "mprotect", "dontneed", "close")) {
                names.add(name(List.of(one, other, AccessKinds.POLLS), Ground.HOST_FILE, Spaces.ONE, Cpus.WARM));
            }
        }
        for (String one : List.of("munmap", "mprotect", "dontneed", "fork", "collect")) {
            for (String other : List.of("munmap", "mprotect", "mremap")) {
                names.add(name(List.of(one, other, AccessKinds.POLLS), Ground.ANONYMOUS, Spaces.ENDED, Cpus.WARM));
            }
        }
        return names;
    }
}
