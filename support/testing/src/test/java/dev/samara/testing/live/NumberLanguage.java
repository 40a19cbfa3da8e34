// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A language whose steps are numbers; the script of a seed is the seed. A test decides which scripts differ. */
class NumberLanguage implements Language<Integer, NumberDifference> {
    private final Function<List<Integer>, @Nullable String> kind;
    private final Tally tally;
    private final List<Long> seeds = new ArrayList<>();

    NumberLanguage(Function<List<Integer>, @Nullable String> kind) throws IOException {
        this.kind = kind;
        Path table = Files.createTempFile("pairs", ".txt");
        tally = new Tally(table);
        Files.delete(table);
    }

    /** Returns the seeds whose scripts were run. */
    List<Long> seeds() {
        return seeds;
    }

    @Override
    public String name() {
        return "numbers";
    }

    @Override
    public @Nullable NumberDifference run(long seed) {
        seeds.add(seed);
        tally.met("number", "ok");
        return compared(List.of((int) seed));
    }

    @Override
    public @Nullable NumberDifference again(NumberDifference found, List<Integer> steps) {
        return compared(steps);
    }

    private @Nullable NumberDifference compared(List<Integer> steps) {
        String found = kind.apply(steps);
        return found == null ? null : new NumberDifference(steps, found);
    }

    @Override
    public List<Integer> simpler(Integer step) {
        return step == 0 ? List.of() : List.of(step / 2, step - 1);
    }

    @Override
    public long steps() {
        return seeds.size();
    }

    @Override
    public Tally tally() {
        return tally;
    }
}
