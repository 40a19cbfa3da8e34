// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Loads the classes of the modules that have mutants, and of their tests, with mutants but without instrumentation. It
 * reloads all of these classes, so mutants share no static state with the parent's classes.
 */
public final class MutantClassLoader extends ClassLoader {
    private static final List<String> OWN =
            List.of("dev.samara.core.", "dev.samara.maple.", "dev.samara.emulator.", "dev.samara.wasm.");

    private final List<Mutant> mutants;
    private final List<String> shared;

    /**
     * Creates a loader of mutants.
     *
     * @param mutants the mutants, which are compiled first
     * @param shared the classes that the caller uses too; they and their nested classes are loaded by the parent
     */
    public MutantClassLoader(List<Mutant> mutants, Class<?>... shared) {
        super("mutants", MutantClassLoader.class.getClassLoader());
        this.mutants = List.copyOf(mutants);
        // Here, since an exception in define would appear as the failed initialization of some class.
        mutants.forEach(Mutant::classes);
        this.shared = Stream.of(shared).map(Class::getName).toList();
    }

    private boolean isShared(String name) {
        return shared.stream().anyMatch(each -> name.equals(each) || name.startsWith(each + '$'));
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (OWN.stream().noneMatch(name::startsWith) || isShared(name)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> loaded = findLoadedClass(name);
            return loaded != null ? loaded : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        byte[] bytes = unchanged(name);
        for (Mutant mutant : mutants) {
            bytes = mutant.apply(name, bytes);
        }
        if (bytes == null) {
            throw new ClassNotFoundException(name);
        }
        return defineClass(name, bytes, 0, bytes.length);
    }

    private byte @Nullable [] unchanged(String name) {
        // Not getResourceAsStream, which also returns null if the file exists but cannot be opened.
        URL place = getParent().getResource(name.replace('.', '/') + ".class");
        if (place == null) {
            return null;
        }
        try (InputStream file = place.openStream()) {
            return file.readAllBytes();
        } catch (IOException unreadable) {
            throw new UncheckedIOException(name, unreadable);
        }
    }
}
