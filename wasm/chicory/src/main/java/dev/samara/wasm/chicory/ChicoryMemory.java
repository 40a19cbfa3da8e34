// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.chicory;

import com.dylibso.chicory.runtime.ChicoryInterruptedException;
import com.dylibso.chicory.runtime.ConstantEvaluators;
import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Memory;
import com.dylibso.chicory.runtime.TrapException;
import com.dylibso.chicory.runtime.WasmRuntimeException;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.UninstantiableException;
import com.dylibso.chicory.wasm.types.ActiveDataSegment;
import com.dylibso.chicory.wasm.types.DataSegment;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.PassiveDataSegment;
import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.MemoryExceptions;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A {@link LinearMemory} of the runtime Chicory. It inherits the accesses; here is what has types of Chicory.
 *
 * <pre>{@code
 * Instance instance = Instance.builder(module).withMemoryFactory(ChicoryMemory.factory(machine)).build();
 * ChicoryMemory memory = (ChicoryMemory) instance.memory();
 * ExportFunction run = memory.entering(instance.export("run"));
 * }</pre>
 */
@SuppressWarnings("removal") // of methods that it inherits
public final class ChicoryMemory extends LinearMemory implements Memory {
    /** The exceptions of Chicory's own memories. */
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
            return new ChicoryInterruptedException("Thread interrupted");
        }

        @Override
        public RuntimeException failed(String message) {
            return new ChicoryException(message);
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
     * @throws com.dylibso.chicory.wasm.ChicoryException if the initial size exceeds Chicory's limit of 32,767 pages, or
     *     the machine does not allow a memory of this size
     */
    public ChicoryMemory(Machine machine, MemoryLimits limits) {
        this(machine, PAGES_64K, limits);
    }

    /**
     * Creates a memory of zeros.
     *
     * @param machine a machine with memory
     * @param geometry {@link #PAGES_64K}, or {@code Geometry.flat(32)} for pages of 4 KiB
     * @param limits the sizes, and whether threads share the memory
     * @throws IllegalArgumentException if the geometry does not fit
     * @throws com.dylibso.chicory.wasm.ChicoryException if the initial size exceeds Chicory's limit of 32,767 pages, or
     *     the machine does not allow a memory of this size
     */
    public ChicoryMemory(Machine machine, Geometry geometry, MemoryLimits limits) {
        super(Exceptions.THE, machine, geometry, limits.initialPages(), limits.maximumPages(), limits.shared());
    }

    /** Creates a memory whose content is in its space already. */
    ChicoryMemory(AddressSpace space, MemoryLimits limits) {
        super(Exceptions.THE, space, limits.initialPages(), limits.maximumPages(), limits.shared());
    }

    private ChicoryMemory(ChicoryMemory of, boolean isView) {
        super(of, isView);
    }

    /**
     * Returns a memory factory for Chicory's instance builder ({@code withMemoryFactory}).
     *
     * @param machine a machine with memory
     * @return a factory that creates memories with pages of 64 KiB
     */
    public static Function<MemoryLimits, Memory> factory(Machine machine) {
        return limits -> new ChicoryMemory(machine, limits);
    }

    @Override
    public ChicoryMemory fork() {
        return new ChicoryMemory(this, false);
    }

    @Override
    public ChicoryMemory view() {
        return new ChicoryMemory(this, true);
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
        return arguments -> call(called, arguments);
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
