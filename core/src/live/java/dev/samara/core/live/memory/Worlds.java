// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;

/** The worlds used so far. */
final class Worlds implements AutoCloseable {
    private final Path directory;
    private final Map<World, KernelWorld> made = new EnumMap<>(World.class);

    Worlds(Path directory) {
        this.directory = directory;
    }

    KernelWorld get(World world) {
        return made.computeIfAbsent(world, this::make);
    }

    private KernelWorld make(World world) {
        try {
            return new KernelWorld(world, directory);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Ends a world whose judge may be in an undefined state. */
    void renew(World world) {
        KernelWorld old = made.remove(world);
        if (old != null) {
            old.close();
        }
    }

    @Override
    public void close() {
        made.values().forEach(KernelWorld::close);
    }
}
