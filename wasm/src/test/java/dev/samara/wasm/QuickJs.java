// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.wasi.WasiOptions;
import com.dylibso.chicory.wasi.WasiPreview1;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.ValType;
import dev.samara.core.Checkpoint;
import io.roastedroot.quickjs4j.core.JavyPluginModule;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

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

    /**
     * Saves the state between two calls: a checkpoint of the memory, and what the instance contains outside of it. The
     * memory is a {@link LinearMemory}.
     */
    Saved save() {
        return new Saved();
    }

    /** A state of an interpreter, to which it returns any number of times. */
    final class Saved implements AutoCloseable {
        private final int pages = memory().pages();
        private final long[] low = new long[instance.globalCount()];
        private final long[] high = new long[low.length];
        private final int[][] tables = new int[instance.module().tableSection().tableCount()][];
        private final Checkpoint checkpoint;

        private Saved() {
            for (int i = 0; i < low.length; i++) {
                low[i] = instance.global(i).getValueLow();
                high[i] = instance.global(i).getValueHigh();
            }
            for (int i = 0; i < tables.length; i++) {
                TableInstance table = instance.table(i);
                tables[i] = IntStream.range(0, table.size()).map(table::ref).toArray();
            }
            checkpoint = ((LinearMemory) memory()).space().checkpoint();
        }

        /** Returns to this state. Neither the memory nor a table may have grown, which Chicory cannot undo. */
        void load() {
            assertEquals(pages, memory().pages());
            checkpoint.restore();
            for (int i = 0; i < low.length; i++) {
                instance.global(i).setValueLow(low[i]);
                instance.global(i).setValueHigh(high[i]);
            }
            for (int i = 0; i < tables.length; i++) {
                TableInstance table = instance.table(i);
                assertEquals(tables[i].length, table.size());
                for (int at = 0; at < tables[i].length; at++) {
                    table.setRef(at, tables[i][at], instance);
                }
            }
        }

        @Override
        public void close() {
            checkpoint.close();
        }
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
