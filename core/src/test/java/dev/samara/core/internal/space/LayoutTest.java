// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.op.Layouts;
import dev.samara.core.internal.syscall.InitialMappings;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The messages of layouts that were broken on purpose. */
final class LayoutTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final long EVERY_CLASS = VmaFlags.WRITE | VmaFlags.EXEC | VmaFlags.LOCKED | VmaFlags.ACCOUNT;

    private static Layout layout() {
        Spaces spaces = Layouts.spaces(Layouts.host(65530, 256, MachineState.UNLIMITED));
        return InitialMappings.load(spaces, Layouts.origin(), List.of(vma(PLACE, PLACE + 4 * PAGE)));
    }

    private static VmArea vma(long start, long end) {
        return VmArea.describe(start, end, EVERY_CLASS, start / PAGE, null, null, null);
    }

    private static String complaint(Consumer<Layout> breaking) {
        Layout layout = layout();
        layout.validate();
        breaking.accept(layout);
        return String.valueOf(assertThrows(Throwable.class, layout::validate).getMessage());
    }

    private record Miscount(String name, Consumer<LayoutCounters> spoil) {}

    @TestFactory
    @DisplayName("a counter that does not agree with the mappings is found, whichever it is")
    List<DynamicTest> miscounted() {
        List<Miscount> all = List.of(
                new Miscount("maps", counters -> counters.maps++),
                new Miscount("total", counters -> counters.total++),
                new Miscount("data", counters -> counters.data--),
                new Miscount("exec", counters -> counters.exec++),
                new Miscount("stack", counters -> counters.stack++),
                new Miscount("locked", counters -> counters.locked--),
                new Miscount("accounted", counters -> counters.accounted++));
        return all.stream()
                .map(one -> DynamicTest.dynamicTest(one.name, () -> {
                    String text = complaint(layout -> {
                        LayoutCounters wrong = layout.counters().copy();
                        one.spoil.accept(wrong);
                        layout.adopt(layout.whole(), wrong, null);
                    });
                    assertTrue(text.contains(one.name), text);
                }))
                .toList();
    }

    @Test
    @DisplayName("a mapping stored where it does not lie, or off a page boundary, is found")
    void misplaced() {
        String elsewhere = complaint(layout -> layout.whole()
                .tree
                .store(PLACE + 8 * PAGE, PLACE + 9 * PAGE - 1, vma(PLACE + 8 * PAGE, PLACE + 10 * PAGE)));
        assertTrue(elsewhere.contains("10008000"), elsewhere);
        String odd = complaint(layout -> layout.whole()
                .tree
                .store(PLACE + 8 * PAGE, PLACE + 8 * PAGE, vma(PLACE + 8 * PAGE, PLACE + 8 * PAGE + 1)));
        assertTrue(odd.contains("10008000"), odd);
    }

    @Test
    @DisplayName("counters describe their values")
    void counters() {
        assertEquals(
                "maps 1, total 4, data 4, exec 0, stack 0, locked 4, accounted 4, opens 0, sealed 0, cached 0",
                layout().counters().toString());
    }
}
