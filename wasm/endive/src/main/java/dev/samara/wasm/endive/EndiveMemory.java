// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.endive;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.MemoryExceptions;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import run.endive.runtime.CallResult;
import run.endive.runtime.ConstantEvaluators;
import run.endive.runtime.ExportFunction;
import run.endive.runtime.Instance;
import run.endive.runtime.Memory;
import run.endive.runtime.TrapException;
import run.endive.runtime.WasmInterruptedException;
import run.endive.runtime.WasmRuntimeException;
import run.endive.wasm.UninstantiableException;
import run.endive.wasm.WasmEngineException;
import run.endive.wasm.types.ActiveDataSegment;
import run.endive.wasm.types.DataSegment;
import run.endive.wasm.types.MemoryLimits;
import run.endive.wasm.types.PassiveDataSegment;

/**
 * A {@link LinearMemory} of the runtime Endive. It inherits the accesses; here is what has types of Endive.
 *
 * <pre>{@code
 * Instance instance = Instance.builder(module).withMemoryFactory(EndiveMemory.factory(machine)).build();
 * EndiveMemory memory = (EndiveMemory) instance.memory();
 * ExportFunction run = memory.entering(instance.export("run"));
 * }</pre>
 */
@SuppressWarnings("removal") // of methods that it inherits
public final class EndiveMemory extends LinearMemory implements Memory {
    /** The exceptions of Endive's own memories. */
    private static final class Exceptions implements MemoryExceptions {
        static final Exceptions THE = new Exceptions();

        @Override
        public RuntimeException outOfBounds(String message) {
            return new WasmRuntimeException(message);
        }

        @Override
        public RuntimeException trap(String message) {
            return new TrapException(message);
        }

        @Override
        public RuntimeException interrupted() {
            return new WasmInterruptedException("Thread interrupted");
        }

        @Override
        public RuntimeException failed(String message) {
            return new WasmEngineException(message);
        }
    }

    /** The data segments of the instance that was created last. */
    private DataSegment @Nullable [] segments;

    /** The data segments of all instances that were created with this memory, and are not garbage. */
    private final Map<Instance, DataSegment[]> segmentsOf = new WeakHashMap<>(2);

    /**
     * Creates a memory of zeros, with pages of 64 KiB.
     *
     * @param machine a machine with memory
     * @param limits the sizes, and whether threads share the memory
     * @throws run.endive.wasm.WasmEngineException if the initial size exceeds Endive's limit of 32,767 pages, or
     *     the machine does not allow a memory of this size
     */
    public EndiveMemory(Machine machine, MemoryLimits limits) {
        this(machine, PAGES_64K, limits);
    }

    /**
     * Creates a memory of zeros.
     *
     * @param machine a machine with memory
     * @param geometry {@link #PAGES_64K}, or {@code Geometry.flat(32)} for pages of 4 KiB
     * @param limits the sizes, and whether threads share the memory
     * @throws IllegalArgumentException if the geometry does not fit
     * @throws run.endive.wasm.WasmEngineException if the initial size exceeds Endive's limit of 32,767 pages, or
     *     the machine does not allow a memory of this size
     */
    public EndiveMemory(Machine machine, Geometry geometry, MemoryLimits limits) {
        super(Exceptions.THE, machine, geometry, limits.initialPages(), limits.maximumPages(), limits.shared());
    }

    /** Creates a memory whose content is in its space already. */
    EndiveMemory(AddressSpace space, MemoryLimits limits) {
        super(Exceptions.THE, space, limits.initialPages(), limits.maximumPages(), limits.shared());
    }

    private EndiveMemory(EndiveMemory of, boolean isView) {
        super(of, isView);
    }

    /**
     * Returns a memory factory for Endive's instance builder ({@code withMemoryFactory}).
     *
     * @param machine a machine with memory
     * @return a factory that creates memories with pages of 64 KiB
     */
    public static Function<MemoryLimits, Memory> factory(Machine machine) {
        return limits -> new EndiveMemory(machine, limits);
    }

    @Override
    public EndiveMemory fork() {
        return new EndiveMemory(this, false);
    }

    @Override
    public EndiveMemory view() {
        return new EndiveMemory(this, true);
    }

    /**
     * Returns an exported function whose calls enter the space ({@link #call}). Wrap a function that uses several
     * memories once for each memory.
     *
     * @param function an exported function of an instance that uses this memory
     * @return the wrapped function. It throws {@link IllegalStateException} while another thread uses this memory, and
     *     throws each exception of the original function
     */
    public ExportFunction entering(ExportFunction function) {
        Call<long[], long[]> called = function::apply;
        return new ExportFunction() {
            @Override
            public long[] apply(long... arguments) {
                return call(called, arguments);
            }

            @Override
            public CallResult applyWithRefs(long[] arguments, Object[] references) {
                return call(numbers -> function.applyWithRefs(numbers, references), arguments);
            }
        };
    }

    /** Returns the array in which an instance keeps its data segments, if it was created with this memory. */
    DataSegment @Nullable [] segments(Instance of) {
        return segmentsOf.get(of);
    }

    @Override
    public void initialize(Instance instance, DataSegment[] dataSegments) {
        initialize(instance, dataSegments, 0);
    }

    @Override
    public void initialize(Instance instance, DataSegment @Nullable [] dataSegments, int memoryIndex) {
        segments = dataSegments;
        if (dataSegments != null) {
            segmentsOf.put(instance, dataSegments);
        }
        if (isKept() || dataSegments == null) {
            return;
        }
        for (DataSegment segment : dataSegments) {
            if (segment instanceof ActiveDataSegment active && active.index() == memoryIndex) {
                long offset = ConstantEvaluators.computeConstantValue(instance, active.offsetInstructions())[0];
                byte[] data = active.data();
                if (!isInside((int) offset, data.length)) {
                    throw new UninstantiableException("out of bounds memory access");
                }
                write((int) offset, data, 0, data.length);
            }
        }
    }

    @Override
    public void initPassiveSegment(int segmentId, int target, int offset, int size) {
        DataSegment[] all = segments;
        write(target, all == null ? PassiveDataSegment.EMPTY.data() : all[segmentId].data(), offset, size);
    }

    @Override
    public void drop(int segment) {
        DataSegment[] all = segments;
        if (all != null) {
            all[segment] = PassiveDataSegment.EMPTY;
        }
    }
}
