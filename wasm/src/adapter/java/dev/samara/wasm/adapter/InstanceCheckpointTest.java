// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.Imports;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A checkpoint of an instance")
final class InstanceCheckpointTest {
    /** {@code (memory 1) (global (mut anyref) (ref.null any))}, in the binary format. */
    private static final String MEMORY_AND_ANYREF = "0061736d01000000" + "0503010001" + "0606016e01d06e0b";

    private final TestedRuntime runtime = TestedRuntime.get();
    private final Machine machine = Machine.builder().memory(64L << 20).build();

    /** What the function of the host does with its argument. */
    private LongConsumer host = argument -> {};

    private final TestedInstance instance = start(false);

    @AfterEach
    void close() {
        memory().close();
        machine.close();
    }

    private TestedInstance start(boolean isCompiled) {
        Imports imports = runtime.imports();
        imports.addFunction("host", "call", List.of("i32"), arguments -> host.accept(arguments[0]));
        imports.addGlobal("host", "shared", "i64", 1000, true);
        imports.addTable("host", "others", 2, 8);
        return runtime.program(TestModules.changes(), isCompiled).start(runtime.factory(machine), imports);
    }

    private LinearMemory memory() {
        return (LinearMemory) instance.memory(0);
    }

    private static long call(TestedInstance of, String name, long... arguments) {
        return of.call(name, arguments)[0];
    }

    private long call(String name, long... arguments) {
        return call(instance, name, arguments);
    }

    private long frames() {
        return machine.statistics().framesInUse();
    }

    private long framesAfterChange() {
        call("change");
        return frames();
    }

    private static <T> T elsewhere(Callable<T> call) throws Exception {
        FutureTask<T> task = new FutureTask<>(call);
        new Thread(task, "elsewhere").start();
        return task.get();
    }

    @ParameterizedTest(name = "compiled: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("brings back bytes, globals and tables, those that are imported, too, again and again")
    void everything(boolean isCompiled) {
        assumeTrue(runtime.compiles() || !isCompiled, "a compiler for the version of the runtime");
        TestedInstance of = start(isCompiled);
        call(of, "change");
        of.call("put", 0, 42);
        long state = call(of, "state");
        try (InstanceCheckpoint checkpoint = of.checkpoint()) {
            for (int i = 0; i < 3; i++) {
                assertEquals(state, call(of, "change"), "restore " + i);
                assertEquals(1, call(of, "others", 0));
                assertEquals(0, call(of, "others", 1));
                call(of, "change");
                assertEquals(2, call(of, "call_global"));
                of.call("put", 1, 43);
                assertEquals(0, call(of, "is_null", 1));
                assertEquals(2, checkpoint.restore(), "pages");
                assertEquals(state, call(of, "state"));
                assertEquals(2, call(of, "call", 0));
                assertEquals(0, call(of, "is_null", 0));
                assertEquals(1, call(of, "is_null", 1));
                assertThrows(runtime.exceptionType(), () -> call(of, "call", 2));
            }
            assertEquals(0, checkpoint.restore(), "nothing changed");
        }
        ((LinearMemory) of.memory(0)).close();
    }

    @Test
    @DisplayName("brings back the sizes of the memory and of the tables, which can grow again")
    void sizes() {
        call("grow", 1);
        call("grow_functions", 1);
        try (InstanceCheckpoint checkpoint = instance.checkpoint()) {
            for (int i = 0; i < 3; i++) {
                assertEquals(3, call("grow", 2));
                assertEquals(4, call("grow_functions", 2 + i));
                assertEquals(2, call("call", 5));
                assertEquals(2, call("grow_objects", 7, 2));
                assertEquals(0, call("is_null", 3) & 1);
                assertEquals(-1L, (int) call("grow_objects", 7, 1), "the maximum");
                checkpoint.restore();
                assertEquals(3, memory().pages());
                assertThrows(runtime.exceptionType(), () -> memory().writeI32(3 * 65_536, 1));
                assertEquals(4, call("functions_size"));
                assertEquals(2, call("objects_size"));
                assertEquals(1, call("get_function", 3) + call("get_function", 2));
                assertThrows(runtime.exceptionType(), () -> call("get_function", 4));
                assertThrows(runtime.exceptionType(), () -> instance.call("clear_function", 4));
                assertThrows(runtime.exceptionType(), () -> call("call", 4));
                assertThrows(runtime.exceptionType(), () -> call("is_null", 2));
                assertEquals(-1L, (int) call("grow_functions", 5), "more than the maximum");
            }
        }
        assertEquals(3, call("grow", 5));
        assertEquals(4, call("grow_functions", 4));
        assertEquals(-1L, (int) call("grow", 1));
    }

    @Test
    @DisplayName("brings back segments that were dropped since, and no others")
    void segments() {
        TestedInstance other = start(false);
        other.call("drop");
        try (InstanceCheckpoint checkpoint = instance.checkpoint();
                InstanceCheckpoint dropped = other.checkpoint()) {
            for (int i = 0; i < 2; i++) {
                instance.call("drop");
                assertThrows(runtime.exceptionType(), () -> instance.call("init_data"));
                assertThrows(runtime.exceptionType(), () -> instance.call("init_elements"));
                checkpoint.restore();
                assertEquals(1, call("call", 0));
                instance.call("init_data");
                assertEquals("passive", Accesses.of(runtime, memory()).readString(32, 7));
                instance.call("init_elements");
                assertEquals(2, call("call", 0));
            }
            dropped.restore();
            assertThrows(runtime.exceptionType(), () -> other.call("init_data"));
            assertThrows(runtime.exceptionType(), () -> other.call("init_elements"));
        }
        ((LinearMemory) other.memory(0)).close();
    }

    @ParameterizedTest(name = "compiled: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("restores after a trap, an exhausted stack, an exception of the host, and an interrupt")
    void afterFailures(boolean isCompiled) {
        assumeTrue(runtime.compiles() || !isCompiled, "a compiler for the version of the runtime");
        TestedInstance of = start(isCompiled);
        long state = call(of, "state");
        try (InstanceCheckpoint checkpoint = of.checkpoint()) {
            for (int i = 0; i < 3; i++) {
                call(of, "change");
                assertThrows(runtime.exceptionType(), () -> of.call("trap"));
                checkpoint.restore();
                assertEquals(state, call(of, "state"));

                assertThrows(runtime.exceptionType(), () -> call(of, "dive"));
                checkpoint.restore();
                assertEquals(state, call(of, "state"));

                IllegalStateException thrown = new IllegalStateException("no fuel");
                host = argument -> {
                    throw thrown;
                };
                assertSame(thrown, assertThrows(IllegalStateException.class, () -> call(of, "change")));
                host = argument -> {};
                checkpoint.restore();
                assertEquals(state, call(of, "state"));

                call(of, "change");
                Thread.currentThread().interrupt();
                checkpoint.restore();
                assertTrue(Thread.interrupted());
                assertEquals(state, call(of, "state"));
            }
        }
        ((LinearMemory) of.memory(0)).close();
    }

    @Test
    @DisplayName("is neither made nor restored within a call, by the thread of the call or another one")
    void withinCall() {
        InstanceCheckpoint checkpoint = instance.checkpoint();
        List<Class<?>> thrown = new ArrayList<>();
        Callable<?> restore = checkpoint::restore;
        Callable<?> make = instance::checkpoint;
        host = argument -> {
            for (Callable<?> call : List.of(restore, make)) {
                thrown.add(assertThrows(IllegalStateException.class, call::call).getClass());
                thrown.add(assertThrows(Exception.class, () -> elsewhere(call))
                        .getCause()
                        .getClass());
                memory().leave(() -> thrown.add(
                        assertThrows(IllegalStateException.class, call::call).getClass()));
            }
        };
        long before = call("change");
        assertEquals(6, thrown.size());
        assertEquals(1, thrown.stream().distinct().count());
        long after = call("state");
        assertTrue(before != after);
        checkpoint.restore();
        assertEquals(before, call("state"));
        checkpoint.close();
    }

    @Test
    @DisplayName("saves and puts back what the host keeps, in order")
    void hosts() {
        List<Long> told = new ArrayList<>();
        List<String> order = new ArrayList<>();
        host = told::add;
        call("change");
        InstanceCheckpoint checkpoint = instance.checkpoint(
                () -> {
                    List<Long> saved = List.copyOf(told);
                    return () -> {
                        order.add("first, at " + call("state"));
                        told.clear();
                        told.addAll(saved);
                    };
                },
                () -> () -> order.add("second"));
        long state = call("change");
        call("change");
        assertEquals(3, told.size());
        checkpoint.restore();
        assertEquals(List.of(2L), told);
        assertEquals(List.of("first, at " + state, "second"), order);
        checkpoint.close();
    }

    @Test
    @DisplayName("whose restore fails closes the instance's memories, and is closed")
    void failedRestore() {
        IllegalStateException thrown = new IllegalStateException("lost");
        InstanceCheckpoint checkpoint = instance.checkpoint(() -> () -> {
            throw thrown;
        });
        call("change");
        assertSame(thrown, assertThrows(IllegalStateException.class, checkpoint::restore));
        assertThrows(RuntimeException.class, () -> call("change"));
        assertThrows(RuntimeException.class, () -> memory().readInt(0));
        assertThrows(IllegalStateException.class, checkpoint::restore);
        checkpoint.close();
    }

    @Test
    @DisplayName("closes the instance rather than leave a table larger that only grows")
    void grownTable() {
        InstanceCheckpoint checkpoint = instance.checkpoint();
        call("grow_others", 1);
        String message =
                assertThrows(IllegalStateException.class, checkpoint::restore).getMessage();
        assertTrue(message.startsWith("a table grew from 2 to 3 entries"), message);
        assertThrows(RuntimeException.class, () -> call("change"));
        checkpoint.close();
    }

    @Test
    @DisplayName("is refused with a value or a memory that cannot be saved, and leaves nothing open")
    void refused() {
        TestedInstance other = runtime.program(HexFormat.of().parseHex(MEMORY_AND_ANYREF), false)
                .start(runtime.factory(machine), runtime.imports());
        other.setReference(false);
        assertThrows(IllegalArgumentException.class, other::checkpoint);
        other.setReference(true);
        other.checkpoint().close();
        ((LinearMemory) other.memory(0)).close();
        assertThrows(RuntimeException.class, other::checkpoint);
        TestedInstance own = runtime.program(HexFormat.of().parseHex(MEMORY_AND_ANYREF), false)
                .start(runtime::ownMemory, runtime.imports());
        assertThrows(IllegalArgumentException.class, own::checkpoint);
        call("change");
        assertThrows(
                IllegalStateException.class,
                () -> instance.checkpoint(() -> {
                    throw new IllegalStateException("cannot be saved");
                }));
        // The memory is usable, and no checkpoint is open, which would keep the page.
        assertEquals(frames(), framesAfterChange());
    }

    @Test
    @DisplayName("keeps no more frames, however often it is restored")
    void manyRestores() {
        long before = call("state");
        try (InstanceCheckpoint checkpoint = instance.checkpoint()) {
            call("change");
            checkpoint.restore();
            long frames = frames();
            for (int i = 0; i < 1000; i++) {
                call("grow", 1);
                call("change");
                checkpoint.restore();
            }
            assertEquals(frames, frames());
        }
        assertEquals(before, call("state"));
    }

    @Test
    @DisplayName("that is closed cannot be restored, and the instance goes on")
    void closed() {
        InstanceCheckpoint checkpoint = instance.checkpoint();
        call("change");
        long state = call("state");
        checkpoint.close();
        checkpoint.close();
        assertThrows(IllegalStateException.class, checkpoint::restore);
        assertEquals(state, call("state"));
    }

    @Test
    @DisplayName("of an older state closes a younger one, whose restore then closes the instance")
    void older() {
        long state = call("state");
        InstanceCheckpoint older = instance.checkpoint();
        call("change");
        InstanceCheckpoint younger = instance.checkpoint();
        call("change");
        younger.restore();
        older.restore();
        assertEquals(state, call("state"));
        assertThrows(IllegalStateException.class, younger::restore);
        older.close();
        younger.close();
    }
}
