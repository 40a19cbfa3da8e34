// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The JVM's limit of direct memory")
final class DirectMemoryTest {
    private static final long HEAP = 12345;

    @ParameterizedTest
    @CsvSource({
        "1000, 1000",
        "4k, 4096",
        "4K, 4096",
        "3m, 3145728",
        "2G, 2147483648",
        "1t, 1099511627776",
        "0x10k, 16384",
        "010, 10",
        "0, 12345",
    })
    @DisplayName("is the value of the option, as the JVM reads it; the maximum of the heap if that is 0")
    void sizes(String size, long expected) {
        assertEquals(expected, DirectMemory.limit(List.of("-Xmx1g", "-XX:MaxDirectMemorySize=" + size), HEAP));
    }

    @Test
    @DisplayName("is the last of several options, and the maximum of the heap without one")
    void options() {
        String first = "-XX:MaxDirectMemorySize=1m";
        assertEquals(2048, DirectMemory.limit(List.of(first, "-XX:MaxDirectMemorySize=2k"), HEAP));
        assertEquals(HEAP, DirectMemory.limit(List.of("-XX:MaxMetaspaceSize=1m"), HEAP));
        assertEquals(HEAP, DirectMemory.limit(List.of(), HEAP));
    }

    @Test
    @DisplayName(
            "bounds the memory of a machine whose frames are there, and names both; a store of its own is not bounded")
    void machines() {
        long limit = Machine.directMemoryLimit();
        Machine.builder().memory(limit).build();
        // Also too much for regions, because no system has that much memory.
        long tooMuch = Long.MAX_VALUE;
        MachineBuilder more = Machine.builder().memory(tooMuch);
        assertEquals(
                "memory " + tooMuch + " is above " + limit
                        + ", the JVM's limit of direct memory: -XX:MaxDirectMemorySize, or the maximum heap without it",
                assertThrows(IllegalArgumentException.class, more::build).getMessage());
        more.frameStore((pageShift, frames) -> new DirectFrames(pageShift, 4, 16))
                .build();
    }
}
