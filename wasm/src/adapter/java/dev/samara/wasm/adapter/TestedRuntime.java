// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceImage;
import dev.samara.wasm.InstanceState;
import dev.samara.wasm.LinearMemory;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A WebAssembly runtime and the adapter for it, as the tests of adapters see them. They are compiled once for each
 * runtime, in the runtime's module. A memory is an object, because the runtimes have no common type for memories.
 */
public interface TestedRuntime {
    /** Returns the runtime of the module that is being tested, whose class {@code wasm.adapter} names. */
    static TestedRuntime get() {
        String name = System.getProperty("wasm.adapter", "");
        try {
            return Class.forName(name)
                    .asSubclass(TestedRuntime.class)
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException absent) {
            throw new LinkageError("the property wasm.adapter does not name a runtime: " + name, absent);
        }
    }

    /** Returns the package that contains all packages of the runtime. */
    String packages();

    /** Returns the interface of the runtime's memories. */
    Class<?> memoryType();

    /** Returns the class of all exceptions of the runtime. */
    Class<? extends RuntimeException> exceptionType();

    /** Creates memories, for an instance. */
    @FunctionalInterface
    interface Memories {
        Object memory(int initial, int maximum, boolean isShared);
    }

    /** Creates a memory of the runtime itself. */
    Object ownMemory(int initial, int maximum, boolean isShared);

    /** Creates a memory of the rival. */
    PagedMemory pagedMemory(int initial, int maximum);

    /** Creates a memory of the adapter. */
    LinearMemory linearMemory(Machine machine, Geometry geometry, int initial, int maximum, boolean isShared);

    /** Returns the adapter's factory for memories. */
    Memories factory(Machine machine);

    /** Initializes a memory with passive segments. */
    void initialize(Object memory, byte[]... segments);

    /** Returns an empty set of imports. */
    Imports imports();

    /** Returns whether {@link #program} can compile modules. */
    boolean compiles();

    /** Returns a module, compiled or to be interpreted. */
    Program program(byte[] module, boolean isCompiled);

    /** Returns QuickJS, which is compiled ahead of time. */
    Program quickJs();

    /** Returns the names of the functions of {@link #quickJs} that reserve bytes, and that run a script. */
    List<String> quickJsFunctions();

    /** A module. */
    interface Program {
        default TestedInstance start(Memories memories, Imports imports) {
            return start(memories, imports, true);
        }

        /** Makes an instance, which is initialized, or has no content yet. */
        TestedInstance start(Memories memories, Imports imports, boolean isInitialized);

        /** Opens an image of an instance of the module, with increments. */
        InstanceImage<?> open(Machine machine, Path path, Imports imports, Path... increments) throws IOException;

        /** Makes an instance of an image that was opened here. */
        TestedInstance build(InstanceImage<?> image) throws IOException;
    }

    /** What modules import. */
    interface Imports {
        void addFunction(String module, String name, List<String> parameters, Consumer<long[]> body);

        void addGlobal(String module, String name, String type, long value, boolean isMutable);

        void addTable(String module, String name, int initial, int maximum);

        void addMemory(String module, String name, Object memory);

        /** Adds the functions of WASI, and the function of the host that QuickJS imports. */
        void addSystem(OutputStream printed);

        /** Adds what an instance exports. */
        void addExports(String module, TestedInstance instance);
    }

    /** A function that an instance exports. It returns an empty array if it has no result. */
    @FunctionalInterface
    interface TestedFunction {
        long[] apply(long... arguments);
    }

    /** An instance. */
    interface TestedInstance {
        /** Returns a function, whose calls enter each memory that is one of the adapter. */
        TestedFunction function(String name);

        default long[] call(String name, long... arguments) {
            return function(name).apply(arguments);
        }

        long global(String name);

        /** Returns the two halves of the first global, which has 128 bits. */
        long[] halves();

        /** Sets the two halves of the first global. */
        void setHalves(long low, long high);

        /** Sets the first global, of a reference type that cannot be copied, to null or to a reference. */
        void setReference(boolean isNull);

        /** Returns an object that is the same for the same import. */
        Object importedFunction(int index);

        int memories();

        Object memory(int index);

        InstanceCheckpoint checkpoint(InstanceState... hosts);

        /** Makes one checkpoint of this instance and another one. */
        InstanceCheckpoint checkpoint(TestedInstance other);

        /** Saves this instance as an image. */
        void save(WritableByteChannel target, Map<String, byte[]> sections) throws IOException;

        /** Copies this instance, with the imports if there are any, and executes the copy as this instance executes. */
        TestedInstance fork(@Nullable Imports imports);

        /** Tries to copy this instance, but fails before the copy can execute. */
        void failToFork(RuntimeException failure);
    }
}
