// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.MapFlags;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * The heap of shared anonymous mappings of one page: the objects reachable from a space, with their sizes under
 * compressed references. The machine is unchecked, because the records of a checked machine take heap, too.
 */
@DisplayName("A shared anonymous mapping of one page")
final class SharedMappingHeapTest {
    private static final int SHARED = MapFlags.SHARED | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final long AT = 0x20_1000;
    private static final int COUNT = 100;

    private final Machine machine =
            Machine.builder().memory(1 << 22).checked(false).build();
    private final AddressSpace space = machine.newSpace(GEOMETRY);

    @AfterEach
    void close() {
        space.close();
        machine.close();
    }

    private void map(int flags) {
        for (int i = 0; i < COUNT; i++) {
            long at = AT + 2L * i * PAGE;
            assertEquals(at, space.mmap(at, PAGE, RW, flags, null, 0));
        }
    }

    private long perMapping(long before) {
        return (bytes(ReachableObjects.from(space)) - before) / COUNT;
    }

    private static long bytes(Set<Object> objects) {
        return objects.stream().mapToLong(SharedMappingHeapTest::bytes).sum();
    }

    private static long bytes(Object object) {
        Class<?> type = object.getClass();
        if (type.isArray()) {
            return aligned(16 + Array.getLength(object) * bytes(type.getComponentType()));
        }
        long size = 12;
        for (Class<?> of = type; of != null; of = of.getSuperclass()) {
            for (Field field : of.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers())) {
                    size += bytes(field.getType());
                }
            }
        }
        return aligned(size);
    }

    private static long bytes(Class<?> type) {
        return !type.isPrimitive() || type == int.class || type == float.class
                ? 4
                : type == long.class || type == double.class ? 8 : type == short.class || type == char.class ? 2 : 1;
    }

    private static long aligned(long size) {
        return (size + 7) & -8;
    }

    @Test
    @DisplayName("takes at most 600 bytes")
    void untouched() {
        long before = bytes(ReachableObjects.from(space));
        map(SHARED);
        long bytes = perMapping(before);
        assertTrue(bytes > 300 && bytes <= 600, () -> bytes + " bytes");
    }

    @Test
    @DisplayName("takes at most 1,104 bytes once its page was used")
    void touched() {
        // Creates the page tables, and what the thread needs for a fault.
        assertEquals(AT - PAGE, space.mmap(AT - PAGE, PAGE, RW, SHARED | MapFlags.POPULATE, null, 0));
        long before = bytes(ReachableObjects.from(space));
        map(SHARED | MapFlags.POPULATE);
        assertEquals(COUNT + 1, machine.statistics().framesInUse());
        long bytes = perMapping(before);
        assertTrue(bytes > 600 && bytes <= 1104, () -> bytes + " bytes");
    }

    @Test
    @DisplayName("leaves nothing after it is unmapped, and after the space is closed")
    void closed() throws InterruptedException {
        map(SHARED);
        assertEquals(0, space.madvise(AT, PAGE, Advice.POPULATE_WRITE));
        assertEquals(COUNT, counted().get("FilePages"));
        assertEquals(0, space.munmap(AT, COUNT * PAGE));
        machine.awaitQuiescence();
        assertEquals(COUNT / 2, counted().get("FilePages"));
        space.close();
        machine.awaitQuiescence();
        assertEquals(Map.of(), counted());
        assertEquals(0, machine.statistics().framesInUse());
    }

    /** Returns the number of objects of files and VMAs that are reachable from the machine and the space, by class. */
    private Map<String, Integer> counted() {
        Map<String, Integer> counts = new TreeMap<>();
        List<String> packages = List.of(FilePages.class.getPackageName(), VmArea.class.getPackageName());
        for (Object object : ReachableObjects.from(machine, space)) {
            if (packages.contains(object.getClass().getPackageName())) {
                counts.merge(object.getClass().getSimpleName(), 1, Integer::sum);
            }
        }
        return counts;
    }
}
