// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("An edit that is closed before it is finished leaves no trace")
class UnfinishedEditTest {
    private static final long LIMIT = 16L << DrawnLayout.GEOMETRY.pageShift();

    private final MachineState host = Layouts.host(100, 0, LIMIT);

    @Test
    @DisplayName("its charge is free again")
    void charges() {
        Layout layout = DrawnLayout.layout(List.of(), host);
        try (Edit edit = Layouts.edit(layout)) {
            assertTrue(edit.charge(9));
            assertEquals(LIMIT * 9 / 16, host.committed.bytes());
        }
        assertEquals(0, host.committed.bytes());
        try (Edit edit = Layouts.edit(layout)) {
            assertNotNull(edit.createShared(LIMIT, true));
            assertEquals(LIMIT, host.committed.bytes());
        }
        assertEquals(0, host.committed.bytes());
        try (Edit edit = Layouts.edit(layout)) {
            assertFalse(edit.charge(17));
            assertNull(edit.createShared(LIMIT + 1, true));
        }
        assertEquals(0, host.committed.bytes());
    }

    @Test
    @DisplayName("a shared object that it took away is charged again, and one that it made and mapped is not")
    void sharedObjects() {
        Layout layout = DrawnLayout.layout(List.of(), host);
        SharedAnonymous kept;
        try (Edit edit = Layouts.edit(layout)) {
            kept = newObject(edit);
            edit.put(mapping(0, kept));
            edit.publish(0);
        }
        assertEquals(LIMIT / 2, host.committed.bytes());
        try (Edit edit = Layouts.edit(layout)) {
            VmaMerge.unmap(edit, DrawnLayout.address(0), DrawnLayout.address(8));
            assertTrue(edit.charge(16), "all is free");
        }
        assertEquals(LIMIT / 2, host.committed.bytes());
        try (Edit edit = Layouts.edit(layout)) {
            edit.put(mapping(20, newObject(edit)));
            assertTrue(edit.charge(0));
        }
        assertEquals(LIMIT / 2, host.committed.bytes());
        layout.lifetime.put();
        assertEquals(0, host.committed.bytes());
    }

    private static SharedAnonymous newObject(Edit edit) {
        SharedAnonymous object = edit.createShared(LIMIT / 2, true);
        assertNotNull(object);
        return object;
    }

    private static VmArea mapping(int page, SharedAnonymous object) {
        DrawnLayout.Kind like = DrawnLayout.kind('s');
        return new DrawnLayout.Kind(like.flags(), object, null, null, -page).over(page, page + 8);
    }

    @Test
    @DisplayName("the layout, its counters and the VMA objects are unchanged")
    void layout() {
        Layout layout = DrawnLayout.layout("[aa][AA]..[ff]");
        List<VmArea> before = vmas(layout);
        long[] counted = layout.usage();
        try (Edit edit = Layouts.edit(layout)) {
            VmaMerge.unmap(edit, DrawnLayout.address(0), DrawnLayout.address(4));
            VmaMerge.place(edit, DrawnLayout.kind('a').over(0, 6));
            assertEquals("[aa][AA]..[ff]", DrawnLayout.of(layout), "nothing is seen before the end");
        }
        List<VmArea> after = vmas(layout);
        assertEquals(before.size(), after.size());
        for (int i = 0; i < before.size(); i++) {
            assertSame(before.get(i), after.get(i));
        }
        assertArrayEquals(counted, layout.usage());
        layout.validate();
        assertFalse(layout.districts.isLockedByThisThread());
    }

    private static List<VmArea> vmas(Layout layout) {
        List<VmArea> vmas = new ArrayList<>();
        layout.snapshot().forEach((first, last, vma) -> vmas.add(vma));
        return vmas;
    }
}
