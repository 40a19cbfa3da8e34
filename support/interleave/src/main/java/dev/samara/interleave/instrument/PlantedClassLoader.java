// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.List;
import java.util.stream.Stream;

/**
 * Loads the classes of the modules {@code core}, {@code maple} and {@code emulator}, and of their tests, with planted
 * mutants but without instrumentation. It reloads all of these classes, so mutants share no static state with the
 * parent's classes.
 */
public final class PlantedClassLoader extends ClassLoader {
    private static final List<String> OWN = List.of("dev.samara.core.", "dev.samara.maple.", "dev.samara.emulator.");

    private final List<Planting> planted;
    private final List<String> shared;

    /**
     * Creates a loader of mutants.
     *
     * @param planted the mutants, which are {@linkplain Planting#check checked}
     * @param shared the classes that the caller uses too; they and their nested classes are loaded by the parent
     */
    public PlantedClassLoader(List<Planting> planted, Class<?>... shared) {
        super("planted", PlantedClassLoader.class.getClassLoader());
        this.planted = List.copyOf(planted);
        planted.forEach(Planting::check);
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
        if (getParent().getResource(name.replace('.', '/') + ".class") == null) {
            throw new ClassNotFoundException(name);
        }
        byte[] bytes = SteppedClassLoader.classFile(name);
        for (Planting planting : planted) {
            bytes = planting.apply(name, bytes);
        }
        return defineClass(name, bytes, 0, bytes.length);
    }
}
