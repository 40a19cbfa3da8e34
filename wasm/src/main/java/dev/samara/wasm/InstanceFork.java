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
 * Makes copies of an instance that has begun: a program is started and warmed up once, and each copy goes on from
 * there. No page is copied before one of both writes it ({@link LinearMemory#fork}).
 *
 * <pre>{@code
 * InstanceFork warm = InstanceFork.of(instance).withMachineFactory(compiled);
 * Instance fresh = warm.build();
 * }</pre>
 *
 * <p><b>What is copied</b>, by {@link #build}: the memories, those that the instance imports too; the values of its own
 * globals; its own tables, in which references to functions of the instance become references to those of the copy; and
 * which segments of data and elements were dropped. No start function runs.
 *
 * <p><b>What is not:</b> functions, globals, tables and tags that the instance imports are shared with the copy, unless
 * {@link #withImportValues} gives others. So a function of the host has the state that it had; files that WASI has open
 * are open in both. Values of references that Chicory keeps in the instance, such as structures, arrays and exceptions,
 * cannot be copied: {@link #build} refuses an instance whose globals or tables have one. Calls that are running are not
 * copied; nothing but the instance's state between two calls is.
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
     * @param parent the memories, if it has any, are each a {@link LinearMemory}
     * @return makes copies of the state at the time of each {@link #build}
     */
    public static InstanceFork of(Instance parent) {
        return new InstanceFork(parent);
    }

    /**
     * Sets how copies execute; they are interpreted unless set. Chicory does not say how the instance itself does.
     *
     * @param factory as Chicory's builder takes it
     * @return this
     */
    public InstanceFork withMachineFactory(Function<Instance, Machine> factory) {
        // That of Chicory's compiler insists on the module itself; it makes the same machine of a part of it.
        machines = factory instanceof CompiledModule compiled ? compiled.machineFactory() : factory;
        return this;
    }

    /**
     * Sets what copies import; what the instance imports unless set, with forks of its memories. Memories that are
     * given here are imported as they are, and get the active segments of the module.
     *
     * @param values as Chicory's builder takes them
     * @return this
     */
    public InstanceFork withImportValues(ImportValues values) {
        imports = values;
        isImporting = true;
        return this;
    }

    /**
     * Makes a copy. Its {@link LinearMemory memories} are closed as any other.
     *
     * @return a new instance with the state of this instant
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
        // One memory may have several names.
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

    /** Refuses a reference that only the parent can resolve. */
    private static void check(ValType type, long value) {
        boolean isPortable = !type.isReference() || type.equals(ValType.FuncRef) || type.equals(ValType.ExternRef);
        if (!isPortable && value != Value.REF_NULL_VALUE) {
            throw new IllegalArgumentException("cannot copy a reference of type " + type);
        }
    }

    /** Returns a module without what happens at the start of an instance: no start function, no filling of tables. */
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
