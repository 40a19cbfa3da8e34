// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import com.dylibso.chicory.runtime.CompiledModule;
import com.dylibso.chicory.runtime.GlobalInstance;
import com.dylibso.chicory.runtime.ImportMemory;
import com.dylibso.chicory.runtime.ImportValues;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.InterpreterMachine;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.ActiveElement;
import com.dylibso.chicory.wasm.types.CustomSection;
import com.dylibso.chicory.wasm.types.Element;
import com.dylibso.chicory.wasm.types.ElementSection;
import com.dylibso.chicory.wasm.types.MemorySection;
import com.dylibso.chicory.wasm.types.PassiveElement;
import com.dylibso.chicory.wasm.types.ValType;
import com.dylibso.chicory.wasm.types.Value;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.Function;

/**
 * Creates copies of an instance that was started. A program is started and warmed up once, and each copy continues from
 * that state. A page is copied only when the instance or the copy writes it ({@link LinearMemory#fork}).
 *
 * <pre>{@code
 * InstanceFork warm = InstanceFork.of(instance).withMachineFactory(compiled);
 * Instance fresh = warm.build();
 * }</pre>
 *
 * <p><b>What is copied.</b> {@link #build} copies the memories, including imported memories, the values of the
 * instance's own globals, and its own tables. In the tables, references to functions of the instance become references
 * to functions of the copy. The copy has the same dropped data and element segments. No start function runs.
 *
 * <p><b>What is not copied.</b> Functions, globals, tables and tags that the instance imports are shared with the copy,
 * unless {@link #withImportValues} replaces them. So a function of the host shares its state between the instance and
 * the copy. For example, the open files of WASI are open in both. References to objects that Chicory keeps in the
 * instance, e.g. structures, arrays and exceptions, cannot be copied. {@link #build} rejects an instance whose globals
 * or tables contain such a reference. Running calls are not copied. A copy contains only the state that an instance has
 * between two calls.
 *
 * <p>The instance must not run, and its memories must not be used, on another thread during {@link #build}.
 */
public final class InstanceFork {
    private final Instance parent;
    private final WasmModule module;
    private Function<Instance, Machine> machines = InterpreterMachine::new;
    private ImportValues imports;
    private boolean isImporting;

    private InstanceFork(Instance parent) {
        this.parent = parent;
        module = begun(parent.module());
        imports = parent.imports();
    }

    /**
     * Prepares copies of an instance.
     *
     * @param parent the instance; each of its memories must be a {@link LinearMemory}
     * @return an object that copies the state at the time of each {@link #build}
     */
    public static InstanceFork of(Instance parent) {
        return new InstanceFork(parent);
    }

    /**
     * Sets how copies execute. The default is Chicory's interpreter, because Chicory does not report how the instance
     * itself executes.
     *
     * @param factory a factory for Chicory's instance builder
     * @return this
     */
    public InstanceFork withMachineFactory(Function<Instance, Machine> factory) {
        // The factory of Chicory's compiler accepts only the original module. Its machineFactory() creates the same
        // machine without that check.
        machines = factory instanceof CompiledModule compiled ? compiled.machineFactory() : factory;
        return this;
    }

    /**
     * Sets what copies import. By default, copies import what the instance imports, but with forks of its memories.
     * Memories that are passed here are imported directly, and the active segments of the module are written to them.
     *
     * @param values the values for Chicory's instance builder
     * @return this
     */
    public InstanceFork withImportValues(ImportValues values) {
        imports = values;
        isImporting = true;
        return this;
    }

    /**
     * Creates a copy of the instance. Close its {@link LinearMemory memories} like other memories.
     *
     * @return a new instance with the current state of the original instance
     * @throws IllegalArgumentException if the instance has a memory of another class, or a value that cannot be copied
     */
    public Instance build() {
        int imported = parent.imports().memoryCount();
        int all = imported
                + module.memorySection().map(MemorySection::memoryCount).orElse(0);
        Deque<LinearMemory> forks = new ArrayDeque<>();
        boolean isMade = false;
        try {
            ImportValues values = imports;
            if (!isImporting && imported > 0) {
                values = withForks(forks);
            }
            List<LinearMemory> own = new ArrayList<>();
            for (int i = imported; i < all; i++) {
                LinearMemory fork = linear(parent.memory(i)).fork();
                forks.add(fork);
                own.add(fork);
            }
            Instance child = make(values, own, forks);
            copyGlobals(child);
            copyTables(child);
            copyDropped(child);
            isMade = true;
            return child;
        } finally {
            if (!isMade) {
                forks.forEach(LinearMemory::close);
            }
        }
    }

    private static LinearMemory linear(Memory memory) {
        if (memory instanceof LinearMemory linear) {
            return linear;
        }
        throw new IllegalArgumentException("cannot copy a memory of " + memory.getClass());
    }

    private ImportValues withForks(Deque<LinearMemory> forks) {
        List<ImportMemory> memories = new ArrayList<>();
        // One memory may be imported under several names.
        IdentityHashMap<Memory, LinearMemory> made = new IdentityHashMap<>();
        for (ImportMemory memory : imports.memories()) {
            LinearMemory fork = made.get(memory.memory());
            if (fork == null) {
                fork = linear(memory.memory()).fork();
                forks.add(fork);
                made.put(memory.memory(), fork);
            }
            memories.add(new ImportMemory(memory.module(), memory.name(), fork));
        }
        return ImportValues.builder()
                .addFunction(imports.functions())
                .addGlobal(imports.globals())
                .withMemories(memories)
                .addTable(imports.tables())
                .addTag(imports.tags())
                .build();
    }

    private Instance make(ImportValues values, List<LinearMemory> own, Deque<LinearMemory> forks) {
        Deque<LinearMemory> left = new ArrayDeque<>(own);
        forks.forEach(fork -> fork.keep(true));
        try {
            return Instance.builder(module)
                    .withMemoryFactory(limits -> left.remove())
                    .withImportValues(values)
                    .withMachineFactory(machines)
                    .withStart(false)
                    .build();
        } finally {
            forks.forEach(fork -> fork.keep(false));
        }
    }

    private void copyGlobals(Instance child) {
        for (int i = parent.imports().globalCount(); i < parent.globalCount(); i++) {
            GlobalInstance from = parent.global(i);
            check(from.getType(), from.getValueLow());
            GlobalInstance to = child.global(i);
            to.setValueLow(from.getValueLow());
            to.setValueHigh(from.getValueHigh());
        }
    }

    private void copyTables(Instance child) {
        for (int i = parent.imports().tableCount(); i < parent.tableCount(); i++) {
            TableInstance from = parent.table(i);
            TableInstance to = child.table(i);
            if (to.size() < from.size()) {
                to.grow(from.size() - to.size(), Value.REF_NULL_VALUE, child);
            }
            for (int at = 0; at < from.size(); at++) {
                check(from.elementType(), from.ref(at));
                Instance of = from.instance(at);
                to.setRef(at, from.ref(at), of == parent ? child : of);
            }
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

    /** Rejects a reference that only the parent can resolve. */
    private static void check(ValType type, long value) {
        boolean isPortable = !type.isReference() || type.equals(ValType.FuncRef) || type.equals(ValType.ExternRef);
        if (!isPortable && value != Value.REF_NULL_VALUE) {
            throw new IllegalArgumentException("cannot copy a reference of type " + type);
        }
    }

    /**
     * Returns a copy of a module that does nothing when an instance starts: it has no start function, and its element
     * segments do not fill tables.
     */
    private static WasmModule begun(WasmModule of) {
        ElementSection.Builder elements = ElementSection.builder();
        Arrays.stream(of.elementSection().elements()).map(InstanceFork::passive).forEach(elements::addElement);
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
