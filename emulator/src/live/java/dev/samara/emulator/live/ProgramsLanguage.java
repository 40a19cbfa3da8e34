// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import dev.samara.testing.live.Language;
import dev.samara.testing.live.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Scripts of system calls, which the kernel and the emulator run. */
final class ProgramsLanguage implements Language<Step, Difference>, AutoCloseable {
    private static final Path TABLE = Path.of("src", "test", "resources", "live", "programs-errors.txt");
    private static final int TOGETHER = 20;

    /** The number of consecutive seeds whose scripts are executed in the same way. */
    private static final int ALIKE = 1000;

    private final Path folder;
    private final Watch watch;
    private final Tally tally = new Tally(TABLE);
    private @Nullable Comparison comparison;
    private int comparisons;
    private long steps;

    /**
     * Creates the language.
     *
     * @param folder the parent of the scripts' folders
     */
    ProgramsLanguage(Path folder) throws IOException {
        this(folder, Watch.MOST_SECONDS);
    }

    /**
     * Creates the language.
     *
     * @param folder the parent of the scripts' folders
     * @param seconds the time after which a script counts as hanging
     */
    ProgramsLanguage(Path folder, int seconds) throws IOException {
        this.folder = folder;
        watch = new Watch(seconds);
    }

    @Override
    public String name() {
        return "programs";
    }

    @Override
    public Tally tally() {
        return tally;
    }

    @Override
    public long steps() {
        return steps;
    }

    @Override
    public int together() {
        return TOGETHER;
    }

    private static ExecutionMode execution(long seed) {
        return seed / ALIKE % 2 == 0 ? ExecutionMode.INTERPRETED : ExecutionMode.TRANSLATED;
    }

    private Comparison comparison(ExecutionMode execution) throws IOException {
        Comparison last = comparison;
        if (last != null && last.execution() == execution) {
            return last;
        }
        closeComparison();
        Path next = Files.createDirectory(folder.resolve("c" + comparisons++));
        comparison = new Comparison(next, execution, watch, tally);
        return comparison;
    }

    @Override
    public @Nullable Difference run(long seed) throws IOException {
        return runAll(seed, 1).get(seed);
    }

    @Override
    public SortedMap<Long, Difference> runAll(long first, int scripts) throws IOException {
        SortedMap<Long, Difference> found = new TreeMap<>();
        // Ends before the seed from which on scripts are executed in the other way.
        int alike = (int) Math.min(scripts, ALIKE - first % ALIKE);
        List<List<Step>> made = new ArrayList<>();
        for (int i = 0; i < alike; i++) {
            made.add(ScriptMaker.make(first + i));
            steps += made.get(i).size();
        }
        List<@Nullable Difference> differences = comparison(execution(first)).runAll(made);
        for (int i = 0; i < alike; i++) {
            Difference difference = differences.get(i);
            if (difference != null) {
                found.put(first + i, difference);
            }
        }
        if (alike < scripts) {
            found.putAll(runAll(first + alike, scripts - alike));
        }
        return found;
    }

    /** Runs scripts in the given way. Returns the first difference of each, or null. */
    List<@Nullable Difference> replay(List<List<Step>> scripts, ExecutionMode execution) throws IOException {
        return comparison(execution).runAll(scripts);
    }

    @Override
    public @Nullable Difference again(Difference found, List<Step> script) throws IOException {
        return comparison(found.execution()).tryOut(script);
    }

    @Override
    public @Nullable Difference confirm(Difference found) throws IOException {
        return comparison(found.execution()).confirm(found);
    }

    @Override
    public List<Step> simpler(Step step) {
        return step instanceof Step.Call call
                ? call.simpler()
                : step instanceof Step.Spawn spawn ? spawn.simpler() : List.of();
    }

    @Override
    public void close() throws IOException {
        watch.close();
        closeComparison();
    }

    private void closeComparison() throws IOException {
        Comparison last = comparison;
        comparison = null;
        if (last != null) {
            last.close();
        }
    }
}
