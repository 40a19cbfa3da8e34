// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.dylibso.chicory.compiler.MachineFactoryCompiler;
import com.dylibso.chicory.runtime.ByteArrayMemory;
import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportMemory;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.ValType;
import com.dylibso.chicory.wasm.types.Value;
import dev.samara.core.Machine;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A fork of an instance")
final class InstanceForkTest {
    /** {@code (import "m" "a" (memory 1)) (import "m" "b" (memory 1))}, in the binary format. */
    private static final String IMPORTS_M_A_AND_M_B =
            "0061736d01000000" + "020f02" + "016d016102" + "0001" + "016d016202" + "0001";

    /** {@code (memory 1) (global (mut anyref) (ref.null any))}, in the binary format. */
    private static final String MEMORY_AND_ANYREF = "0061736d01000000" + "0503010001" + "0606016e01d06e0b";

    private final Machine machine = Machine.builder().memory(64L << 20).build();
    private final WasmModule module = TestModules.warm();

    /** The values that the start function passed to the host. */
    private final List<Long> notes = new ArrayList<>();

    @AfterEach
    void close() {
        machine.close();
    }

    private ImportValues imports(List<Long> told) {
        return ImportValues.builder()
                .addFunction(new HostFunction(
                        "host", "note", FunctionType.of(List.of(ValType.I32), List.of()), (instance, arguments) -> {
                            told.add(arguments[0]);
                            return new long[0];
                        }))
                .build();
    }

    private Instance warm(Function<Instance, com.dylibso.chicory.runtime.Machine> machines) {
        Instance instance = Instance.builder(module)
                .withImportValues(imports(notes))
                .withMemoryFactory(LinearMemory.factory(machine))
                .withMachineFactory(machines)
                .build();
        call(instance, "warm");
        return instance;
    }

    private static long call(Instance instance, String name, long... arguments) {
        long[] results = ((LinearMemory) instance.memory())
                .entering(instance.export(name))
                .apply(arguments);
        return results == null || results.length == 0 ? 0 : results[0];
    }

    private static void end(Instance... instances) {
        for (Instance instance : instances) {
            ((LinearMemory) instance.memory()).close();
        }
    }

    @ParameterizedTest(name = "compiled: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("goes on from the state of the instance, without a start; neither sees what the other does")
    void goesOn(boolean isCompiled) {
        Function<Instance, com.dylibso.chicory.runtime.Machine> machines = isCompiled
                ? MachineFactoryCompiler.compile(module)
                : com.dylibso.chicory.runtime.InterpreterMachine::new;
        Instance parent = warm(machines);
        InstanceFork fork = InstanceFork.of(parent).withMachineFactory(machines);
        Instance child = fork.build();
        assertEquals(List.of(1L), notes);
        assertEquals(1, call(child, "load", 0));
        assertEquals(42, call(child, "load", 65536));
        assertEquals(2, child.memory().pages());
        assertEquals(0x0123456789abcdefL, child.exports().global("wide").getValue());

        assertEquals(8, call(child, "count_up"));
        assertEquals(9, call(child, "count_up"));
        assertEquals(9, call(child, "call", 0), "the copy's own function, in its table");
        assertEquals(9, call(child, "call", 4));
        assertEquals(7, call(parent, "call", 0));
        assertEquals(42, call(parent, "load", 65536));
        assertEquals(5, call(child, "table_size"));

        Instance other = fork.build();
        assertEquals(8, call(other, "count_up"));
        Instance grandchild = InstanceFork.of(child).build();
        assertEquals(10, call(grandchild, "count_up"));
        end(parent, child, other, grandchild);
    }

    @Test
    @DisplayName("has the segments that the instance has, and lacks those that it has dropped")
    void segments() {
        Instance parent = warm(com.dylibso.chicory.runtime.InterpreterMachine::new);
        Instance child = InstanceFork.of(parent).build();
        assertEquals("active", child.memory().readString(16, 6));
        call(child, "init_later");
        assertEquals("passive", child.memory().readString(32, 7));
        assertThrows(ChicoryException.class, () -> call(child, "init_dropped"));
        call(child, "init_kept");
        assertEquals(7, call(child, "call", 1));
        assertThrows(ChicoryException.class, () -> call(child, "init_gone"));
        assertEquals("\0\0\0\0\0\0\0", parent.memory().readString(32, 7));
        end(parent, child);
    }

    @Test
    @DisplayName("imports what it is given, and what the instance imports otherwise")
    void imported() {
        Instance parent = warm(com.dylibso.chicory.runtime.InterpreterMachine::new);
        ImportValues others = imports(new ArrayList<>());
        Instance child = InstanceFork.of(parent).withImportValues(others).build();
        assertSame(others.function(0), child.imports().function(0));
        Instance same = InstanceFork.of(parent).build();
        assertSame(parent.imports().function(0), same.imports().function(0));
        assertNotSame(parent.memory(), same.memory());
        end(parent, child, same);
    }

    @Test
    @DisplayName("has one fork of a memory that the instance imports by two names")
    void twoNames() {
        WasmModule imports = Parser.parse(HexFormat.of().parseHex(IMPORTS_M_A_AND_M_B));
        LinearMemory memory = new LinearMemory(machine, new MemoryLimits(1, 2));
        Instance parent = Instance.builder(imports)
                .withImportValues(ImportValues.builder()
                        .addMemory(new ImportMemory("m", "a", memory), new ImportMemory("m", "b", memory))
                        .build())
                .build();
        Instance child = InstanceFork.of(parent).build();
        assertSame(child.memory(0), child.memory(1));
        assertNotSame(memory, child.memory(0));
        ((LinearMemory) child.memory(0)).close();
        memory.close();
    }

    @Test
    @DisplayName("that cannot be made leaves no memory open, whichever step fails")
    void failedBuild() {
        Instance parent = warm(com.dylibso.chicory.runtime.InterpreterMachine::new);
        IllegalStateException thrown = new IllegalStateException("no machine");
        InstanceFork failing = InstanceFork.of(parent).withMachineFactory(instance -> {
            throw thrown;
        });
        assertSame(thrown, assertThrows(IllegalStateException.class, failing::build));
        Instance other = Instance.builder(Parser.parse(HexFormat.of().parseHex(MEMORY_AND_ANYREF)))
                .withMemoryFactory(LinearMemory.factory(machine))
                .build();
        other.global(0).setValueLow(5);
        InstanceFork refused = InstanceFork.of(other);
        assertThrows(IllegalArgumentException.class, refused::build);
        other.global(0).setValueLow(Value.REF_NULL_VALUE);
        end(parent, other, refused.build());
        // Refused while a space is open.
        machine.close();
    }

    @Test
    @DisplayName("can be made of LinearMemory only")
    void otherMemory() {
        Instance parent = Instance.builder(module)
                .withImportValues(imports(notes))
                .withMemoryFactory(ByteArrayMemory::new)
                .build();
        assertThrows(
                IllegalArgumentException.class, () -> InstanceFork.of(parent).build());
    }
}
