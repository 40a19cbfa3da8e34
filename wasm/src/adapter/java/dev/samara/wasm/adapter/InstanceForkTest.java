// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.Imports;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
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

    private final TestedRuntime runtime = TestedRuntime.get();
    private final Machine machine = Machine.builder().memory(64L << 20).build();

    /** The values that the start function passed to the host. */
    private final List<Long> notes = new ArrayList<>();

    @AfterEach
    void close() {
        machine.close();
    }

    private Imports imports(List<Long> told) {
        Imports imports = runtime.imports();
        imports.addFunction("host", "note", List.of("i32"), arguments -> told.add(arguments[0]));
        return imports;
    }

    private TestedInstance warm(boolean isCompiled) {
        TestedInstance instance =
                runtime.program(TestModules.warm(), isCompiled).start(runtime.factory(machine), imports(notes));
        instance.call("warm");
        return instance;
    }

    private TestedInstance start(String module, Imports imports) {
        return runtime.program(HexFormat.of().parseHex(module), false).start(runtime.factory(machine), imports);
    }

    private static long call(TestedInstance instance, String name, long... arguments) {
        return instance.call(name, arguments)[0];
    }

    private Accesses memory(TestedInstance of) {
        return Accesses.of(runtime, of.memory(0));
    }

    private static void end(TestedInstance... instances) {
        for (TestedInstance instance : instances) {
            ((LinearMemory) instance.memory(0)).close();
        }
    }

    @ParameterizedTest(name = "compiled: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("goes on from the state of the instance, without a start; neither sees what the other does")
    void goesOn(boolean isCompiled) {
        assumeTrue(runtime.compiles() || !isCompiled, "a compiler for the version of the runtime");
        TestedInstance parent = warm(isCompiled);
        TestedInstance child = parent.fork(null);
        assertEquals(List.of(1L), notes);
        assertEquals(1, call(child, "load", 0));
        assertEquals(42, call(child, "load", 65536));
        assertEquals(2, memory(child).pages());
        assertEquals(0x0123456789abcdefL, child.global("wide"));

        assertEquals(8, call(child, "count_up"));
        assertEquals(9, call(child, "count_up"));
        assertEquals(9, call(child, "call", 0), "the copy's own function, in its table");
        assertEquals(9, call(child, "call", 4));
        assertEquals(7, call(parent, "call", 0));
        assertEquals(42, call(parent, "load", 65536));
        assertEquals(5, call(child, "table_size"));

        TestedInstance other = parent.fork(null);
        assertEquals(8, call(other, "count_up"));
        TestedInstance grandchild = child.fork(null);
        assertEquals(10, call(grandchild, "count_up"));
        end(parent, child, other, grandchild);
    }

    @Test
    @DisplayName("can grow its table to the maximum, though another instance of the module did so")
    void ownLimits() {
        TestedRuntime.Program program = runtime.program(TestModules.warm(), false);
        TestedInstance parent = program.start(runtime.factory(machine), imports(notes));
        parent.call("warm");
        parent.call("warm");
        assertEquals(7, call(parent, "table_size"));
        TestedInstance second = program.start(runtime.factory(machine), imports(notes));
        assertEquals(3, call(second, "table_size"));
        second.call("warm");
        TestedInstance child = second.fork(null);
        child.call("warm");
        assertEquals(7, call(child, "table_size"));
        end(parent, second, child);
    }

    @Test
    @DisplayName("has as many table entries as the instance, though another copy has more")
    void tableSize() {
        TestedInstance parent = warm(false);
        TestedInstance larger = parent.fork(null);
        larger.call("warm");
        assertEquals(7, call(larger, "table_size"));
        TestedInstance child = parent.fork(null);
        assertEquals(5, call(child, "table_size"));
        assertEquals(2, call(child, "call", 1));
        end(parent, larger, child);
    }

    @Test
    @DisplayName("has the segments that the instance has, and lacks those that it has dropped")
    void segments() {
        TestedInstance parent = warm(false);
        TestedInstance child = parent.fork(null);
        assertEquals("active", memory(child).readString(16, 6));
        child.call("init_later");
        assertEquals("passive", memory(child).readString(32, 7));
        assertThrows(runtime.exceptionType(), () -> child.call("init_dropped"));
        child.call("init_kept");
        assertEquals(7, call(child, "call", 1));
        assertThrows(runtime.exceptionType(), () -> child.call("init_gone"));
        assertEquals("\0\0\0\0\0\0\0", memory(parent).readString(32, 7));
        end(parent, child);
    }

    @Test
    @DisplayName("imports what it is given, and what the instance imports otherwise")
    void imported() {
        TestedInstance parent = warm(false);
        TestedInstance child = parent.fork(imports(new ArrayList<>()));
        assertNotSame(parent.importedFunction(0), child.importedFunction(0));
        TestedInstance same = parent.fork(null);
        assertSame(parent.importedFunction(0), same.importedFunction(0));
        assertNotSame(parent.memory(0), same.memory(0));
        end(parent, child, same);
    }

    @Test
    @DisplayName("has one fork of a memory that the instance imports by two names")
    void twoNames() {
        LinearMemory memory = runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 2, false);
        Imports imports = runtime.imports();
        imports.addMemory("m", "a", memory);
        imports.addMemory("m", "b", memory);
        TestedInstance parent = start(IMPORTS_M_A_AND_M_B, imports);
        TestedInstance child = parent.fork(null);
        assertSame(child.memory(0), child.memory(1));
        assertNotSame(memory, child.memory(0));
        end(child, parent);
    }

    @Test
    @DisplayName("that cannot be made leaves no memory open, whichever step fails")
    void failedBuild() {
        TestedInstance parent = warm(false);
        IllegalStateException thrown = new IllegalStateException("no machine");
        assertSame(thrown, assertThrows(IllegalStateException.class, () -> parent.failToFork(thrown)));
        TestedInstance other = start(MEMORY_AND_ANYREF, runtime.imports());
        other.setReference(false);
        assertThrows(IllegalArgumentException.class, () -> other.fork(null));
        other.setReference(true);
        end(parent, other, other.fork(null));
        // Refused while a space is open.
        machine.close();
    }

    @Test
    @DisplayName("can be made of an instance with memories of the adapter only")
    void otherMemory() {
        TestedInstance parent = runtime.program(TestModules.warm(), false).start(runtime::ownMemory, imports(notes));
        assertThrows(IllegalArgumentException.class, () -> parent.fork(null));
    }
}
