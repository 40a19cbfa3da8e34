// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Executes scripts on both sides and compares the outcomes. Not thread-safe. */
final class Comparison implements AutoCloseable {
    private static final long MEMORY = 1L << 28;

    private final Worlds worlds;
    private final Machine machine;
    private final Cpu cpu;

    Comparison(Worlds worlds) {
        this.worlds = worlds;
        machine = Machine.builder()
                .memory(Math.min(MEMORY, Machine.directMemoryLimit()))
                .poisonFrames(true)
                .forbidZeroPage(!worlds.get(World.SMALL).mapsZeroPage())
                .build();
        cpu = machine.claimCpu();
    }

    Worlds worlds() {
        return worlds;
    }

    /** Returns the library's side of a new script. */
    LibraryRun library(World world, int watch) {
        return new LibraryRun(worlds.get(world), watch, machine, cpu);
    }

    /** Returns the first difference of a script, or null if there is none. */
    @Nullable
    Difference compare(Script script) {
        List<Outcome> outcomes = new ArrayList<>();
        try (LibraryRun library = library(script.world(), script.watch())) {
            script.operations().forEach(operation -> outcomes.add(perform(library, operation)));
        }
        return compare(script, outcomes);
    }

    /** Performs an operation. An exception becomes the operation's result. */
    static Outcome perform(LibraryRun library, Operation operation) {
        try {
            return library.perform(operation);
        } catch (RuntimeException | AssertionError thrown) {
            return new Outcome("throws " + thrown, List.of());
        }
    }

    /** Compares the kernel's outcomes of a script with the library's. */
    @Nullable
    Difference compare(Script script, List<Outcome> library) {
        KernelWorld world = worlds.get(script.world());
        List<Outcome> kernel = KernelRun.run(world, script);
        for (int i = 0; i < library.size(); i++) {
            Outcome ours = library.get(i);
            Outcome kernels = kernel.get(i);
            if (!ours.equals(kernels)) {
                return new Difference(script, i, kernels, ours, world.base());
            }
        }
        return null;
    }

    @Override
    public void close() {
        cpu.close();
        machine.close();
        worlds.close();
    }
}
