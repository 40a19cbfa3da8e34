// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The sections for which a grace period waits")
final class GracePeriodSectionsTest {
    private final List<String> reports = new ArrayList<>();
    private final RcuReaders readers = new RcuReaders(0, reports::add);

    private RcuReader reader(String name) {
        RcuReader reader = new RcuReader(name);
        readers.register(reader);
        return reader;
    }

    private GracePeriodSections scan() {
        return Objects.requireNonNull(GracePeriodSections.scan(readers));
    }

    @Test
    @DisplayName("are none while no reader is in a section")
    void none() {
        assertNull(GracePeriodSections.scan(readers));
        RcuReader reader = reader("idle");
        assertNull(GracePeriodSections.scan(readers));
        reader.readLock();
        assertEquals(1, scan().count());
        reader.readUnlock();
        assertNull(GracePeriodSections.scan(readers));
    }

    @Test
    @DisplayName("are those of the scan, and no later section of a reader")
    void ends() {
        RcuReader first = reader("first");
        RcuReader second = reader("second");
        RcuReader idle = reader("idle");
        first.readLock();
        second.readLock();
        GracePeriodSections sections = scan();
        idle.readLock();
        assertEquals(2, sections.count());
        assertNull(sections.lastName());
        assertFalse(sections.haveEnded());
        assertEquals("first", sections.lastName());
        first.readUnlock();
        first.readLock();
        assertFalse(sections.haveEnded());
        assertEquals("second", sections.lastName());
        second.readUnlock();
        assertTrue(sections.haveEnded());
        assertTrue(sections.checkEnded());
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("report each reader that delays them, once")
    void reported() {
        RcuReader first = reader("first");
        RcuReader second = reader("second");
        first.readLock();
        second.readLock();
        GracePeriodSections sections = scan();
        assertFalse(sections.checkEnded());
        assertFalse(sections.checkEnded());
        assertEquals(1, reports.size());
        first.readUnlock();
        assertFalse(sections.checkEnded());
        assertFalse(sections.checkEnded());
        assertEquals(2, reports.size());
        assertTrue(reports.get(0).endsWith("first"), reports::toString);
        assertTrue(reports.get(1).endsWith("second"), reports::toString);
        second.readUnlock();
        assertTrue(sections.checkEnded());
    }

    @Test
    @DisplayName("end with the registration of their reader")
    void unregistered() {
        RcuReader first = reader("first");
        RcuReader second = reader("second");
        first.readLock();
        second.readLock();
        GracePeriodSections sections = scan();
        readers.unregister(first);
        assertFalse(sections.checkEnded());
        readers.unregister(second);
        assertFalse(sections.haveEnded());
        assertTrue(sections.checkEnded());
    }
}
