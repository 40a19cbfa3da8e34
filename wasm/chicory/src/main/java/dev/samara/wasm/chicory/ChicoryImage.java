// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.chicory;

import com.dylibso.chicory.runtime.ImportMemory;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.ExternalType;
import com.dylibso.chicory.wasm.types.MemoryImport;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.InstanceImage;
import dev.samara.wasm.InstanceValues;
import dev.samara.wasm.LinearMemory;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Saves instances of Chicory, and makes new ones of what was saved. {@link InstanceImage} describes what an image
 * contains.
 *
 * <pre>{@code
 * ChicoryImage.save(instance, channel, Map.of());
 *
 * ChicoryImage image = ChicoryImage.open(machine, path, module).withMachineFactory(compiled);
 * Instance fresh = image.build();
 * }</pre>
 */
public final class ChicoryImage extends InstanceImage<Instance> {
    private final WasmModule module;
    private final WasmModule begun;
    private Function<Instance, com.dylibso.chicory.runtime.Machine> machines = ChicoryInterpreter::new;
    private ImportValues imports = ImportValues.empty();

    private ChicoryImage(Machine machine, Geometry geometry, Path path, WasmModule module, Path... increments)
            throws IOException {
        super(machine, geometry, path, shape(module), increments);
        this.module = module;
        begun = ChicoryFork.begun(module);
    }

    /**
     * Saves an instance between two calls.
     *
     * @param instance the instance; its one memory is an {@link ChicoryMemory}
     * @param target receives the image; the caller closes it
     * @param sections what else is saved, by name
     * @throws IOException as {@link AddressSpace#save} throws it
     * @throws IllegalArgumentException if the instance has another memory, several or none, or a value that cannot be
     *     saved
     * @throws IllegalStateException if a call uses the memory
     */
    public static void save(Instance instance, WritableByteChannel target, Map<String, byte[]> sections)
            throws IOException {
        WasmModule of = instance.module();
        int count = limits(of).size();
        for (int i = 1; i < count; i++) {
            if (instance.memory(i) != instance.memory(0)) {
                throw new IllegalArgumentException("cannot save an instance with several memories");
            }
        }
        if (count == 0) {
            throw new IllegalArgumentException("cannot save an instance without a memory");
        }
        save(instance.memory(0), () -> ChicoryCheckpoint.forImage(instance), target, sections);
    }

    /**
     * Opens an image of an instance whose memory has pages of 64 KiB.
     *
     * @param machine a machine with memory
     * @param path the file, which must not change while it is open; if there are increments, that of their base
     * @param module the module of the saved instance
     * @param increments the files of increments, each the base of the next one, in order; the image is that of the last
     *     one
     * @return the image, which the caller closes
     * @throws IOException if a file is not the image of an instance of the module, is damaged, or not an increment of
     *     the one before it
     * @throws IllegalArgumentException if there are more than 63 increments
     */
    public static ChicoryImage open(Machine machine, Path path, WasmModule module, Path... increments)
            throws IOException {
        return open(machine, LinearMemory.PAGES_64K, path, module, increments);
    }

    /**
     * Opens an image.
     *
     * @param machine a machine with memory
     * @param geometry the geometry of the saved memory
     * @param path the file, which must not change while it is open; if there are increments, that of their base
     * @param module the module of the saved instance
     * @param increments the files of increments, each the base of the next one, in order; the image is that of the last
     *     one
     * @return the image, which the caller closes
     * @throws IOException if a file is not the image of an instance of the module, is damaged, or not an increment of
     *     the one before it
     * @throws IllegalArgumentException if there are more than 63 increments
     */
    public static ChicoryImage open(
            Machine machine, Geometry geometry, Path path, WasmModule module, Path... increments) throws IOException {
        return new ChicoryImage(machine, geometry, path, module, increments);
    }

    /**
     * Sets how the instances execute. The default is {@link ChicoryInterpreter}.
     *
     * @param factory a factory for Chicory's instance builder
     * @return this
     */
    public ChicoryImage withMachineFactory(Function<Instance, com.dylibso.chicory.runtime.Machine> factory) {
        machines = ChicoryFork.machinesOf(factory);
        return this;
    }

    /**
     * Sets what the instances import. An imported memory is that of the image, whatever these values contain.
     *
     * @param values the values for Chicory's instance builder
     * @return this
     */
    public ChicoryImage withImportValues(ImportValues values) {
        imports = values;
        return this;
    }

    // ------------------------------------------------------------------ the module

    static String digest(WasmModule module) {
        return Objects.requireNonNullElse(module.digest(), "");
    }

    private static Stream<MemoryImport> memoryImports(WasmModule module) {
        return module.importSection().stream()
                .filter(MemoryImport.class::isInstance)
                .map(MemoryImport.class::cast);
    }

    /** Returns the limits of the memories, imported ones first. */
    private static List<MemoryLimits> limits(WasmModule module) {
        return Stream.concat(
                        memoryImports(module).map(MemoryImport::limits),
                        module.memorySection().stream()
                                .flatMap(own -> IntStream.range(0, own.memoryCount())
                                        .mapToObj(i -> own.getMemory(i).limits())))
                .toList();
    }

    private static InstanceValues.Shape shape(WasmModule module) {
        return new InstanceValues.Shape(
                digest(module),
                module.importSection().count(ExternalType.FUNCTION)
                        + module.functionSection().functionCount(),
                Arrays.stream(module.globalSection().globals())
                        .map(global -> global.valueType().isReference())
                        .toList(),
                IntStream.range(0, module.tableSection().tableCount())
                        .mapToObj(
                                i -> module.tableSection().getTable(i).limits().max())
                        .toList(),
                module.dataSection().dataSegmentCount(),
                module.elementSection().elementCount());
    }

    // ------------------------------------------------------------------ loading

    @Override
    protected LinearMemory memory(AddressSpace space) {
        return new ChicoryMemory(space, limits(module).get(0));
    }

    @Override
    protected Instance make(LinearMemory memory, InstanceValues saved) {
        ChicoryMemory loaded = (ChicoryMemory) memory;
        ImportValues values = ImportValues.builder()
                .addFunction(imports.functions())
                .addGlobal(imports.globals())
                .withMemories(memoryImports(module)
                        .map(of -> new ImportMemory(of.module(), of.name(), loaded))
                        .toList())
                .addTable(imports.tables())
                .addTag(imports.tags())
                .build();
        Instance made = ChicoryFork.instantiate(begun, limits -> loaded, values, machines);
        int global = made.globalCount() - saved.globals().size();
        for (long[] value : saved.globals()) {
            made.global(global).setValueLow(value[0]);
            made.global(global).setValueHigh(value[1]);
            global++;
        }
        int table = made.tableCount() - saved.tables().size();
        for (int[] entries : saved.tables()) {
            TableInstance to = made.table(table++);
            ChicoryFork.setSize(to, entries.length, made);
            for (int at = 0; at < entries.length; at++) {
                to.setRef(at, entries[at], made);
            }
        }
        for (int i = 0; i < saved.droppedData().size(); i++) {
            if (saved.droppedData().get(i)) {
                made.dropDataSegment(i);
            }
        }
        for (int i = 0; i < saved.droppedElements().size(); i++) {
            if (saved.droppedElements().get(i)) {
                made.setElement(i, null);
            }
        }
        return made;
    }
}
