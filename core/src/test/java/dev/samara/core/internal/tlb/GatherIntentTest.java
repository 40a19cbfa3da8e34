// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Four designs of how a gather learns that no CPU uses its space any more. Each design is tested with the end of a
 * space, and with a reaper and a dirty scan while CPUs run, and is judged by {@link GatherScene#losses}.
 */
final class GatherIntentTest {
    private static final List<String> NONE = List.of();

    private static final List<String> LEAKS = List.of(
            "cpu 0 in GUEST translates 400000 to a frame that was freed",
            "cpu 0 in GUEST translates 801000 to a frame that was freed",
            "cpu 1 in GUEST translates 400000 to a frame that was freed",
            "cpu 1 in GUEST translates 801000 to a frame that was freed");

    private static final List<String> LOST_WRITES =
            List.of("no scan finds the last write to 400000", "no scan finds the last write to 801000");

    private static Function<GatherScene, TlbGather> gather(GatherIntent intent, long end) {
        return scene -> intent.begin(scene.memory, scene.context(), end);
    }

    /** Returns the losses after the end of a space that the CPUs left. */
    private static List<String> afterEnd(Function<GatherScene, TlbGather> gather) {
        try (GatherScene scene = new GatherScene()) {
            scene.end();
            scene.unmap(gather.apply(scene));
            assertFalse(scene.comesBack());
            return scene.losses();
        }
    }

    /** Returns the losses after a reaper while CPUs are in GUEST. */
    private static List<String> afterReaper(Function<GatherScene, TlbGather> gather) {
        try (GatherScene scene = new GatherScene()) {
            scene.unmap(gather.apply(scene));
            return scene.losses();
        }
    }

    /** Returns the losses after a dirty scan while CPUs are in GUEST, which continue to write. */
    private static List<String> afterScan(Function<GatherScene, TlbGather> gather) {
        try (GatherScene scene = new GatherScene()) {
            scene.scan(gather.apply(scene));
            scene.write();
            return scene.losses();
        }
    }

    @Test
    @DisplayName("implicit, the whole range means the end: a reaper leaks translations, and a dirty scan loses writes")
    void implicit() {
        Function<GatherScene, TlbGather> whole = gather(GatherIntent.IMPLICIT, GatherIntent.WHOLE);
        assertEquals(NONE, afterEnd(whole));
        assertEquals(LEAKS, afterReaper(whole));
        assertEquals(LOST_WRITES, afterScan(whole));
    }

    @Test
    @DisplayName("automatic, the whole range without users means the end: a CPU that only has the page table leaks")
    void automatic() {
        Function<GatherScene, TlbGather> whole = gather(GatherIntent.AUTOMATIC, GatherIntent.WHOLE);
        assertEquals(NONE, afterEnd(whole));
        assertEquals(NONE, afterReaper(whole));
        assertEquals(NONE, afterScan(whole));
        try (GatherScene scene = new GatherScene()) {
            scene.borrow();
            scene.unmap(whole.apply(scene));
            assertEquals(LEAKS.subList(2, 4), scene.losses());
        }
    }

    @Test
    @DisplayName("end address, a caller that means no end passes the last address: one that does not know it loses")
    void endAddress() {
        Function<GatherScene, TlbGather> knowing = gather(GatherIntent.IMPLICIT, GatherIntent.TASK_SIZE);
        Function<GatherScene, TlbGather> unknowing = gather(GatherIntent.IMPLICIT, GatherIntent.WHOLE);
        assertEquals(NONE, afterEnd(unknowing));
        assertEquals(NONE, afterReaper(knowing));
        assertEquals(NONE, afterScan(knowing));
        assertEquals(LOST_WRITES, afterScan(unknowing));
    }

    @Test
    @DisplayName("explicit, the caller says that the space has ended: no range means it, and users refute it")
    void explicit() {
        assertEquals(NONE, afterEnd(GatherIntentTest::ending));
        assertEquals(NONE, afterReaper(scene -> new TlbGather(scene.memory)));
        assertEquals(NONE, afterScan(scene -> new TlbGather(scene.memory)));
        try (GatherScene scene = new GatherScene()) {
            assertEquals("a space with 3 users, 2 of them CPUs, was to be left without a flush", refusal(scene));
            scene.borrow();
            assertEquals("cpu 1 is not LAZY, and is in a space that no CPU uses", refusal(scene));
            assertEquals(NONE, scene.losses());
        }
    }

    private static TlbGather ending(GatherScene scene) {
        return new TlbGather(scene.memory, scene.context());
    }

    private static String refusal(GatherScene scene) {
        IllegalStateException refused = assertThrows(IllegalStateException.class, () -> ending(scene));
        String message = String.valueOf(refused.getMessage());
        return message.replaceAll(" of thread [^ ]*", "");
    }
}
