// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.SpaceImage;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An open image of an instance between two calls, of which new instances are made, in the same or another process,
 * without a type of a runtime. A program is started and warmed up once, and later processes start where it was. The
 * time of {@link #build} does not depend on the size of the memory: its pages are read from the file when they are
 * touched, and the instances share them until they write ({@link SpaceImage}). Programs use the class of their runtime,
 * e.g. {@code dev.samara.wasm.endive.EndiveImage}. An image may be one whole file, or that of a base and those of
 * increments ({@link InstanceCheckpoint}).
 *
 * <p><b>What is saved.</b> The bytes and the size of the memory, own or imported; the values of the instance's own
 * globals; the entries and sizes of its own tables; which data and element segments were dropped. No start function
 * runs in a new instance.
 *
 * <p><b>What is not saved.</b> What the instance imports, except for the memory: a new instance gets the functions,
 * globals, tables and tags that it is given. What functions of the host keep is the program's to save, e.g. in a
 * section of the image. References to objects of the host and of the guest, and to functions of other instances, cannot
 * be saved: the save of an instance whose globals or tables contain one is refused. So is an instance with several
 * memories, or with none.
 *
 * @param <I> the runtime's class of instances
 */
public abstract class InstanceImage<I> implements AutoCloseable {
    /** The name of the section with the values. */
    private static final String VALUES = "dev.samara.wasm.values";

    private final Machine machine;
    private final Geometry geometry;
    private final SpaceImage image;
    private final InstanceValues values;

    /**
     * Opens an image. For the class of a runtime.
     *
     * @param machine a machine with memory
     * @param geometry the geometry of the saved memory
     * @param path the file, or that of the base of the increments
     * @param shape what the image must fit
     * @param increments the files of increments, in order
     * @throws IOException as {@link Machine#openImage(Path, Geometry, Path...)}; also if it is not the image of an
     *     instance of the module
     */
    protected InstanceImage(
            Machine machine, Geometry geometry, Path path, InstanceValues.Shape shape, Path... increments)
            throws IOException {
        this.machine = machine;
        this.geometry = geometry;
        image = machine.openImage(path, geometry, increments);
        boolean isOpen = false;
        try {
            byte[] saved = image.section(VALUES);
            if (saved == null) {
                throw new IOException(image + " is of a space, not of an instance");
            }
            values = InstanceValues.decode(saved, shape);
            isOpen = true;
        } finally {
            if (!isOpen) {
                image.close();
            }
        }
    }

    /**
     * Saves an instance. Its memory and the views of it cannot be entered until this returns.
     *
     * @param memory the only memory of the instance
     * @param saved returns the other state, while no call is in progress
     * @param target receives the image
     * @param sections what else is saved
     * @throws IOException as {@link AddressSpace#save} throws it
     * @throws IllegalArgumentException if the memory is not a {@link LinearMemory}, a section has the name of one of
     *     the library, or as {@code saved} or its result throws it
     * @throws IllegalStateException if the memory is in use
     */
    protected static void save(
            Object memory, Supplier<SavedInstance> saved, WritableByteChannel target, Map<String, byte[]> sections)
            throws IOException {
        if (!(memory instanceof LinearMemory linear)) {
            throw new IllegalArgumentException("cannot save a memory of " + memory.getClass());
        }
        try (ClaimedMemories claimed = new ClaimedMemories()) {
            claimed.claim(linear);
            linear.space().save(target, sections(saved.get(), sections));
        }
    }

    /**
     * Returns the sections of an image.
     *
     * @throws IllegalArgumentException if a section has the name of one of the library, or a value cannot be saved
     */
    static Map<String, byte[]> sections(SavedInstance saved, Map<String, byte[]> others) {
        Map<String, byte[]> all = new HashMap<>(others);
        if (all.put(VALUES, saved.values().encode(saved.digest())) != null) {
            throw new IllegalArgumentException("a section has the name of one of the library: " + VALUES);
        }
        return all;
    }

    /**
     * Makes an instance. Close its memory like other memories; it may stay open after this image is closed.
     *
     * @return a new instance with the saved state
     * @throws IOException if the file changed since it was opened, or does not contain a memory that the module can
     *     have
     * @throws IllegalStateException if this is closed
     * @throws dev.samara.core.mman.MmException if the machine's limits do not allow the memory
     */
    public final I build() throws IOException {
        AddressSpace space = image.load(machine.space(geometry).name("wasm").collected(true));
        LinearMemory memory = null;
        boolean isMade = false;
        try {
            memory = memory(space);
            if (!memory.isWhole()) {
                throw new IOException(image + " does not contain a memory of the module");
            }
            memory.keep(true);
            I made = make(memory, values);
            isMade = true;
            return made;
        } finally {
            if (memory != null) {
                memory.keep(false);
            }
            if (!isMade) {
                space.close();
            }
        }
    }

    /**
     * Makes the memory of the module.
     *
     * @param space its space, which has the saved content
     * @return the memory
     */
    protected abstract LinearMemory memory(AddressSpace space);

    /**
     * Makes an instance.
     *
     * @param memory its memory
     * @param saved the other values
     * @return the instance
     */
    protected abstract I make(LinearMemory memory, InstanceValues saved);

    /** Returns the image of the memory. */
    final SpaceImage space() {
        return image;
    }

    /**
     * Returns the names of the sections that the program saved.
     *
     * @return the names
     */
    public final Set<String> sections() {
        return image.sections().stream().filter(name -> !name.equals(VALUES)).collect(Collectors.toUnmodifiableSet());
    }

    /**
     * Returns what the program saved under a name.
     *
     * @param name the name
     * @return a copy of the bytes; null if there is no section of that name
     */
    public final byte @Nullable [] section(String name) {
        return VALUES.equals(Objects.requireNonNull(name, "name")) ? null : image.section(name);
    }

    /**
     * Reads and verifies all bytes of the memory; see {@link SpaceImage#verify}.
     *
     * @throws IOException as that method throws it
     */
    public final void verify() throws IOException {
        image.verify();
    }

    /** Closes this image. The instances that were made of it stay as they are. */
    @Override
    public final void close() {
        image.close();
    }

    @Override
    public String toString() {
        return "instance in " + image;
    }
}
