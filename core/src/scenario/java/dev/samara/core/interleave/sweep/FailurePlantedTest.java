// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static dev.samara.interleave.failure.Injection.Scope.CALLERS;
import static dev.samara.interleave.failure.Injection.Scope.MACHINE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.Injection;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.Plantings;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.testing.Explored;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Fixed bugs that occur only if an error is thrown at one instruction, planted again. Nothing is found without the
 * mutant.
 */
@DisplayName("Injected failures find mended bugs that are planted again")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(16)
final class FailurePlantedTest {
    private static final String CORE = "dev.samara.core.internal.";
    private static final String FILE = CORE + "file.";

    /**
     * A mutant, and the run that finds it.
     *
     * @param name the bug
     * @param scenario the operation
     * @param kind the kind of failure
     * @param scope the threads that meet the failure
     * @param row the rest of its row in docs/interleavings.md, after the name; empty if it has no row there
     * @param planting plants the mutant
     */
    record Planted(
            String name,
            String scenario,
            FailureKind kind,
            Injection.Scope scope,
            List<String> row,
            Planting planting) {
        private Planted(String name, String scenario, FailureKind kind, Injection.Scope scope, Planting planting) {
            this(name, scenario, kind, scope, List.of(), planting);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /**
     * Returns the rest of a table's row: the operation, the failure, and the number of runs up to the first wrong one.
     */
    private static List<String> found(String operation, String failure, int runs) {
        return List.of(operation, failure, "" + runs);
    }

    private static final String FAILED = """
                } catch (Throwable thrown) {
                    fail(thrown);
                    return false;
                }
                return end();
        """;

    private static final String END = """
                    } finally {
                        end(parent, copy);
                    }
        """;

    static final List<Planted> ALL = List.of(
            new Planted(
                    "an exception within a retirement ends it",
                    "mremap",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    found("`mremap`", "allocation", 113),
                    SourceMutant.of(
                            CORE + "op.RetirementRun",
                            FAILED,
                            FAILED.replace("fail(thrown);", "report(thrown);").replace("return false;", ""))),
            new Planted(
                    "a fork that fails leaves its copy registered",
                    "fork",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    found("`fork`", "allocation", 83),
                    SourceMutant.of(
                            CORE + "syscall.Fork",
                            END,
                            "} catch (IllegalMonitorStateException never) { throw never; } end(parent, copy);")),
            new Planted(
                    "a CPU that cannot catch up stays in GUEST",
                    "guest",
                    FailureKind.STACK,
                    CALLERS,
                    found("`enterGuest`", "stack", 40),
                    SourceMutant.of(CORE + "tlb.CpuTlb", "            state.word = outside;\n", "")),
            new Planted(
                    "a frame is lost when a store throws",
                    "write-fault",
                    FailureKind.CALLBACK_EXCEPTION,
                    CALLERS,
                    found("first write", "callback", 1),
                    Plantings.withoutCall(CORE + "page.Frames", "allocate", "untake", 0)),
            new Planted(
                    "a frame is lost when there is no memory for a leaf",
                    "far-store",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    found("first write", "allocation", 1),
                    Plantings.withoutCall(CORE + "fault.AnonymousFault", "mapFresh", "drop", 0)),
            new Planted(
                    "the frame of a copy is lost when the store throws",
                    "copy-on-write",
                    FailureKind.CALLBACK_EXCEPTION,
                    CALLERS,
                    found("copy on write", "callback", 1),
                    Plantings.withoutCall(CORE + "fault.CopyOnWrite", "copyPage", "giveBack", 0)),
            new Planted(
                    "the frame of a fault is lost when there is no memory to register the cache",
                    "device-load",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    found("load from a device", "allocation", 11),
                    Plantings.withoutCall(FILE + "FreshPages", "put", "drop", 0)),
            new Planted(
                    "a truncation meets the end of the stack after the size has changed",
                    "truncate@SHARED_FILE",
                    FailureKind.STACK,
                    CALLERS,
                    found("`truncate`, shared", "stack", 181),
                    Plantings.withoutCall(FILE + "Truncation", "truncate", "check", 0)),
            new Planted(
                    "a hole meets the end of the stack after its pages have left the index",
                    "punch@SHARED_FILE",
                    FailureKind.STACK,
                    CALLERS,
                    found("`punch`, shared", "stack", 100),
                    Plantings.withoutCall(FILE + "Truncation", "punch", "check", 0)
                            .and(Plantings.withoutCall(FILE + "Removals", "remove", "check", 0))),
            new Planted(
                    "a reclaim meets the end of the stack after its pages have left the index",
                    "reclaim@CACHED_FILE",
                    FailureKind.STACK,
                    CALLERS,
                    found("first write", "stack", 406),
                    // The fault checks the stack first, and in this scenario reserves enough.
                    Plantings.withoutCall(FILE + "CleanPageReclaim", "run", "check", 0)
                            .and(Plantings.withoutCall(CORE + "guest.TranslatedMemory", "faultIn", "check", 0))),
            new Planted(
                    "a read of a file of the host takes a frame before it has memory for the list of its frames",
                    "first-read@HOST_FILE",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    SourceMutant.of(
                            CORE + "hostfile.PageReads",
                            "        ReadArraysPool.ReadArrays arrays = pool.take(most);\n",
                            "int early = pages.allocate(); int[] list = new int[most];"
                                    + " ReadArraysPool.ReadArrays arrays = pool.take(list.length);"
                                    + " pages.free(early);")),
            new Planted(
                    "an eviction has no memory for an empty index before its frames are handed over",
                    "evict@HOST_FILE",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    SourceMutant.of(
                                    FILE + "Eviction",
                                    "        int size = batch.handOver(freed);\n",
                                    "batch.prune(); int size = batch.handOver(freed);")
                            // The only leaf of a small file is kept; the leaves of a large file are created anew.
                            .and(SourceMutant.of(
                                    FILE + "PageIndex",
                                    "if (from.height > 0 || ((int[]) from.top).length > least) {",
                                    "if (from.height >= 0) {"))),
            new Planted(
                    "a write makes the file larger before there is memory for its page",
                    "pwrite-far@PRIVATE_FILE",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    SourceMutant.of(FILE + "FileBytes", "                fresh.reserve(page);\n", "")),
            new Planted(
                    "an eviction that fails puts back only the pages that are in use",
                    "evict@HOST_FILE",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    found("`evict`, file of the host", "allocation", 30),
                    SourceMutant.of(
                            FILE + "Eviction",
                            "batch.putBack(isLastChance, !isOver);",
                            "batch.putBack(isLastChance, isOver && !isOver);")),
            new Planted(
                    "an open that cannot be handed on keeps the others from their end",
                    "mprotect@CACHED_FILE",
                    FailureKind.STACK,
                    CALLERS,
                    found("`mprotect` of a file", "stack", 303),
                    // The operation checks the stack first, and in this scenario reserves enough.
                    SourceMutant.of(CORE + "op.BackingQuestions", "failed = exhausted;", "throw exhausted;")
                            .and(Plantings.withoutCall(CORE + "op.Operation", "run", "check", 0))),
            new Planted(
                    "a shootdown waits for a CPU whose thread has ended in GUEST",
                    "ends-in-guest",
                    FailureKind.CALLBACK_ERROR,
                    CALLERS,
                    found("ends in GUEST", "none", 1),
                    SourceMutant.of(
                            CORE + "cpu.CpuOwner",
                            "return of != null && !of.isAlive() && of == thread();",
                            "return false;")),
            new Planted(
                    "the housekeeping pauses for as long as the clock has leapt",
                    "stays-in-guest+munmap-async",
                    FailureKind.CLOCK_LEAPS,
                    MACHINE,
                    found("`munmapAsync` beside GUEST", "clock, machine", 6),
                    SourceMutant.of(CORE + "sync.Housekeeping", "Math.min(left, LONGEST_REST)", "left")),
            new Planted(
                    "a wait for CPUs loses an interrupt",
                    "stays-in-guest+munmap",
                    FailureKind.INTERRUPT,
                    CALLERS,
                    found("`munmap` beside GUEST", "interrupt", 2),
                    SourceMutant.of(CORE + "cpu.Shootdowns", "if (interrupted) {", "if (false) {")),
            new Planted(
                    "a borrow that fails leaves a user of the CPU's own space",
                    "use",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    SourceMutant.of(
                            "dev.samara.core.BorrowedSpace",
                            "            if (made == null && homeUser != null) {\n",
                            "            if (made != null && homeUser == null) {\n",
                            "homeUser.close();\n            }\n            cpu.endLeft();",
                            "}\n            cpu.endLeft();")),
            new Planted(
                    "a CPU that cannot arrive in the space that it borrows is nowhere",
                    "use-elsewhere",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    SourceMutant.of(
                            CORE + "vcpu.Vcpu", "            if (!isThere && home != null) {\n", "if (false) {\n")),
            new Planted(
                    "exec closes the reference to the old space before it has the new one",
                    "exec-elsewhere",
                    FailureKind.ALLOCATION,
                    CALLERS,
                    SourceMutant.of(
                            CORE + "vcpu.ExecMmap",
                            "            if (cpu.enterOrStay(next, layout, old) && old != null) {",
                            "closesOld.run(); if (cpu.enterOrStay(next, layout, old) && old != null) {")),
            new Planted(
                    "exec meets the end of the stack when it has the new space, and the old one is not closed",
                    "exec",
                    FailureKind.STACK,
                    CALLERS,
                    Plantings.withoutCall(CORE + "vcpu.ExecMmap", "exec", "check", 0)));

    static List<Planted> all() {
        return ALL;
    }

    @ParameterizedTest
    @MethodSource("all")
    @DisplayName("is found, and nothing is found without it")
    void found(Planted of) {
        FailureSweep.Result broken = new FailureSweep(1, of.planting()).sweep(of.scenario(), of.kind(), of.scope());
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(of + ": " + broken.runs() + " runs, " + broken.failures());
        }
        assertNotEquals(List.of(), broken.failures());
        FailureSweep.Result unchanged = new FailureSweep(1).sweep(of.scenario(), of.kind(), of.scope());
        assertEquals(List.of(), unchanged.failures());
    }
}
