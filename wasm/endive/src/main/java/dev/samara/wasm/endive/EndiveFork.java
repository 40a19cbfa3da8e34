// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.endive;

import dev.samara.wasm.InstanceCopies;
import java.util.Arrays;
import java.util.Iterator;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.CompiledModule;
import run.endive.runtime.GlobalInstance;
import run.endive.runtime.ImportMemory;
import run.endive.runtime.ImportValues;
import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.runtime.Memory;
import run.endive.runtime.TableInstance;
import run.endive.runtime.WasmException;
import run.endive.runtime.WasmExternRef;
import run.endive.runtime.WasmGcRef;
import run.endive.runtime.WasmI31Ref;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.ActiveElement;
import run.endive.wasm.types.CustomSection;
import run.endive.wasm.types.Element;
import run.endive.wasm.types.ElementSection;
import run.endive.wasm.types.MemoryLimits;
import run.endive.wasm.types.MemorySection;
import run.endive.wasm.types.PassiveElement;
import run.endive.wasm.types.ValType;
import run.endive.wasm.types.Value;

/**
 * Creates copies of an instance of Endive that was started. {@link InstanceCopies} describes what is copied.
 *
 * <pre>{@code
 * EndiveFork warm = EndiveFork.of(instance).withMachineFactory(compiled);
 * Instance fresh = warm.build();
 * }</pre>
 */
public final class EndiveFork extends InstanceCopies<Instance> {
    private final Instance parent;
    private final WasmModule module;
    private Function<Instance, Machine> machines = EndiveInterpreter::new;
    private ImportValues imports;
    private boolean isImporting;

    private EndiveFork(Instance parent) {
        this.parent = parent;
        module = begun(parent.module());
        imports = parent.imports();
    }

    /**
     * Prepares copies of an instance.
     *
     * @param parent the instance; each of its memories must be a {@link EndiveMemory}
     * @return an object that copies the state at the time of each {@link #build}
     */
    public static EndiveFork of(Instance parent) {
        return new EndiveFork(parent);
    }

    /**
     * Sets how copies execute. The default is Endive's interpreter, because Endive does not report how the instance
     * itself executes.
     *
     * @param factory a factory for Endive's instance builder
     * @return this
     */
    public EndiveFork withMachineFactory(Function<Instance, Machine> factory) {
        machines = machinesOf(factory);
        return this;
    }

    /**
     * Sets what copies import. By default, copies import what the instance imports, but with forks of its memories.
     * Memories that are passed here are imported directly, and the active segments of the module are written to them.
     *
     * @param values the values for Endive's instance builder
     * @return this
     */
    public EndiveFork withImportValues(ImportValues values) {
        imports = values;
        isImporting = true;
        return this;
    }

    @Override
    protected Instance make(Forks forks) {
        int shared = parent.imports().memoryCount();
        ImportValues values = isImporting || shared == 0 ? imports : withForks(forks);
        int own = module.memorySection().map(MemorySection::memoryCount).orElse(0);
        Iterator<EndiveMemory> left = IntStream.range(shared, shared + own)
                .mapToObj(i -> forks.of(parent.memory(i), EndiveMemory.class))
                .toList()
                .iterator();
        Instance child = instantiate(module, limits -> left.next(), values, machines);
        copyGlobals(child);
        copyTables(child);
        copyDropped(child);
        return child;
    }

    /** Creates an instance that does not start, and whose memories have their content already. */
    static Instance instantiate(
            WasmModule begun,
            Function<MemoryLimits, Memory> memories,
            ImportValues values,
            Function<Instance, Machine> machines) {
        return Instance.builder(begun)
                .withMemoryFactory(memories)
                .withTableFactory(EndiveTable::new)
                .withImportValues(values)
                .withMachineFactory(machines)
                .withStart(false)
                .build();
    }

    /** Returns a factory that accepts the module without its start. */
    static Function<Instance, Machine> machinesOf(Function<Instance, Machine> factory) {
        // The factory of Endive's compiler accepts only the original module. Its machineFactory() creates the same
        // machine without that check.
        return factory instanceof CompiledModule compiled ? compiled.machineFactory() : factory;
    }

    private ImportValues withForks(Forks forks) {
        return ImportValues.builder()
                .addFunction(imports.functions())
                .addGlobal(imports.globals())
                .withMemories(Arrays.stream(imports.memories())
                        .map(memory -> new ImportMemory(
                                memory.module(), memory.name(), forks.of(memory.memory(), EndiveMemory.class)))
                        .toList())
                .addTable(imports.tables())
                .addTag(imports.tags())
                .build();
    }

    private void copyGlobals(Instance child) {
        for (int i = parent.imports().globalCount(); i < parent.globalCount(); i++) {
            GlobalInstance from = parent.global(i);
            check(from.getType(), from.getValueLow(), from.getRefValue());
            GlobalInstance to = child.global(i);
            to.setValueLow(from.getValueLow());
            to.setValueHigh(from.getValueHigh());
            to.setRefValue(from.getRefValue());
        }
    }

    private void copyTables(Instance child) {
        for (int i = parent.imports().tableCount(); i < parent.tableCount(); i++) {
            TableInstance from = parent.table(i);
            TableInstance to = child.table(i);
            setSize(to, from.size(), child);
            for (int at = 0; at < from.size(); at++) {
                check(from.elementType(), from.ref(at), from.objRef(at));
                Instance of = from.instance(at);
                // First the object of the host, if there is one, because that sets the number, too.
                to.setObjRef(at, from.objRef(at), child);
                to.setRef(at, from.ref(at), of == parent ? child : of);
            }
        }
    }

    /** Gives a table of a new instance its size. */
    static void setSize(TableInstance table, int size, Instance of) {
        // Endive counts growth in the limits of the module, so the new table may have more entries.
        ((EndiveTable) table).shrink(size);
        if (table.size() < size) {
            table.grow(size - table.size(), Value.REF_NULL_VALUE, of);
        }
    }

    private void copyDropped(Instance child) {
        for (int i = 0; i < module.dataSection().dataSegmentCount(); i++) {
            if (parent.dataSegmentData(i).length == 0) {
                child.dropDataSegment(i);
            }
        }
        for (int i = 0; i < parent.elementCount(); i++) {
            child.setElement(i, parent.element(i));
        }
    }

    /**
     * Rejects a reference to an object of the guest, which has fields. References to functions, to objects of the host
     * and to numbers are accepted.
     */
    static void check(ValType type, long value, @Nullable Object object) {
        boolean isGuests;
        if (object != null) {
            boolean isValue = object instanceof WasmI31Ref || object instanceof WasmExternRef;
            isGuests = object instanceof WasmException || (object instanceof WasmGcRef && !isValue);
        } else {
            isGuests = value != Value.REF_NULL_VALUE
                    && ((type.isReference() && type.isGcReference()) || type.equals(ValType.ExnRef));
        }
        if (isGuests) {
            throw new IllegalArgumentException(
                    "cannot save a reference of type " + type + " to an object of the guest");
        }
    }

    /**
     * Returns a copy of a module that does nothing when an instance starts: it has no start function, and its element
     * segments do not fill tables.
     */
    static WasmModule begun(WasmModule of) {
        ElementSection.Builder elements = ElementSection.builder();
        Arrays.stream(of.elementSection().elements()).map(EndiveFork::passive).forEach(elements::addElement);
        WasmModule.Builder builder = WasmModule.builder()
                .setTypeSection(of.typeSection())
                .setImportSection(of.importSection())
                .setFunctionSection(of.functionSection())
                .setTableSection(of.tableSection())
                .setGlobalSection(of.globalSection())
                .setExportSection(of.exportSection())
                .setElementSection(elements.build())
                .setCodeSection(of.codeSection())
                .setDataSection(of.dataSection())
                .withDigest(of.digest())
                .withValidation(false);
        of.memorySection().ifPresent(builder::setMemorySection);
        of.dataCountSection().ifPresent(builder::setDataCountSection);
        of.tagSection().ifPresent(builder::setTagSection);
        for (CustomSection section : of.customSections()) {
            builder.addCustomSection(section.name(), section);
        }
        of.ignoredSections().forEach(builder::addIgnoredSection);
        return builder.build();
    }

    private static Element passive(Element element) {
        return element instanceof ActiveElement ? new PassiveElement(element.type(), element.initializers()) : element;
    }
}
