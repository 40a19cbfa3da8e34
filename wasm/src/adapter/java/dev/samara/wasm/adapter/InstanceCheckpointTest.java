// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
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

    /**
     * In the binary format: {@code (memory 1 8)}, a constant global with a structure that has a mutable field, a
     * variable of type externref, and {@code init}, which stores a structure there, as an external reference.
     */
    private static final String STRUCTURES =
            "0061736d01000000010c035f017f016000017f600000030403010201050401010108060f026400004100"
                    + "fb00000b6f01d06f0b071e04066d656d6f7279020003696e63000004696e6974000104696e637800020a"
                    + "4c03170023002300fb02000041016afb0500002300fb0200000b0b004100fb0000fb1b24010b26002301"
                    + "fb1afb16002301fb1afb1600fb02000041016afb0500002301fb1afb1600fb0200000b";

    /**
     * In the binary format: {@code (memory 1 8) (tag (param))}; {@code first} tail-calls a function that traps within a
     * {@code try_table}, whose handler stores the argument at address 0; {@code second} throws, and nobody catches it;
     * {@code get} loads; {@code trap} leaves 32 operands.
     */
    static final String TAIL_CALLS =
            "0061736d0100000001110460017f0060000060017f017f6000017f030807000001000002030504010101"
                    + "080d03010000072f06066d656d6f727902000566697273740000067365636f6e640002047461696c0003"
                    + "036765740005047472617000060a7f070600200012010b190002401f40010200410041006d1a0b0f0b41"
                    + "0020003602000b0600410708000b0600200012040b02000b070020002802000b43004200420142024203"
                    + "420442054206420742084209420a420b420c420d420e420f421042114212421342144215421642174218"
                    + "4219421a421b421c421d421e421f000b";

    /**
     * In the binary format: {@code (memory (import "m" "memory") 1 2)}; {@code count} adds 1 to a global and to the
     * word at address 0, and returns the word; {@code own} returns the global.
     */
    private static final String SHARING =
            "0061736d010000000105016000017f020e01016d066d656d6f72790201010203030200000606017f0141"
                    + "010b070f0205636f756e740000036f776e00010a22021b00230041016a24004100410028020041016a36"
                    + "020041002802000b040023000b";

    /** {@code (memory 1) (global (mut v128) (v128.const i64x2 1 2))}, in the binary format. */
    private static final String MEMORY_AND_V128 =
            "0061736d01000000" + "0503010001" + "0616017b01fd0c" + "0100000000000000" + "0200000000000000" + "0b";

    /**
     * In the binary format: {@code (import "a" "m" (memory 1)) (data "xyz")}; {@code init} writes the first byte of the
     * segment to address 0, {@code drop} drops it, and {@code get} reads that byte.
     */
    private static final String SEGMENT = "0061736d010000000108026000006000017f0208010161016d02000103040300"
            + "000107150304696e697400000464726f7000010367657400020c01010a1c030c"
            + "00410041004103fc0800000b0500fc09000b070041002d00000b0b0601010378797a";

    /**
     * In the binary format: {@code (table (import "m" "table") 1 8 funcref) (memory 1)}; {@code own}, which is not
     * exported, returns a global; {@code put} sets the global, and puts {@code own} in the table; {@code call} calls
     * what is there.
     */
    private static final String SHARED_TABLE =
            "0061736d010000000109026000017f60017f00020e01016d057461626c65017001010803040300010005"
                    + "030100010606017f0141000b070e020370757400010463616c6c0002090501030001000a1b03040023"
                    + "000b0c00200024004100d20026000b070041001100000b";

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

    /** Calls a function that returns an i32, which may be negative. */
    private int number(String name, long... arguments) {
        return (int) call(instance, name, arguments);
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
                assertEquals(-1, number("grow_objects", 7, 1), "the maximum");
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
                assertEquals(-1, number("grow_functions", 5), "more than the maximum");
            }
        }
        assertEquals(3, call("grow", 5));
        assertEquals(4, call("grow_functions", 4));
        assertEquals(-1, number("grow", 1));
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
    @DisplayName("brings back the segments of its instance, if each instance has its own view of a memory")
    void segmentsOfViews(boolean isCompiled) {
        assumeTrue(runtime.compiles() || !isCompiled, "a compiler for the version of the runtime");
        LinearMemory shared = runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 1, false);
        TestedInstance one = withSegment(shared, "xyz", isCompiled);
        TestedInstance two = withSegment(shared.view(), "abc", isCompiled);
        assertEquals("x", written(one));
        assertEquals("a", written(two));
        try (InstanceCheckpoint checkpoint = one.checkpoint()) {
            for (int i = 0; i < 2; i++) {
                one.call("drop");
                assertThrows(runtime.exceptionType(), () -> one.call("init"));
                assertEquals("a", written(two));
                checkpoint.restore();
                assertEquals("x", written(one));
            }
            two.call("drop");
            checkpoint.restore();
            assertEquals("x", written(one));
            assertThrows(runtime.exceptionType(), () -> two.call("init"));
        }
        shared.close();
    }

    private TestedInstance withSegment(LinearMemory memory, String bytes, boolean isCompiled) {
        Imports imports = runtime.imports();
        imports.addMemory("a", "m", memory);
        byte[] module = HexFormat.of().parseHex(SEGMENT.replace(hex("xyz"), hex(bytes)));
        return runtime.program(module, isCompiled).start(runtime.factory(machine), imports);
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static String written(TestedInstance of) {
        of.call("init");
        return Character.toString((int) call(of, "get"));
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
                thrown.add(Objects.requireNonNull(assertThrows(Exception.class, () -> elsewhere(call))
                                .getCause())
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
        String message = String.valueOf(
                assertThrows(IllegalStateException.class, checkpoint::restore).getMessage());
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
    @DisplayName("of an older state closes a younger one, whose restore then changes nothing")
    void older() {
        long state = call("state");
        InstanceCheckpoint older = instance.checkpoint();
        call("change");
        InstanceCheckpoint younger = instance.checkpoint();
        call("change");
        younger.restore();
        older.restore();
        assertEquals(state, call("change"));
        long after = call("state");
        assertThrows(IllegalStateException.class, younger::restore);
        assertEquals(after, call("state"));
        older.restore();
        assertEquals(state, call("state"));
        older.close();
        younger.close();
    }

    private TestedInstance start(String module) {
        return runtime.program(HexFormat.of().parseHex(module), false)
                .start(runtime.factory(machine), runtime.imports());
    }

    private static void end(TestedInstance of) {
        ((LinearMemory) of.memory(0)).close();
    }

    @Test
    @DisplayName("is refused with an object of the guest in a constant or behind a reference to the outside")
    void structures() {
        TestedInstance constant = start(STRUCTURES);
        assertThrows(IllegalArgumentException.class, constant::checkpoint);
        assertThrows(IllegalArgumentException.class, () -> constant.fork(null));
        end(constant);
    }

    @Test
    @DisplayName("leaves nothing of a call that trapped to a later one")
    void traps() {
        TestedInstance of = start(TAIL_CALLS);
        assertForgetsTraps(runtime, of);
        TestedInstance fork = of.fork(null);
        assertForgetsTraps(runtime, fork);
        end(of);
        end(fork);
    }

    /** Checks an instance of {@link #TAIL_CALLS}. */
    static void assertForgetsTraps(TestedRuntime runtime, TestedInstance of) {
        try (InstanceCheckpoint checkpoint = of.checkpoint()) {
            assertThrows(runtime.exceptionType(), () -> of.call("first", 4711));
            assertThrows(runtime.exceptionType(), () -> of.call("trap"));
            checkpoint.restore();
            assertThrows(RuntimeException.class, () -> of.call("second"));
            assertEquals(0, call(of, "get", 0));
            checkpoint.restore();
        }
    }

    @Test
    @DisplayName("of two instances restores both, with the memory that they share")
    void together() {
        LinearMemory shared = runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 2, false);
        Imports imports = runtime.imports();
        imports.addMemory("m", "memory", shared);
        byte[] module = HexFormat.of().parseHex(SHARING);
        TestedInstance one = runtime.program(module, false).start(runtime.factory(machine), imports);
        TestedInstance two = runtime.program(module, false).start(runtime.factory(machine), imports);
        try (InstanceCheckpoint both = one.checkpoint(two)) {
            for (int i = 0; i < 3; i++) {
                assertEquals(1, call(one, "count"));
                assertEquals(2, call(two, "count"));
                assertEquals(2, call(one, "own"));
                assertEquals(2, call(two, "own"));
                both.restore();
            }
        }
        shared.close();
    }

    @Test
    @DisplayName("brings back which instance a function in a table belongs to, although its number is the same")
    void ownersOfFunctions() {
        Imports imports = runtime.imports();
        imports.addTable("m", "table", 1, 8);
        byte[] module = HexFormat.of().parseHex(SHARED_TABLE);
        TestedInstance one = runtime.program(module, false).start(runtime.factory(machine), imports);
        TestedInstance two = runtime.program(module, false).start(runtime.factory(machine), imports);
        one.call("put", 1);
        try (InstanceCheckpoint checkpoint = one.checkpoint()) {
            for (int i = 0; i < 3; i++) {
                assertEquals(1, call(one, "call"));
                two.call("put", 2);
                assertEquals(2, call(one, "call"));
                checkpoint.restore();
            }
        }
        end(one);
        end(two);
    }

    @Test
    @DisplayName("brings back all 128 bits of a global")
    void wideGlobal() {
        TestedInstance of = start(MEMORY_AND_V128);
        try (InstanceCheckpoint checkpoint = of.checkpoint()) {
            of.setHalves(3, 4);
            checkpoint.restore();
            assertArrayEquals(new long[] {1, 2}, of.halves());
        }
        end(of);
    }

    @Test
    @DisplayName("is not restored while a thread waits in a view of a memory")
    void waiting() throws Exception {
        LinearMemory shared = runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 2, true);
        LinearMemory view = shared.view();
        InstanceCheckpoint checkpoint = new InstanceCheckpoint(List.of(shared), List.of());
        FutureTask<Integer> waits = new FutureTask<>(() -> view.enter(() -> view.atomicWait(0, 0, -1)));
        new Thread(waits, "waits").start();
        while (machine.futexes().waiters() == 0) {
            Thread.onSpinWait();
        }
        assertThrows(IllegalStateException.class, checkpoint::restore);
        shared.writeI32(0, 1);
        assertEquals(1, shared.atomicNotify(0, 1));
        assertEquals(0, waits.get());
        checkpoint.restore();
        assertEquals(0, shared.readInt(0));
        checkpoint.close();
        shared.close();
    }

    @Test
    @DisplayName("is restored beside threads whose calls are refused meanwhile")
    void intruders() throws Exception {
        AtomicBoolean isDone = new AtomicBoolean();
        FutureTask<Integer> intruder = new FutureTask<>(() -> {
            int refused = 0;
            while (!isDone.get()) {
                try {
                    call("state");
                } catch (IllegalStateException claimed) {
                    refused++;
                }
            }
            return refused;
        });
        try (InstanceCheckpoint checkpoint = instance.checkpoint()) {
            new Thread(intruder, "intruder").start();
            int restored = 0;
            while (restored < 2_000) {
                try {
                    checkpoint.restore();
                    restored++;
                } catch (IllegalStateException inUse) {
                    assertTrue(String.valueOf(inUse.getMessage()).contains("uses"), inUse::toString);
                }
            }
            isDone.set(true);
            assertTrue(intruder.get() >= 0);
        }
        call("state");
    }
}
