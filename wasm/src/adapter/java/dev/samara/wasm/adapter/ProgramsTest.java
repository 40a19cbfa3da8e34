// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.Memories;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

@DisplayName("A linear memory of a runtime")
final class ProgramsTest {
    private final TestedRuntime runtime = TestedRuntime.get();
    private final Machine machine = Machine.builder().memory(64L << 20).build();

    @AfterEach
    void close() {
        machine.close();
    }

    private List<Object> results(Memories memories, boolean isCompiled) {
        TestedInstance instance =
                runtime.program(TestModules.kernels(), isCompiled).start(memories, runtime.imports());
        List<Object> results = new ArrayList<>();
        results.add(instance.call("grow", 16)[0]);
        results.add(instance.call("sieve", isCompiled ? 500_000 : 20_000)[0]);
        results.add(instance.call("matrix", isCompiled ? 60 : 12)[0]);
        results.add(instance.call("random", 21, isCompiled ? 300_000 : 5_000)[0]);
        instance.call("copies", 300_001, 2);
        instance.call("touch", 20, 9);
        results.add(instance.call("increment")[0]);
        byte[] all = Accesses.of(runtime, instance.memory(0)).readBytes(0, 32 * Accesses.PAGE_SIZE);
        results.add(Arrays.hashCode(all));
        if (instance.memory(0) instanceof LinearMemory memory) {
            memory.close();
        }
        return results;
    }

    @Test
    @DisplayName("gives programs the results that the runtime's memory gives them, interpreted and compiled")
    void programs() {
        for (boolean isCompiled : runtime.compiles() ? new boolean[] {false, true} : new boolean[] {false}) {
            assertEquals(results(runtime::ownMemory, isCompiled), results(runtime.factory(machine), isCompiled));
        }
    }

    @Test
    @DisplayName("is watched, through its space, while a program runs")
    void watched() {
        TestedInstance instance =
                runtime.program(TestModules.kernels(), false).start(runtime.factory(machine), runtime.imports());
        List<String> seen = new ArrayList<>();
        try (LinearMemory memory = (LinearMemory) instance.memory(0)) {
            Watchpoint watch = memory.space().watch(0, 4, (address, length) -> seen.add(address + " " + length));
            instance.call("increment");
            watch.close();
            instance.call("increment");
            assertEquals(List.of("0 4"), seen);
        }
    }

    @Test
    @DisplayName("traps where the runtime's own memory throws another exception or makes an access that is wrong")
    void traps() {
        try (LinearMemory memory = runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 1, true);
                LinearMemory alone = runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 1, false)) {
            for (Executable access : List.<Executable>of(
                    () -> memory.fill((byte) 1, 65_000, Integer.MIN_VALUE + 5),
                    () -> memory.readBytes(65_000, Integer.MAX_VALUE),
                    () -> memory.atomicNotify(2, 1),
                    () -> memory.atomicNotify(65_536, 1),
                    () -> memory.atomicWait(2, 0, 0),
                    () -> memory.atomicReadInt(2),
                    () -> memory.atomicAddLong(4, 1),
                    () -> alone.atomicReadInt(2),
                    () -> alone.atomicWait(0, 0, 0))) {
                assertThrows(runtime.exceptionType(), access);
            }
            assertEquals(0, alone.atomicAddLong(8, 1));
            assertEquals(1, alone.readLong(8));
        }
    }

    @Test
    @DisplayName(
            "has the limits of the runtime, is its own class when it is forked or viewed, and is refused without room")
    void sizes() {
        try (LinearMemory memory = runtime.linearMemory(machine, Geometry.flat(32), 1, 3, true);
                LinearMemory fork = memory.fork()) {
            assertEquals(List.of(1, 3, true), List.of(fork.initialPages(), fork.maximumPages(), fork.shared()));
            assertEquals(memory.getClass(), fork.getClass());
            assertEquals(memory.getClass(), memory.view().getClass());
        }
        assertThrows(
                runtime.exceptionType(),
                () -> runtime.linearMemory(machine, LinearMemory.PAGES_64K, 32_768, 32_768, false));
    }
}
