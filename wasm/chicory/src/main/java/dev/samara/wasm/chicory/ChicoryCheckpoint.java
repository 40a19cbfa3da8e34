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
import com.dylibso.chicory.wasm.types.ValType;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceState;
import dev.samara.wasm.InstanceValues;
import dev.samara.wasm.SavedInstance;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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

        /** Returns the value for an image. */
        long[] number() {
            checkNumber(of.getType(), low);
            return new long[] {low, high};
        }
    }

    /** Rejects what is more than a number of the module. */
    private static void checkNumber(ValType type, long value) {
        boolean isNumber = !type.isReference() || type.equals(ValType.FuncRef);
        if (!isNumber && value != InstanceValues.NULL) {
            throw new IllegalArgumentException("cannot save a reference of type " + type);
        }
    }

    /** The entries of a table. */
    private static final class Entries {
        private final TableInstance table;
        private final int[] numbers;
        private final Instance[] instances;

        /** The changes of the table when it last had these entries. */
        private long changes;

        Entries(TableInstance table) {
            this.table = table;
            numbers = new int[table.size()];
            instances = new Instance[table.size()];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = table.ref(i);
                instances[i] = table.instance(i);
            }
            changes = table instanceof ChicoryTable of ? of.changes() : 0;
        }

        /** Returns the entries for an image of an instance. */
        int[] numbers(Instance of) {
            for (int i = 0; i < numbers.length; i++) {
                checkNumber(table.elementType(), numbers[i]);
                if (numbers[i] != InstanceValues.NULL && instances[i] != of) {
                    throw new IllegalArgumentException("cannot save a reference to a function of another instance");
                }
            }
            return numbers;
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
    public SavedInstance save() {
        Saved saved = new Saved(instance);
        saved.check();
        return saved;
    }

    /** Returns the state of an instance for an image, which contains nothing that is imported. */
    static SavedInstance forImage(Instance instance) {
        return new Saved(instance);
    }

    /** The saved state of an instance. */
    private static final class Saved implements SavedInstance {
        private final Instance instance;
        private final List<Global> variables = new ArrayList<>();
        private final List<Global> own = new ArrayList<>();
        private final List<Entries> tables;
        private final @Nullable Element[] elements;
        private final DataSegment[] live;
        private final DataSegment[] segments;
        private final List<Boolean> droppedData;

        Saved(Instance instance) {
            this.instance = instance;
            for (int i = 0; i < instance.globalCount(); i++) {
                GlobalInstance of = instance.global(i);
                if (of == null) {
                    throw new IllegalArgumentException("the instance was not initialized");
                }
                Global global = new Global(of, of.getValueLow(), of.getValueHigh());
                if (of.getMutabilityType() == MutabilityType.Var) {
                    variables.add(global);
                }
                if (i >= instance.imports().globalCount()) {
                    own.add(global);
                }
            }
            tables = IntStream.range(0, instance.tableCount())
                    .mapToObj(i -> new Entries(instance.table(i)))
                    .toList();
            elements = new Element[instance.elementCount()];
            for (int i = 0; i < elements.length; i++) {
                elements[i] = instance.element(i);
            }
            live = liveSegments(instance);
            segments = live.clone();
            // Of the instance, which may not have passed its segments to a memory yet.
            droppedData = IntStream.range(0, instance.module().dataSection().dataSegmentCount())
                    .mapToObj(i -> instance.dataSegmentData(i).length == 0)
                    .toList();
        }

        /** Rejects what no checkpoint can keep. */
        void check() {
            for (int i = 0; i < instance.globalCount(); i++) {
                GlobalInstance of = instance.global(i);
                // Also of a constant, whose object may change.
                ChicoryFork.check(instance, of.getType(), of.getValueLow());
            }
            for (Entries of : tables) {
                for (int i = 0; i < of.numbers.length; i++) {
                    ChicoryFork.check(instance, of.table.elementType(), of.numbers[i]);
                }
            }
        }

        @Override
        public void run() {
            for (int i = 0; i < variables.size(); i++) {
                variables.get(i).putBack();
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
        }

        @Override
        public String digest() {
            return ChicoryImage.digest(instance.module());
        }

        @Override
        public InstanceValues values() {
            return new InstanceValues(
                    own.stream().map(Global::number).toList(),
                    tables.stream()
                            .skip(instance.imports().tableCount())
                            .map(of -> of.numbers(instance))
                            .toList(),
                    droppedData,
                    Stream.of(elements).map(Objects::isNull).toList());
        }
    }

    /**
     * Returns the array in which the instance keeps its data segments, without which a dropped one could not come back.
     * The instance passed it to its memories. Without a memory, only {@code array.new_data} reads a segment.
     */
    private static DataSegment[] liveSegments(Instance instance) {
        for (Memory memory : memories(instance)) {
            DataSegment[] passed = ((ChicoryMemory) memory).segments(instance);
            if (passed != null) {
                return passed;
            }
        }
        return new DataSegment[0];
    }
}
