// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.interleave.pair.Combination.Cpus;
import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.core.interleave.pair.Combination.Spaces;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Pairs of operations on a file of the host")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(8)
final class HostFilePairsTest {
    private static final int MOST = 20_000;

    /** The other operations: each that has to do with entries, with pages of the file, or with its size. */
    private static final List<String> OTHERS = List.of(
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
            "read-fault",
            "write-fault",
            "munmap",
            "mremap",
            "mprotect",
            "dontneed",
            "fork",
            "close",
            "collect");

    private static List<String> names(String kind) {
        List<String> names = new ArrayList<>();
        for (String other : OTHERS) {
            names.add(new Combination(List.of(kind, other), Relation.SAME, Ground.HOST_FILE, Spaces.ONE, Cpus.WARM)
                    .toString());
        }
        return names;
    }

    @ParameterizedTest
    @ValueSource(strings = {"fsync", "evict", "truncate"})
    @DisplayName("of which one saves it, frees its pages or makes it shorter, in all schedules with one preemption")
    void pairs(String kind) throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        pairs.explore(names(kind), 2);
        if (Boolean.getBoolean("interleave.report")) {
            pairs.print(System.out);
        }
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }
}
