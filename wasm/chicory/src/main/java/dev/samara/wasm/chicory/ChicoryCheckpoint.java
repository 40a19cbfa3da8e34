// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.chicory;

import com.dylibso.chicory.runtime.GlobalInstance;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.Element;
import com.dylibso.chicory.wasm.types.MemorySection;
import com.dylibso.chicory.wasm.types.MutabilityType;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceState;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Makes checkpoints of instances of Chicory. {@link InstanceCheckpoint} describes what is restored.
 *
 * <pre>{@code
 * InstanceCheckpoint warm = ChicoryCheckpoint.of(instance);
 * run.apply(request);
 * warm.restore();
 * }</pre>
 *
 * <p>An instance whose tables are no {@link ChicoryTable} cannot return from a growth of a table, and an interpreter
 * that is no {@link ChicoryInterpreter} keeps what a trap leaves on its stacks.
 */
public final class ChicoryCheckpoint implements InstanceState {
    /** A global and its value. */
    private record Global(GlobalInstance of, long low, long high) {
        void putBack() {
            of.setValueLow(low);
            of.setValueHigh(high);
        }
    }

    /** The entries of a table. */
    private static final class Entries {
        private final TableInstance table;
        private final int[] numbers;
        private final Instance[] instances;

        /** The changes of the table when it last had these entries. */
        private long changes;

        Entries(Instance of, TableInstance table) {
            this.table = table;
            numbers = new int[table.size()];
            instances = new Instance[table.size()];
            for (int i = 0; i < numbers.length; i++) {
                ChicoryFork.check(of, table.elementType(), table.ref(i));
                numbers[i] = table.ref(i);
                instances[i] = table.instance(i);
            }
            changes = table instanceof ChicoryTable counting ? counting.changes() : 0;
        }

        void putBack() {
            if (table instanceof ChicoryTable of) {
                if (of.changes() != changes) {
                    of.shrink(numbers.length);
                    putEntriesBack();
                    changes = of.changes();
                }
                return;
            }
            if (table.size() != numbers.length) {
                throw new IllegalStateException("a table grew from " + numbers.length + " to " + table.size()
                        + " entries, which only a ChicoryTable can undo");
            }
            putEntriesBack();
        }

        private void putEntriesBack() {
            for (int i = 0; i < numbers.length; i++) {
                // Few entries change, and a store of a reference takes longer than a load.
                if (table.ref(i) != numbers[i] || table.instance(i) != instances[i]) {
                    table.setRef(i, numbers[i], instances[i]);
                }
            }
        }
    }

    private final Instance instance;

    private ChicoryCheckpoint(Instance instance) {
        this.instance = instance;
    }

    /**
     * Makes a checkpoint of an instance.
     *
     * @param instance an instance between two calls; each of its memories is a {@link ChicoryMemory}
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
        List<InstanceState> states = Stream.concat(instances.stream().map(ChicoryCheckpoint::new), Stream.of(hosts))
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
            ChicoryFork.check(instance, of.getType(), of.getValueLow());
            if (of.getMutabilityType() == MutabilityType.Var) {
                globals.add(new Global(of, of.getValueLow(), of.getValueHigh()));
            }
        }
        List<Entries> tables = IntStream.range(0, instance.tableCount())
                .mapToObj(i -> new Entries(instance, instance.table(i)))
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
            if (instance.getMachine() instanceof ChicoryInterpreter interpreter) {
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
            DataSegment[] passed = ((ChicoryMemory) memory).segments(instance);
            if (passed != null) {
                return passed;
            }
        }
        return new DataSegment[0];
    }
}
