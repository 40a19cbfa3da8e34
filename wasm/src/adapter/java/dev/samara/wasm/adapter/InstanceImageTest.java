// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceImage;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.Imports;
import dev.samara.wasm.adapter.TestedRuntime.Program;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.ThrowingSupplier;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("An image of an instance")
final class InstanceImageTest {
    /** {@code (memory 1) (global (mut anyref) (ref.null any))}, in the binary format. */
    private static final String MEMORY_AND_ANYREF = "0061736d01000000" + "0503010001" + "0606016e01d06e0b";

    /** {@code (import "m" "a" (memory 1))}, in the binary format. */
    private static final String IMPORT_M_A = "0061736d01000000" + "020801" + "016d016102" + "0001";

    private final TestedRuntime runtime = TestedRuntime.get();
    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine =
            Machine.builder().memory(64L << 20).reportTo(reports::add).build();

    /** The values that the start functions passed to the host. */
    private final List<Long> notes = new ArrayList<>();

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        machine.close();
        assertEquals(List.of(), reports);
    }

    private Imports imports() {
        Imports imports = runtime.imports();
        imports.addFunction("host", "note", List.of("i32"), arguments -> notes.add(arguments[0]));
        return imports;
    }

    private Program warm(boolean isCompiled) {
        return runtime.program(TestModules.warm(), isCompiled);
    }

    private TestedInstance started() {
        TestedInstance instance = warm(false).start(runtime.factory(machine), imports());
        instance.call("warm");
        return instance;
    }

    private Path saved(TestedInstance instance) throws IOException {
        Path path = Files.createTempFile(folder, "saved", "");
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            instance.save(channel, Map.of("random", new byte[] {1, 2}));
        }
        return path;
    }

    private static long call(TestedInstance instance, String name, long... arguments) {
        return instance.call(name, arguments)[0];
    }

    private static void end(TestedInstance... instances) {
        for (TestedInstance instance : instances) {
            ((LinearMemory) instance.memory(0)).close();
        }
    }

    @ParameterizedTest(name = "compiled: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("goes on from the state of the instance, without a start; no instance sees what another does")
    void goesOn(boolean isCompiled) throws IOException {
        assumeTrue(runtime.compiles() || !isCompiled, "a compiler for the version of the runtime");
        TestedInstance parent = started();
        Path path = saved(parent);
        assertEquals(8, call(parent, "count_up"));
        end(parent);
        Program program = warm(isCompiled);
        TestedInstance one;
        TestedInstance other;
        try (InstanceImage<?> image = program.open(machine, path, imports())) {
            image.verify();
            assertEquals(Set.of("random"), image.sections());
            assertArrayEquals(new byte[] {1, 2}, image.section("random"));
            assertNull(image.section("dev.samara.wasm.values"));
            one = program.build(image);
            other = program.build(image);
        }
        assertEquals(List.of(1L), notes, "starts");
        for (TestedInstance each : List.of(one, other)) {
            assertEquals(1, call(each, "load", 0));
            assertEquals(42, call(each, "load", 65536));
            assertEquals(2, Accesses.of(runtime, each.memory(0)).pages());
            assertEquals(0x0123456789abcdefL, each.global("wide"));
            assertEquals(5, call(each, "table_size"));
            assertEquals(8, call(each, "count_up"));
            assertEquals(9, call(each, "count_up"));
            assertEquals(9, call(each, "call", 0), "its own function, in its table");
            assertEquals(9, call(each, "call", 4));
            assertEquals("active", Accesses.of(runtime, each.memory(0)).readString(16, 6));
            each.call("init_later");
            assertEquals("passive", Accesses.of(runtime, each.memory(0)).readString(32, 7));
            assertThrows(runtime.exceptionType(), () -> each.call("init_dropped"));
            each.call("init_kept");
            assertEquals(9, call(each, "call", 1));
            assertThrows(runtime.exceptionType(), () -> each.call("init_gone"));
            each.call("warm");
            assertEquals(7, call(each, "table_size"));
            assertEquals(3, Accesses.of(runtime, each.memory(0)).pages());
        }
        end(one, other);
    }

    @Test
    @DisplayName("is as good as the instance for forks, checkpoints and images")
    void again() throws IOException {
        TestedInstance parent = started();
        Program program = warm(false);
        try (InstanceImage<?> image = program.open(machine, saved(parent), imports())) {
            TestedInstance loaded = program.build(image);
            TestedInstance child = loaded.fork(null);
            try (InstanceCheckpoint checkpoint = loaded.checkpoint()) {
                assertEquals(8, call(loaded, "count_up"));
                checkpoint.restore();
                assertEquals(42, call(loaded, "load", 65536));
                assertEquals(8, call(loaded, "count_up"));
            }
            assertEquals(8, call(child, "count_up"));
            assertEquals(9, call(child, "count_up"));
            try (InstanceImage<?> second = program.open(machine, saved(loaded), imports())) {
                TestedInstance again = program.build(second);
                assertEquals(8, call(again, "load", 65536));
                assertEquals(9, call(again, "count_up"));
                end(again);
            }
            end(loaded, child);
        }
        end(parent);
    }

    @Test
    @DisplayName("makes instances that keep nothing of a call that trapped, when they are restored")
    void traps() throws IOException {
        Program program = runtime.program(HexFormat.of().parseHex(InstanceCheckpointTest.TAIL_CALLS), false);
        TestedInstance parent = program.start(runtime.factory(machine), runtime.imports());
        try (InstanceImage<?> image = program.open(machine, saved(parent), runtime.imports())) {
            TestedInstance loaded = program.build(image);
            InstanceCheckpointTest.assertForgetsTraps(runtime, loaded);
            end(loaded);
        }
        end(parent);
    }

    @Test
    @DisplayName("is refused for an instance that was not initialized, and so is a checkpoint")
    void uninitialized() {
        TestedInstance parent = warm(false).start(runtime.factory(machine), imports(), false);
        assertThrows(IllegalArgumentException.class, () -> saved(parent));
        assertThrows(IllegalArgumentException.class, parent::checkpoint);
        end(parent);
    }

    @Test
    @DisplayName("replaces the memory that the module imports")
    void importedMemory() throws IOException {
        Program program = runtime.program(HexFormat.of().parseHex(IMPORT_M_A), false);
        LinearMemory memory = runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 2, false);
        memory.writeI32(100, 7);
        Imports imports = runtime.imports();
        imports.addMemory("m", "a", memory);
        Path path = saved(program.start(runtime.factory(machine), imports));
        memory.close();
        try (InstanceImage<?> image = program.open(machine, path, runtime.imports())) {
            TestedInstance loaded = program.build(image);
            assertEquals(7, ((LinearMemory) loaded.memory(0)).readInt(100));
            end(loaded);
        }
    }

    @Test
    @DisplayName("is refused for references that are no numbers, other memories, and during a call")
    void refusals() throws IOException {
        TestedInstance parent = started();
        LinearMemory memory = (LinearMemory) parent.memory(0);
        assertThrows(IllegalStateException.class, () -> memory.enter(() -> unchecked(() -> saved(parent))));
        try (LinearMemory view = memory.view()) {
            assertThrows(IllegalStateException.class, () -> view.enter(() -> unchecked(() -> saved(parent))));
        }
        end(parent);
        TestedInstance other = runtime.program(HexFormat.of().parseHex(MEMORY_AND_ANYREF), false)
                .start(runtime.factory(machine), runtime.imports());
        other.setReference(false);
        assertThrows(IllegalArgumentException.class, () -> saved(other));
        other.setReference(true);
        Path path = saved(other);
        assertThrows(IOException.class, () -> warm(false).open(machine, path, imports()), "another module");
        TestedInstance plain = warm(false).start(runtime::ownMemory, imports());
        assertThrows(IllegalArgumentException.class, () -> saved(plain));
        TestedInstance changing = changing();
        changing.call("put", 0, 42);
        assertThrows(IllegalArgumentException.class, () -> saved(changing), "an object of the host");
        Path space = Files.createTempFile(folder, "space", "");
        try (FileChannel channel = FileChannel.open(space, StandardOpenOption.WRITE);
                AddressSpace child = ((LinearMemory) other.memory(0)).space().fork()) {
            child.save(channel, Map.of());
        }
        assertThrows(IOException.class, () -> warm(false).open(machine, space, imports()), "of a space");
        end(other, changing);
    }

    private TestedInstance changing() {
        Imports imports = runtime.imports();
        imports.addFunction("host", "call", List.of("i32"), arguments -> {});
        imports.addGlobal("host", "shared", "i64", 1000, true);
        imports.addTable("host", "others", 2, 8);
        return runtime.program(TestModules.changes(), false).start(runtime.factory(machine), imports);
    }

    /** Runs what may throw IOException. */
    private static Path unchecked(ThrowingSupplier<Path> save) {
        try {
            return save.get();
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable thrown) {
            throw new AssertionError(thrown);
        }
    }

    @Test
    @DisplayName("fails an access to a damaged page with a trap")
    void damage() throws IOException {
        TestedInstance parent = started();
        Path path = saved(parent);
        end(parent);
        byte[] bytes = Files.readAllBytes(path);
        bytes[4096 + 65536 + 9] ^= 1;
        Files.write(path, bytes);
        Program program = warm(false);
        try (InstanceImage<?> image = program.open(machine, path, imports())) {
            TestedInstance loaded = program.build(image);
            assertEquals(1, call(loaded, "load", 0));
            assertThrows(runtime.exceptionType(), () -> call(loaded, "load", 65536));
            assertThrows(IOException.class, image::verify);
            assertEquals(Report.Kind.CALLBACK_FAILED, reports.get(0).kind());
            end(loaded);
            reports.clear();
        }
    }
}
