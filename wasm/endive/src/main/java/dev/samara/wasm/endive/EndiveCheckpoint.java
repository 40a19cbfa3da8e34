// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.endive;

import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceState;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.GlobalInstance;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;
import run.endive.runtime.TableInstance;
import run.endive.wasm.types.DataSegment;
import run.endive.wasm.types.Element;
import run.endive.wasm.types.MemorySection;
import run.endive.wasm.types.MutabilityType;

/**
 * Makes checkpoints of instances of Endive. {@link InstanceCheckpoint} describes what is restored.
 *
 * <pre>{@code
 * InstanceCheckpoint warm = EndiveCheckpoint.of(instance);
 * run.apply(request);
 * warm.restore();
 * }</pre>
 *
 * <p>An instance whose tables are no {@link EndiveTable} cannot return from a growth of a table, and an interpreter
 * that is no {@link EndiveInterpreter} keeps what a trap leaves on its stacks.
 */
public final class EndiveCheckpoint implements InstanceState {
    /** A global and its value. */
    private record Global(
            GlobalInstance of,
            long low,
            long high,
            @Nullable Object reference) {
        void putBack() {
            of.setValueLow(low);
            of.setValueHigh(high);
            of.setRefValue(reference);
        }
    }

    /** The entries of a table. */
    private static final class Entries {
        private final TableInstance table;
        private final int[] numbers;
        private final Object[] objects;
        private final Instance[] instances;

        /** The changes of the table when it last had these entries. */
        private long changes;

        Entries(TableInstance table) {
            this.table = table;
            numbers = new int[table.size()];
            objects = new Object[table.size()];
            instances = new Instance[table.size()];
            for (int i = 0; i < numbers.length; i++) {
                EndiveFork.check(table.elementType(), table.ref(i), table.objRef(i));
                numbers[i] = table.ref(i);
                objects[i] = table.objRef(i);
                instances[i] = table.instance(i);
            }
            changes = table instanceof EndiveTable of ? of.changes() : 0;
        }

        void putBack() {
            if (table instanceof EndiveTable of) {
                if (of.changes() != changes) {
                    of.shrink(numbers.length);
                    putEntriesBack();
                    changes = of.changes();
                }
                return;
            }
            if (table.size() != numbers.length) {
                throw new IllegalStateException("a table grew from " + numbers.length + " to " + table.size()
                        + " entries, which only an EndiveTable can undo");
            }
            putEntriesBack();
        }

        private void putEntriesBack() {
            for (int i = 0; i < numbers.length; i++) {
                // Few entries change, and a store of a reference takes longer than a load.
                if (table.ref(i) != numbers[i] || table.objRef(i) != objects[i] || table.instance(i) != instances[i]) {
                    // First the object, because that sets the number, too.
                    table.setObjRef(i, objects[i], instances[i]);
                    table.setRef(i, numbers[i], instances[i]);
                }
            }
        }
    }

    private final Instance instance;

    private EndiveCheckpoint(Instance instance) {
        this.instance = instance;
    }

    /**
     * Makes a checkpoint of an instance.
     *
     * @param instance an instance between two calls; each of its memories is an {@link EndiveMemory}
     * @param hosts what functions of the host keep, and is saved and put back, too, in this order
     * @return the checkpoint, which the caller closes
     * @throws IllegalArgumentException if the instance has a memory of another class, or a value that cannot be saved
     * @throws IllegalStateException if a call uses a memory of the instance
     * @throws dev.samara.core.mman.MmException if a memory is closed (ESRCH)
     */
    public static InstanceCheckpoint of(Instance instance, InstanceState... hosts) {
        return of(List.of(instance), hosts);
    }

    /**
     * Makes one checkpoint of instances that share memories, tables or globals, or call each other.
     *
     * @param instances instances between two calls
     * @param hosts as for one instance
     * @return the checkpoint, which the caller closes
     * @throws IllegalArgumentException as for one instance
     * @throws IllegalStateException as for one instance
     * @throws dev.samara.core.mman.MmException as for one instance
     */
    public static InstanceCheckpoint of(Collection<Instance> instances, InstanceState... hosts) {
        List<InstanceState> states = Stream.concat(instances.stream().map(EndiveCheckpoint::new), Stream.of(hosts))
                .toList();
        return new InstanceCheckpoint(
                instances.stream().flatMap(of -> memories(of).stream()).toList(), states);
    }

    private static List<Memory> memories(Instance of) {
        int own = of.module().memorySection().map(MemorySection::memoryCount).orElse(0);
        return IntStream.range(0, of.imports().memoryCount() + own)
                .mapToObj(of::memory)
                .toList();
    }

    @Override
    public Runnable save() {
        List<Global> globals = new ArrayList<>();
        for (int i = 0; i < instance.globalCount(); i++) {
            GlobalInstance of = instance.global(i);
            // Also of a constant, whose object may change.
            EndiveFork.check(of.getType(), of.getValueLow(), of.getRefValue());
            if (of.getMutabilityType() == MutabilityType.Var) {
                globals.add(new Global(of, of.getValueLow(), of.getValueHigh(), of.getRefValue()));
            }
        }
        List<Entries> tables = IntStream.range(0, instance.tableCount())
                .mapToObj(i -> new Entries(instance.table(i)))
                .toList();
        Element[] elements = new Element[instance.elementCount()];
        for (int i = 0; i < elements.length; i++) {
            elements[i] = instance.element(i);
        }
        DataSegment[] live = segments();
        DataSegment[] segments = live.clone();
        return () -> {
            for (int i = 0; i < globals.size(); i++) {
                globals.get(i).putBack();
            }
            for (int i = 0; i < tables.size(); i++) {
                tables.get(i).putBack();
            }
            for (int i = 0; i < elements.length; i++) {
                instance.setElement(i, elements[i]);
            }
            System.arraycopy(segments, 0, live, 0, segments.length);
            instance.clearTailCall();
            if (instance.getMachine() instanceof EndiveInterpreter interpreter) {
                interpreter.clear();
            }
        };
    }

    /**
     * Returns the array in which the instance keeps its data segments, without which a dropped one could not come back.
     * The instance passed it to its memories. Without a memory, only {@code array.new_data} reads a segment.
     */
    private DataSegment[] segments() {
        for (Memory memory : memories(instance)) {
            DataSegment[] passed = ((EndiveMemory) memory).segments(instance);
            if (passed != null) {
                return passed;
            }
        }
        return new DataSegment[0];
    }
}
