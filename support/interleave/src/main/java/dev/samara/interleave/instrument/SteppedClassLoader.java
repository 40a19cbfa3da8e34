// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import dev.samara.interleave.mutant.Mutant;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassWriter;

/**
 * Loads the classes of the modules, and of their tests, with a call to the scheduler before each step. It reads the
 * class files that its parent finds. The parent loads the scheduler itself and all other classes.
 */
public final class SteppedClassLoader extends ClassLoader {
    private static final String MODULES = "dev.samara.";
    private static final List<String> PARENTS = List.of(
            "dev.samara.interleave.schedule.",
            "dev.samara.interleave.instrument.",
            "dev.samara.interleave.failure.",
            "dev.samara.interleave.mutant.",
            // Not instrumented, because it only reads objects after a run.
            "dev.samara.core.fixture.ReachableObjects");

    private static final String PRODUCTS = "dev/samara/(?:core|maple)/.*";

    /** The directory of the tests' class files, as it occurs in their URLs. */
    private static final String TESTS = "/test-classes/";

    private final List<Mutant> mutants;
    private final boolean buffers;
    private final boolean fails;
    private final SharedFields fields = new SharedFields(this::bytes);

    public SteppedClassLoader() {
        this(List.of(), false);
    }

    /**
     * Creates a loader of mutated classes.
     *
     * @param mutants the mutants, which are applied to the classes before these are instrumented
     * @param buffers whether each thread's stores wait in a store buffer
     */
    public SteppedClassLoader(List<Mutant> mutants, boolean buffers) {
        this(mutants, buffers, false);
    }

    private SteppedClassLoader(List<Mutant> mutants, boolean buffers, boolean fails) {
        super("stepped", SteppedClassLoader.class.getClassLoader());
        this.mutants = List.copyOf(mutants);
        // Here, since an exception in define would appear as the failed initialization of some class.
        mutants.forEach(Mutant::classes);
        this.buffers = buffers;
        this.fails = fails;
        // If the scheduler is in a named module, the instrumented classes call it from outside of that module.
        getClass().getModule().addExports("dev.samara.interleave.schedule", getUnnamedModule());
        getClass().getModule().addExports("dev.samara.interleave.failure", getUnnamedModule());
    }

    /** Creates a loader whose production classes have failure points. */
    public static SteppedClassLoader failing(List<Mutant> mutants) {
        return new SteppedClassLoader(mutants, false, true);
    }

    private boolean isOfTests(String internalName) {
        return !internalName.matches(PRODUCTS)
                || String.valueOf(getParent().getResource(internalName + ".class"))
                        .contains(TESTS);
    }

    private static boolean isInstrumented(String name) {
        return name.startsWith(MODULES) && PARENTS.stream().noneMatch(name::startsWith);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!isInstrumented(name)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        byte[] bytes = bytes(name.replace('.', '/'));
        for (Mutant mutant : mutants) {
            bytes = mutant.apply(name, bytes);
        }
        if (bytes == null) {
            throw new ClassNotFoundException(name);
        }
        byte[] stepped = instrumented(bytes);
        return defineClass(name, stepped, 0, stepped.length);
    }

    byte[] instrumented(byte[] bytes) {
        ClassReader reader = new ClassReader(bytes);
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        FrameSizes frames = fails && !isOfTests(reader.getClassName()) ? FrameSizes.of(reader) : null;
        reader.accept(new SteppedClass(writer, fields, buffers, frames), ClassReader.EXPAND_FRAMES);
        return writer.toByteArray();
    }

    private byte @Nullable [] bytes(String internalName) {
        // Not getResourceAsStream, which also returns null if the file exists but cannot be opened.
        URL place = getParent().getResource(internalName + ".class");
        if (place == null) {
            return null;
        }
        try (InputStream file = place.openStream()) {
            return file.readAllBytes();
        } catch (IOException failed) {
            throw new UncheckedIOException(internalName, failed);
        }
    }
}
