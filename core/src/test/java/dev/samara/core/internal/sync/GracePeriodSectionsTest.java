// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The sections for which a grace period waits")
final class GracePeriodSectionsTest {
    private final List<String> reports = new ArrayList<>();
    private final Rcu rcu = new Rcu(new Rcu.Settings(
            Runnable::run, new Housekeeping(null, Runnable::run, null), 1, Rcu.AtBound.WAIT, 0, reports::add));

    private Rcu.Reader reader(String name) {
        return rcu.register(name);
    }

    private Rcu.Sections scan() {
        return Objects.requireNonNull(rcu.scan());
    }

    @Test
    @DisplayName("are none while no reader is in a section")
    void none() {
        assertNull(rcu.scan());
        Rcu.Reader reader = reader("idle");
        assertNull(rcu.scan());
        reader.readLock();
        assertEquals(1, scan().count);
        reader.readUnlock();
        assertNull(rcu.scan());
    }

    @Test
    @DisplayName("are those of the scan, and no later section of a reader")
    void ends() {
        Rcu.Reader first = reader("first");
        Rcu.Reader second = reader("second");
        Rcu.Reader idle = reader("idle");
        first.readLock();
        second.readLock();
        Rcu.Sections sections = scan();
        idle.readLock();
        assertEquals(2, sections.count);
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
        Rcu.Reader first = reader("first");
        Rcu.Reader second = reader("second");
        first.readLock();
        second.readLock();
        Rcu.Sections sections = scan();
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
        Rcu.Reader first = reader("first");
        Rcu.Reader second = reader("second");
        first.readLock();
        second.readLock();
        Rcu.Sections sections = scan();
        rcu.unregister(Set.of(first));
        assertFalse(sections.checkEnded());
        rcu.unregister(Set.of(second));
        assertFalse(sections.haveEnded());
        assertTrue(sections.checkEnded());
    }
}
