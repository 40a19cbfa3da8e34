// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import dev.samara.core.Machine;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceImage;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.Imports;
import dev.samara.wasm.adapter.TestedRuntime.Memories;
import dev.samara.wasm.adapter.TestedRuntime.Program;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/** QuickJS, a JavaScript interpreter, as a program of realistic size: about 600 KiB of WebAssembly. */
final class QuickJs {
    private final TestedRuntime runtime;
    private final TestedInstance instance;
    private final Accesses memory;
    private final ByteArrayOutputStream printed;

    private QuickJs(TestedRuntime runtime, TestedInstance instance, ByteArrayOutputStream printed) {
        this.runtime = runtime;
        this.instance = instance;
        this.printed = printed;
        memory = Accesses.of(runtime, instance.memory(0));
    }

    /** Starts an interpreter. */
    static QuickJs start(TestedRuntime runtime, Memories memories) {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        QuickJs started = new QuickJs(runtime, runtime.quickJs().start(memories, imports(runtime, printed)), printed);
        started.instance.call("initialize_runtime");
        return started;
    }

    /** Returns a copy with a separate WASI system. */
    QuickJs fork() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        return new QuickJs(runtime, instance.fork(imports(runtime, out)), out);
    }

    /** Saves the state as an image. */
    void save(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            instance.save(channel, Map.of());
        }
    }

    /** Makes an interpreter of an image. */
    static QuickJs load(TestedRuntime runtime, Machine machine, Path path) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Program program = runtime.quickJs();
        try (InstanceImage<?> image = program.open(machine, path, imports(runtime, out))) {
            return new QuickJs(runtime, program.build(image), out);
        }
    }

    /** Saves the state between two calls. The memory is a {@link LinearMemory}. */
    InstanceCheckpoint checkpoint() {
        return instance.checkpoint();
    }

    private static Imports imports(TestedRuntime runtime, ByteArrayOutputStream printed) {
        Imports imports = runtime.imports();
        imports.addSystem(printed);
        return imports;
    }

    Object memory() {
        return instance.memory(0);
    }

    /** Runs a script, and returns its output. */
    String run(String script) {
        List<String> functions = runtime.quickJsFunctions();
        byte[] source = script.getBytes(StandardCharsets.UTF_8);
        int at = (int) instance.call(functions.get(0), 0, 0, 1, source.length)[0];
        memory.write(at, source);
        int code = (int) instance.call("compileSrc", at, source.length)[0];
        instance.call(functions.get(1), memory.readInt(code), memory.readInt(code + 4), 0, 0);
        String text = printed.toString(StandardCharsets.UTF_8);
        printed.reset();
        return text;
    }
}
