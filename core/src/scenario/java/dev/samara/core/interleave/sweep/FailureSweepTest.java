// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.Injection;
import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A share of the sweep: one in 480 stack depths, each point of all other kinds, and a share of the allocations: one in
 * three for operations on private memory, one in four for operations on host files, and one in 24 for all other
 * operations. Each operation fails at least once. A build runs a share of the operations; {@link Failures} runs
 * everything.
 */
@DisplayName("Each operation, with failures that it can meet")
@Tag("interleave")
@Timeout(1200)
@Explored(8)
final class FailureSweepTest {
    /** The stride of stack depths. */
    private static final int DEPTHS = 480;

    /** The stride of allocations of operations on files, shared memory, the heap and early reuse. */
    private static final int ON_GROUNDS = 24;

    /** The stride of allocations of operations on host files. */
    private static final int ON_HOST_FILES = 4;

    /** The stride of allocations of operations on private memory. */
    private static final int ON_PRIVATE_MEMORY = 3;

    /** Operations that failed at only a few depths. Mutants of the search {@code failures} are further ones. */
    private static final Set<String> AT_EACH_DEPTH = Set.of("collect", "device-move", "read-fault");

    /** Operations that fail at only one allocation if a step is forgotten. */
    private static final Set<String> AT_EACH_ALLOCATION =
            Set.of("first-read@HOST_FILE", "munmap-many", "pwrite-far@PRIVATE_FILE");

    /** Operations that wait for a CPU in GUEST. */
    private static final List<String> WAITING = List.of(
            "munmap",
            "munmap-async",
            "mremap",
            "mprotect",
            "fork",
            "close",
            "reap",
            "copy-on-write",
            "collect",
            "truncate@SHARED_FILE",
            "ends-unmapping");

    @ParameterizedTest
    @EnumSource
    @DisplayName(
            "alone: a share of the depths of the stack, and of allocations on files; the profile interleave has all")
    @Explored(1)
    void alone(FailureKind kind) {
        FailureSweep sweep = new FailureSweep(1);
        List<String> failures = new ArrayList<>();
        int points = 0;
        // The same operations for each kind, so that the points of a run without a failure are counted only once.
        Share share = Share.of("operations with failures", 32);
        for (String scenario : share.of(FailureKinds.names())) {
            int stride = stride(scenario, kind);
            for (Injection.Scope scope : Injection.Scope.values()) {
                if (scope == Injection.Scope.CALLERS || kind != FailureKind.STACK) {
                    FailureSweep.Result result = sweep.sweep(scenario, kind, scope, stride);
                    points += result.points();
                    failures.addAll(result.failures());
                    assertTrue(result.runs() > 0 || result.points() == 0, () -> scenario + " did not fail");
                }
            }
        }
        assertEquals(List.of(), failures);
        assertTrue(points > 0 || !share.isWhole(), "no point was reached");
    }

    private static int stride(String scenario, FailureKind kind) {
        if (kind == FailureKind.STACK) {
            return AT_EACH_DEPTH.contains(scenario) ? 1 : DEPTHS;
        }
        if (kind == FailureKind.ALLOCATION && !AT_EACH_ALLOCATION.contains(scenario)) {
            return scenario.endsWith("@HOST_FILE")
                    ? ON_HOST_FILES
                    : scenario.contains("@") ? ON_GROUNDS : ON_PRIVATE_MEMORY;
        }
        return 1;
    }

    @ParameterizedTest
    @EnumSource(names = {"INTERRUPT", "CLOCK_STOPS", "CLOCK_LEAPS"})
    @DisplayName("interrupted, or with a clock that stops or leaps, while it waits for a CPU")
    @Explored(1)
    void waits(FailureKind kind) {
        FailureSweep sweep = new FailureSweep(1);
        List<String> failures = new ArrayList<>();
        int points = 0;
        Share share = Share.of("waits with failures", 8);
        for (String other : share.of(WAITING)) {
            for (Injection.Scope scope : Injection.Scope.values()) {
                FailureSweep.Result result = sweep.sweep(FailureKinds.STAYS + '+' + other, kind, scope);
                points += result.points();
                failures.addAll(result.failures());
            }
        }
        assertEquals(List.of(), failures);
        assertTrue(points > 0 || !share.isWhole(), "no point was reached");
    }

    /**
     * Sweeps each allocation, because a share would omit the few allocations between the index and the mappings, or
     * the one between an unhooked page and its place among the pages to free.
     */
    @ParameterizedTest
    @ValueSource(strings = {"evict@HOST_FILE", "munmap"})
    @DisplayName("at each allocation: pages are where they were, or they are handed over or freed")
    @Explored(1)
    void atEachAllocation(String scenario) {
        FailureSweep.Result result =
                new FailureSweep(1).sweep(scenario, FailureKind.ALLOCATION, Injection.Scope.CALLERS);
        assertEquals(List.of(), result.failures());
        assertTrue(result.points() > 0, "no point was reached");
    }

    @ParameterizedTest
    @CsvSource({
        "munmap+mmap-async, ALLOCATION",
        "truncate@PRIVATE_FILE+pwrite@PRIVATE_FILE, ALLOCATION",
        "truncate@SHARED_FILE+pwrite@SHARED_FILE, CALLBACK_CHECKED",
        "file-close@SHARED_FILE+pwrite@SHARED_FILE, ALLOCATION",
        "munmap@CACHED_FILE+mmap@CACHED_FILE, ALLOCATION"
    })
    @DisplayName("in pairs of which one was told a failure that was none, or left a trace of one")
    void foundInPairs(String pair, FailureKind kind) {
        FailureSweep.Result result = new FailureSweep(1).sweep(pair, kind, Injection.Scope.CALLERS);
        assertEquals(List.of(), result.failures());
        assertTrue(result.points() > 0, "no point was reached");
    }
}
