// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.chicory;

import com.dylibso.chicory.compiler.MachineFactoryCompiler;
import com.dylibso.chicory.runtime.ByteArrayMemory;
import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.GlobalInstance;
import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportGlobal;
import com.dylibso.chicory.runtime.ImportMemory;
import com.dylibso.chicory.runtime.ImportTable;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.Store;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.wasi.WasiOptions;
import com.dylibso.chicory.wasi.WasiPreview1;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.ActiveDataSegment;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.MemorySection;
import com.dylibso.chicory.wasm.types.MutabilityType;
import com.dylibso.chicory.wasm.types.PassiveDataSegment;
import com.dylibso.chicory.wasm.types.Table;
import com.dylibso.chicory.wasm.types.TableLimits;
import com.dylibso.chicory.wasm.types.ValType;
import com.dylibso.chicory.wasm.types.Value;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceImage;
import dev.samara.wasm.InstanceState;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.JavyPlugin;
import dev.samara.wasm.adapter.PagedMemory;
import dev.samara.wasm.adapter.TestedRuntime;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Chicory, for the tests of adapters. */
public final class TestedChicory implements TestedRuntime {
    private static final byte[] EMPTY_MODULE = {0, 'a', 's', 'm', 1, 0, 0, 0};
    private static final Map<String, ValType> TYPES =
            Map.of("i32", ValType.I32, "i64", ValType.I64, "f32", ValType.F32, "f64", ValType.F64);

    @Override
    public String packages() {
        return "com.dylibso.chicory";
    }

    @Override
    public Class<?> memoryType() {
        return Memory.class;
    }

    @Override
    public Class<? extends RuntimeException> exceptionType() {
        return ChicoryException.class;
    }

    @Override
    public Object ownMemory(int initial, int maximum, boolean isShared) {
        return new ByteArrayMemory(new MemoryLimits(initial, maximum, isShared));
    }

    /** The rival, with what has types of the runtime. */
    @SuppressWarnings("removal") // of methods that it inherits
    private static final class Paged extends PagedMemory implements Memory {
        private DataSegment[] segments = {};

        Paged(int initial, int maximum) {
            super(initial, maximum);
        }

        @Override
        public void initialize(Instance instance, DataSegment[] all) {
            segments = all;
            for (DataSegment segment : all) {
                if (segment instanceof ActiveDataSegment active) {
                    long at = ConstantEvaluators.computeConstantValue(instance, active.offsetInstructions())[0];
                    write((int) at, active.data(), 0, active.data().length);
                }
            }
        }

        @Override
        public void initPassiveSegment(int segment, int target, int offset, int length) {
            write(target, segments[segment].data(), offset, length);
        }

        @Override
        public void drop(int segment) {
            segments[segment] = PassiveDataSegment.EMPTY;
        }
    }

    @Override
    public PagedMemory pagedMemory(int initial, int maximum) {
        return new Paged(initial, maximum);
    }

    @Override
    public LinearMemory linearMemory(
            dev.samara.core.Machine machine, Geometry geometry, int initial, int maximum, boolean isShared) {
        return new ChicoryMemory(machine, geometry, new MemoryLimits(initial, maximum, isShared));
    }

    @Override
    public Memories factory(dev.samara.core.Machine machine) {
        Function<MemoryLimits, Memory> factory = ChicoryMemory.factory(machine);
        return (initial, maximum, isShared) -> factory.apply(new MemoryLimits(initial, maximum, isShared));
    }

    @Override
    public void initialize(Object memory, byte[]... segments) {
        Instance instance = Instance.builder(Parser.parse(EMPTY_MODULE)).build();
        ((Memory) memory)
                .initialize(
                        instance,
                        Arrays.stream(segments).map(PassiveDataSegment::new).toArray(DataSegment[]::new));
    }

    @Override
    public Imports imports() {
        return new OfStore();
    }

    @Override
    public boolean compiles() {
        return true;
    }

    @Override
    public Program program(byte[] module, boolean isCompiled) {
        WasmModule parsed = Parser.parse(module);
        return program(parsed, isCompiled ? MachineFactoryCompiler.compile(parsed) : INTERPRETER);
    }

    @Override
    public Program quickJs() {
        return program(
                (WasmModule) JavyPlugin.load(), instance -> (Machine) JavyPlugin.machine(Instance.class, instance));
    }

    @Override
    public List<String> quickJsFunctions() {
        return List.of("canonical_abi_realloc", "invoke");
    }

    /** The default of forks and images, which need not be told. */
    private static final Function<Instance, Machine> INTERPRETER = ChicoryInterpreter::new;

    private static Program program(WasmModule module, Function<Instance, Machine> machines) {
        return new OfModule(module, machines);
    }

    private record OfModule(WasmModule module, Function<Instance, Machine> machines) implements Program {
        @Override
        public TestedInstance start(Memories memories, Imports imports, boolean isInitialized) {
            return new OfInstance(
                    Instance.builder(module)
                            .withImportValues(((OfStore) imports).store.toImportValues())
                            .withMemoryFactory(limits -> (Memory)
                                    memories.memory(limits.initialPages(), limits.maximumPages(), limits.shared()))
                            .withTableFactory(ChicoryTable::new)
                            .withMachineFactory(machines)
                            .withInitialize(isInitialized)
                            .build(),
                    machines);
        }

        @Override
        public InstanceImage<?> open(dev.samara.core.Machine machine, Path path, Imports imports, Path... increments)
                throws IOException {
            ChicoryImage image = ChicoryImage.open(machine, path, module, increments)
                    .withImportValues(((OfStore) imports).store.toImportValues());
            return machines == INTERPRETER ? image : image.withMachineFactory(machines);
        }

        @Override
        public TestedInstance build(InstanceImage<?> image) throws IOException {
            return new OfInstance((Instance) image.build(), machines);
        }
    }

    private static final class OfStore implements Imports {
        private final Store store = new Store();

        @Override
        public void addFunction(String module, String name, List<String> parameters, Consumer<long[]> body) {
            List<ValType> types = parameters.stream().map(TYPES::get).toList();
            store.addFunction(
                    new HostFunction(module, name, FunctionType.of(types, List.of()), (instance, arguments) -> {
                        body.accept(arguments);
                        return new long[0];
                    }));
        }

        @Override
        public void addGlobal(String module, String name, String type, long value, boolean isMutable) {
            ValType of = Objects.requireNonNull(TYPES.get(type));
            store.addGlobal(new ImportGlobal(
                    module,
                    name,
                    new GlobalInstance(value, 0, of, isMutable ? MutabilityType.Var : MutabilityType.Const)));
        }

        @Override
        public void addTable(String module, String name, int initial, int maximum) {
            Table table = new Table(ValType.FuncRef, new TableLimits(initial, maximum));
            store.addTable(new ImportTable(module, name, new TableInstance(table, Value.REF_NULL_VALUE)));
        }

        @Override
        public void addMemory(String module, String name, Object memory) {
            store.addMemory(new ImportMemory(module, name, (Memory) memory));
        }

        @Override
        public void addSystem(OutputStream printed) {
            WasiOptions options = WasiOptions.builder()
                    .withStdout(printed)
                    .withStderr(printed)
                    .build();
            store.addFunction(
                    WasiPreview1.builder().withOptions(options).build().toHostFunctions());
            store.addFunction(new HostFunction(
                    "chicory",
                    "invoke",
                    FunctionType.of(Collections.nCopies(6, ValType.I32), List.of(ValType.I32)),
                    (of, arguments) -> {
                        throw new UnsupportedOperationException("a call of the host");
                    }));
        }

        @Override
        public void addExports(String module, TestedInstance instance) {
            store.register(module, ((OfInstance) instance).instance);
        }
    }

    private record OfInstance(Instance instance, Function<Instance, Machine> machines) implements TestedInstance {
        @Override
        public TestedFunction function(String name) {
            ExportFunction function = instance.export(name);
            for (int i = 0; i < memories(); i++) {
                if (instance.memory(i) instanceof ChicoryMemory memory) {
                    function = memory.entering(function);
                }
            }
            ExportFunction entering = function;
            return arguments -> {
                long[] results = entering.apply(arguments);
                return results == null ? new long[0] : results;
            };
        }

        @Override
        public long global(String name) {
            return instance.exports().global(name).getValue();
        }

        @Override
        public long[] halves() {
            return new long[] {
                instance.global(0).getValueLow(), instance.global(0).getValueHigh()
            };
        }

        @Override
        public void setHalves(long low, long high) {
            instance.global(0).setValueLow(low);
            instance.global(0).setValueHigh(high);
        }

        @Override
        public void setReference(boolean isNull) {
            instance.global(0).setValueLow(isNull ? Value.REF_NULL_VALUE : 5);
        }

        @Override
        public Object importedFunction(int index) {
            return instance.imports().function(index);
        }

        @Override
        public int memories() {
            return instance.imports().memoryCount()
                    + instance.module()
                            .memorySection()
                            .map(MemorySection::memoryCount)
                            .orElse(0);
        }

        @Override
        public Object memory(int index) {
            return instance.memory(index);
        }

        @Override
        public InstanceCheckpoint checkpoint(InstanceState... hosts) {
            return ChicoryCheckpoint.of(instance, hosts);
        }

        @Override
        public InstanceCheckpoint checkpoint(TestedInstance other) {
            return ChicoryCheckpoint.of(List.of(instance, ((OfInstance) other).instance));
        }

        @Override
        public TestedInstance fork(@Nullable Imports imports) {
            ChicoryFork fork = ChicoryFork.of(instance);
            if (machines != INTERPRETER) {
                fork.withMachineFactory(machines);
            }
            if (imports != null) {
                fork.withImportValues(((OfStore) imports).store.toImportValues());
            }
            return new OfInstance(fork.build(), machines);
        }

        @Override
        public void save(WritableByteChannel target, Map<String, byte[]> sections) throws IOException {
            ChicoryImage.save(instance, target, sections);
        }

        @Override
        public void failToFork(RuntimeException failure) {
            ChicoryFork.of(instance)
                    .withMachineFactory(of -> {
                        throw failure;
                    })
                    .build();
        }
    }
}
