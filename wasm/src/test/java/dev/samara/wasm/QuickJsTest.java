// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.dylibso.chicory.runtime.ByteArrayMemory;
import dev.samara.core.Machine;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("QuickJS in a linear memory")
final class QuickJsTest {
    private static final String TABLE = """
            globalThis.counter = 0;
            globalThis.table = {};
            for (let i = 0; i < 2000; i++) { table["key" + i] = "value of " + i; }
            console.log(Object.keys(table).sort()[1000]);
            """;

    private static final String NEXT = "counter += 5; console.log(counter, table.key777, delete table.key777);";

    @Test
    @DisplayName("prints what it prints in Chicory's memory, and goes on in a fork that the parent does not see")
    void forks() {
        try (Machine machine =
                Machine.builder().memory(64L << 20).checked(false).build()) {
            QuickJs expected = QuickJs.start(ByteArrayMemory::new);
            QuickJs parent = QuickJs.start(LinearMemory.factory(machine));
            assertEquals(expected.run(TABLE), parent.run(TABLE));
            QuickJs child = parent.fork();
            assertEquals("5 value of 777 true\n", child.run(NEXT));
            assertEquals("10 undefined true\n", child.run(NEXT));
            assertEquals("5 value of 777 true\n", parent.run(NEXT));
            assertEquals("10 undefined true\n", parent.run(NEXT));
            ((LinearMemory) child.memory()).close();
            ((LinearMemory) parent.memory()).close();
        }
    }
}
