// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.samara.core.Machine;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.LinearMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("QuickJS in a linear memory")
final class QuickJsTest {
    private static final String TABLE = """
            globalThis.counter = 0;
            globalThis.table = {};
            for (let i = 0; i < 2000; i++) { table["key" + i] = "value of " + i; }
            console.log(Object.keys(table).sort()[1000]);
            """;

    private static final String NEXT = "counter += 5; console.log(counter, table.key777, delete table.key777);";

    /** A request that keeps what it computes in global variables, so that a second one would print something else. */
    private static final String REQUEST = """
            counter++;
            globalThis.kept = globalThis.kept ?? [];
            for (let i = 0; i < 10; i++) {
                kept.push({ list: [i, i * i, String(i).repeat(i % 7)] });
            }
            const had = delete table.key777;
            table["added" + counter] = JSON.stringify(kept);
            console.log(counter, had, kept.length, table.added1.length, table["added" + counter], table.key777);
            """;

    /** The number of requests. */
    private static final int REQUESTS = Integer.getInteger("wasm.requests", 200);

    private final TestedRuntime runtime = TestedRuntime.get();

    @Test
    @Timeout(14_400)
    @DisplayName("prints the same for each request after a restore of its memory, globals and tables")
    void requests() {
        try (Machine machine =
                Machine.builder().memory(64L << 20).checked(false).build()) {
            QuickJs expected = QuickJs.start(runtime, runtime::ownMemory);
            QuickJs served = QuickJs.start(runtime, runtime.factory(machine));
            for (QuickJs each : List.of(expected, served)) {
                each.run(TABLE);
            }
            String first = expected.run(REQUEST);
            try (InstanceCheckpoint start = served.checkpoint()) {
                for (int i = 1; i <= REQUESTS; i++) {
                    assertEquals(first, served.run(REQUEST), "request " + i);
                    start.restore();
                }
                assertEquals(first, served.run(REQUEST));
                String second = expected.run(REQUEST);
                assertNotEquals(first, second);
                assertEquals(second, served.run(REQUEST), "a request without a restore");
            }
            ((LinearMemory) served.memory()).close();
        }
    }

    @Test
    @DisplayName("prints what it prints in the runtime's memory, and goes on in a fork that the parent does not see")
    void forks() {
        try (Machine machine =
                Machine.builder().memory(64L << 20).checked(false).build()) {
            QuickJs expected = QuickJs.start(runtime, runtime::ownMemory);
            QuickJs parent = QuickJs.start(runtime, runtime.factory(machine));
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

    @Test
    @DisplayName("goes on from an image, any number of times, without a start")
    void images(@TempDir Path folder) throws IOException {
        Path path = folder.resolve("quickjs");
        String first;
        try (Machine machine =
                Machine.builder().memory(64L << 20).checked(false).build()) {
            QuickJs saved = QuickJs.start(runtime, runtime.factory(machine));
            saved.run(TABLE);
            saved.save(path);
            first = saved.run(REQUEST);
            ((LinearMemory) saved.memory()).close();
        }
        try (Machine machine =
                Machine.builder().memory(64L << 20).checked(false).build()) {
            for (int i = 0; i < 3; i++) {
                QuickJs loaded = QuickJs.load(runtime, machine, path);
                assertEquals(first, loaded.run(REQUEST));
                assertNotEquals(first, loaded.run(REQUEST));
                ((LinearMemory) loaded.memory()).close();
            }
        }
    }
}
