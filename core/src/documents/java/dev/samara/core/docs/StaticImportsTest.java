// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that all constants of mman.h can be imported statically at the same time. */
final class StaticImportsTest {
    private static final String MMAN = Protection.class.getPackageName();

    @Test
    @DisplayName("no two classes of the package mman have a constant of one name")
    void namesAreUnique() throws Exception {
        Map<String, String> owners = new HashMap<>();
        Set<String> clashes = new TreeSet<>();
        for (Class<?> type : WaitingTableTest.exported()) {
            // The constants of enums and of Fault are written with their class, e.g. Resource.STACK and Fault.NONE.
            if (!type.getPackageName().equals(MMAN) || type.isEnum() || type.isRecord()) {
                continue;
            }
            for (Field field : type.getDeclaredFields()) {
                if (Modifier.isPublic(field.getModifiers())) {
                    String other = owners.put(field.getName(), type.getSimpleName());
                    if (other != null) {
                        clashes.add(field.getName() + " of " + other + " and " + type.getSimpleName());
                    }
                }
            }
        }
        assertEquals(Set.of(), clashes);
        assertTrue(owners.containsKey("READ") && owners.containsKey("GROWSDOWN"), owners::toString);
        assertEquals(0x0100_0000, Protection.PROT_GROWSDOWN);
        assertEquals(0x0100, MapFlags.GROWSDOWN);
    }
}
