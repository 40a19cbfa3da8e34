// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.wasi.WasiOptions;
import com.dylibso.chicory.wasi.WasiPreview1;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.ValType;
import io.roastedroot.quickjs4j.core.JavyPluginModule;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/** QuickJS, a JavaScript interpreter, as a program of realistic size: about 600 KiB of WebAssembly. */
final class QuickJs {
    private final Instance instance;
    private final ByteArrayOutputStream printed;

    private QuickJs(Instance instance, ByteArrayOutputStream printed) {
        this.instance = instance;
        this.printed = printed;
    }

    /** Starts an interpreter. */
    static QuickJs start(Function<MemoryLimits, Memory> memories) {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        Instance instance = Instance.builder(JavyPluginModule.load())
                .withMemoryFactory(memories)
                .withMachineFactory(JavyPluginModule::create)
                .withImportValues(imports(printed))
                .build();
        QuickJs started = new QuickJs(instance, printed);
        started.call("initialize_runtime");
        return started;
    }

    /** Returns a copy with a separate WASI system. */
    QuickJs fork() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        return new QuickJs(
                InstanceFork.of(instance)
                        .withMachineFactory(JavyPluginModule::create)
                        .withImportValues(imports(out))
                        .build(),
                out);
    }

    private static ImportValues imports(ByteArrayOutputStream printed) {
        WasiOptions options =
                WasiOptions.builder().withStdout(printed).withStderr(printed).build();
        return ImportValues.builder()
                .addFunction(WasiPreview1.builder().withOptions(options).build().toHostFunctions())
                .addFunction(new HostFunction(
                        "chicory",
                        "invoke",
                        FunctionType.of(Collections.nCopies(6, ValType.I32), List.of(ValType.I32)),
                        (of, arguments) -> {
                            throw new UnsupportedOperationException("a call of the host");
                        }))
                .build();
    }

    Memory memory() {
        return instance.memory();
    }

    private long call(String name, long... arguments) {
        ExportFunction function = instance.export(name);
        if (memory() instanceof LinearMemory memory) {
            function = memory.entering(function);
        }
        long[] results = function.apply(arguments);
        return results == null || results.length == 0 ? 0 : results[0];
    }

    /** Runs a script, and returns its output. */
    String run(String script) {
        byte[] source = script.getBytes(StandardCharsets.UTF_8);
        int at = (int) call("canonical_abi_realloc", 0, 0, 1, source.length);
        memory().write(at, source);
        int code = (int) call("compileSrc", at, source.length);
        call("invoke", memory().readInt(code), memory().readInt(code + 4), 0, 0);
        String text = printed.toString(StandardCharsets.UTF_8);
        printed.reset();
        return text;
    }
}
