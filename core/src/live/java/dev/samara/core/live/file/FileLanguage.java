// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.testing.live.Language;
import dev.samara.testing.live.Tally;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Scripts of calls on host files. The first step of each script creates a machine. */
final class FileLanguage implements Language<Step, Difference> {
    /** The directory with the table of results, and with scripts that once showed a difference. */
    static final Path FOLDER = Path.of("src", "test", "resources", "dev", "samara", "core", "live", "file");

    /** The number of steps of a script. */
    private static final int STEPS = 60;

    private final Arena arena;

    FileLanguage(Arena arena) {
        this.arena = arena;
    }

    @Override
    public String name() {
        return "files";
    }

    @Override
    public Tally tally() {
        return arena.tally();
    }

    @Override
    public long steps() {
        return arena.steps();
    }

    @Override
    public @Nullable Difference run(long seed) throws IOException {
        Generator generator = new Generator(seed);
        Trial trial = new Trial(arena, generator.machine());
        boolean isSame = true;
        for (int i = 0; i < STEPS && isSame; i++) {
            isSame = trial.run(generator.next(trial.world(), i));
        }
        return trial.end();
    }

    @Override
    public @Nullable Difference again(Difference found, List<Step> steps) throws IOException {
        return steps.get(0).verb() == Verb.MACHINE ? Trial.run(arena, steps) : null;
    }

    @Override
    public List<Step> simpler(Step step) {
        return step.simpler();
    }
}
