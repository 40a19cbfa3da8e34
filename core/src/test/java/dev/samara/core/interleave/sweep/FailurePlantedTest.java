// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.samara.core.interleave.failure.FailureKind;
import dev.samara.core.interleave.failure.Injection;
import dev.samara.core.interleave.instrument.Planting;
import dev.samara.core.interleave.instrument.Plantings;
import dev.samara.core.interleave.instrument.SourceBreak;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Bugs that need an error at one instruction, planted again. Without the break nothing is found. */
@DisplayName("Injected failures find mended bugs that are planted again")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
final class FailurePlantedTest {
    private static final String CORE = "dev.samara.core.internal.";
    private static final String FILE = CORE + "file.";

    private static void found(String scenario, FailureKind kind, Planting... breaks) {
        found(scenario, kind, Injection.Scope.CALLERS, breaks);
    }

    private static void found(String scenario, FailureKind kind, Injection.Scope scope, Planting... breaks) {
        FailureSweep.Result broken = new FailureSweep(1, breaks).sweep(scenario, kind, scope);
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(scenario + ", " + kind + ": " + broken.runs() + " runs, " + broken.failures());
        }
        assertNotEquals(List.of(), broken.failures());
        FailureSweep.Result unchanged = new FailureSweep(1).sweep(scenario, kind, scope);
        assertEquals(List.of(), unchanged.failures());
    }

    @Test
    @DisplayName("an exception within a retirement ends it")
    void retirement() {
        String failed = """
                } catch (Throwable thrown) {
                    fail(thrown);
                    return false;
                }
                return end();
        """;
        found(
                "mremap",
                FailureKind.ALLOCATION,
                SourceBreak.of(
                        CORE + "op.RetirementRun",
                        failed,
                        failed.replace("fail(thrown);", "report(thrown);").replace("return false;", "")));
    }

    @Test
    @DisplayName("a fork that fails leaves its copy registered")
    void copyOfAFork() {
        String end = """
                    } finally {
                        // Until the copy ends, no range that the parent has unmapped since is complete.
                        end(parent, copy);
                    }
        """;
        found(
                "fork",
                FailureKind.ALLOCATION,
                SourceBreak.of(
                        CORE + "syscall.Fork",
                        end,
                        "} catch (IllegalMonitorStateException never) { throw never; } end(parent, copy);"));
    }

    @Test
    @DisplayName("a CPU that cannot catch up stays in GUEST")
    void staysInGuest() {
        found("guest", FailureKind.STACK, Plantings.withoutCall(CORE + "tlb.CpuTlb", "enterGuest", "abandonGuest", 0));
    }

    @Test
    @DisplayName("a frame is lost when a store throws")
    void lostFrame() {
        found(
                "write-fault",
                FailureKind.CALLBACK_EXCEPTION,
                Plantings.withoutCall(CORE + "page.Frames", "allocate", "untake", 0));
    }

    @Test
    @DisplayName("a frame is lost when there is no memory for a leaf")
    void lostFrameOfALeaf() {
        found(
                "far-store",
                FailureKind.ALLOCATION,
                Plantings.withoutCall(CORE + "fault.AnonymousFault", "mapFresh", "drop", 0));
    }

    @Test
    @DisplayName("the frame of a copy is lost when the store throws")
    void lostFrameOfACopy() {
        found(
                "copy-on-write",
                FailureKind.CALLBACK_EXCEPTION,
                Plantings.withoutCall(CORE + "fault.CopyOnWrite", "copyPage", "giveBack", 0));
    }

    @Test
    @DisplayName("a truncation meets the end of the stack after the size has changed")
    void truncation() {
        found(
                "truncate@SHARED_FILE",
                FailureKind.STACK,
                Plantings.withoutCall(FILE + "Truncation", "truncate", "check", 0));
    }

    @Test
    @DisplayName("a hole meets the end of the stack after its pages have left the index")
    void hole() {
        found(
                "punch@SHARED_FILE",
                FailureKind.STACK,
                Plantings.withoutCall(FILE + "Truncation", "punch", "check", 0),
                Plantings.withoutCall(FILE + "Removals", "remove", "check", 0));
    }

    @Test
    @DisplayName("a reclaim meets the end of the stack after its pages have left the index")
    void reclaim() {
        found("reclaim@CACHED_FILE", FailureKind.STACK, Plantings.withoutCall(FILE + "Reclaim", "run", "check", 0));
    }

    @Test
    @DisplayName("an open that cannot be handed on keeps the others from their end")
    void opensOfARefusedCall() {
        found(
                "mprotect@CACHED_FILE",
                FailureKind.STACK,
                SourceBreak.of(CORE + "op.BackingCallbacks", "failed = exhausted;", "throw exhausted;"));
    }

    @Test
    @DisplayName("a shootdown waits for a CPU whose thread has ended in GUEST")
    void endedInGuest() {
        found(
                "ends-in-guest",
                FailureKind.CALLBACK_ERROR,
                SourceBreak.of(
                        CORE + "cpu.CpuState", "return of != null && !of.isAlive() && of == owner;", "return false;"));
    }

    @Test
    @DisplayName("the housekeeping pauses for as long as the clock has leapt")
    void pausesForTheLeap() {
        found(
                "stays-in-guest+munmap-async",
                FailureKind.CLOCK_LEAPS,
                Injection.Scope.MACHINE,
                SourceBreak.of(CORE + "sync.Housekeeping", "Math.min(left, LONGEST_REST)", "left"));
    }

    @Test
    @DisplayName("a wait for CPUs loses an interrupt")
    void lostInterrupt() {
        found(
                "stays-in-guest+munmap",
                FailureKind.INTERRUPT,
                SourceBreak.of(CORE + "cpu.Cpus", "if (interrupted) {", "if (false) {"));
    }

    @Test
    @DisplayName("a borrow that fails leaves a user of the CPU's own space")
    void userOfABorrow() {
        found(
                "use",
                FailureKind.ALLOCATION,
                SourceBreak.of(
                        "dev.samara.core.BorrowedSpace",
                        "            if (made == null && homeUser != null) {\n",
                        "            if (made != null && homeUser == null) {\n",
                        "homeUser.close();\n            }\n            cpu.endLeft();",
                        "}\n            cpu.endLeft();"));
    }

    @Test
    @DisplayName("a CPU that cannot arrive in the space that it borrows is nowhere")
    void nowhereAfterABorrow() {
        found(
                "use-elsewhere",
                FailureKind.ALLOCATION,
                SourceBreak.of(
                        "dev.samara.core.Cpu", "            if (!isThere && own != null) {\n", "if (false) {\n"));
    }

    @Test
    @DisplayName("exec closes the reference to the old space before it has the new one")
    void execTooEarly() {
        found(
                "exec-elsewhere",
                FailureKind.ALLOCATION,
                SourceBreak.of(
                        "dev.samara.core.ExecMmap",
                        "            if (cpu.enterOrStay(next, layout) && old != null) {",
                        "if (old != null) { old.close(); } if (cpu.enterOrStay(next, layout) && old != null) {"));
    }

    @Test
    @DisplayName("exec meets the end of the stack when it has the new space, and the old one is not closed")
    void execWithoutStack() {
        found("exec", FailureKind.STACK, Plantings.withoutCall("dev.samara.core.ExecMmap", "exec", "check", 0));
    }
}
