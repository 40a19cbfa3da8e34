// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.ab;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.List;

/**
 * Loads the library from one jar and the benchmarks from another, so that two versions run the same benchmarks. All
 * other classes are loaded by the parent class loader.
 */
final class VersionLoader extends ClassLoader implements AutoCloseable {
    private static final String BENCHMARKS = "dev.samara.bench.";
    private static final String LIBRARY = "dev.samara.";

    private final URLClassLoader library;
    private final URLClassLoader benchmarks;

    /**
     * Opens the jars, or directories of classes.
     *
     * @param library the jars or directories that contain the library
     * @param benchmarks the jar or directory that contains the benchmarks
     */
    VersionLoader(List<Path> library, Path benchmarks) throws IOException {
        super(VersionLoader.class.getClassLoader());
        this.library = opened(library);
        this.benchmarks = opened(List.of(benchmarks));
    }

    private static URLClassLoader opened(List<Path> places) throws IOException {
        URL[] urls = new URL[places.size()];
        for (int i = 0; i < urls.length; i++) {
            urls[i] = places.get(i).toRealPath().toUri().toURL();
        }
        return new URLClassLoader(urls, null);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(LIBRARY)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> known = findLoadedClass(name);
            return known != null ? known : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        URLClassLoader from = name.startsWith(BENCHMARKS) ? benchmarks : library;
        try (var bytes = from.getResourceAsStream(name.replace('.', '/') + ".class")) {
            if (bytes == null) {
                throw new ClassNotFoundException(name);
            }
            byte[] code = bytes.readAllBytes();
            return defineClass(name, code, 0, code.length);
        } catch (IOException unreadable) {
            throw new ClassNotFoundException(name, unreadable);
        }
    }

    @Override
    public void close() throws IOException {
        library.close();
        benchmarks.close();
    }
}
