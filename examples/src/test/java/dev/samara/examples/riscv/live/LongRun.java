// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import dev.samara.examples.riscv.linux.CodeExecution;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Scripts of consecutive seeds, up to the first difference. {@code live.seconds} makes the run as long, and
 * {@code live.seed} chooses its first script; without them it is what a build runs, the same scripts each time.
 */
final class LongRun {
    private static final String SECONDS = "live.seconds";
    private static final String SEED = "live.seed";

    /** The first seed of a build: one whose scripts have no difference that is known. */
    private static final long OF_BUILD = 240;

    private static final int TOGETHER = 20;
    private static final int SHRINKING = 300;
    private static final Path REPORT = Path.of("target", "live-programs.txt");
    private static final String POSSIBLE = "/live/programs-errors.txt";

    private final long seconds;
    private final long seed;
    private final int scripts;

    private LongRun(long seconds, long seed, int scripts) {
        this.seconds = seconds;
        this.seed = seed;
        this.scripts = scripts;
    }

    /** Returns the run of the properties; so many scripts without them. */
    static LongRun ofBuild(int scripts) {
        long seconds = Long.getLong(SECONDS, 0);
        long fresh = seconds > 0 ? System.nanoTime() % 1_000_000_007L * 1000 : OF_BUILD;
        long seed = Long.getLong(SEED, fresh);
        LongRun run = new LongRun(seconds, seed, scripts);
        System.out.println(run);
        return run;
    }

    CodeExecution execution() {
        return seed / 1000 % 2 == 0 ? CodeExecution.INTERPRETED : CodeExecution.TRANSLATED;
    }

    Comparison.@Nullable Difference look(Comparison comparison) throws IOException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        long next = seed;
        while (seconds > 0 ? System.nanoTime() < end : next < seed + scripts) {
            List<List<Step>> together = new ArrayList<>();
            for (int i = 0; i < TOGETHER; i++) {
                together.add(ScriptMaker.make(next++));
            }
            for (Comparison.Difference found : comparison.runAll(together)) {
                if (found != null) {
                    return new Shrinker(comparison, SHRINKING).shrink(found);
                }
            }
        }
        if (seconds > 0) {
            report(comparison);
        }
        return null;
    }

    private void report(Comparison comparison) throws IOException {
        Set<String> met = comparison.pairs().all();
        Set<String> never = new TreeSet<>(possible());
        never.removeAll(met);
        String summary = String.format(
                Locale.ROOT,
                "live programs: %d scripts, %d operations, %d pairs of call and error met, %d never, 0 differences",
                comparison.scripts(),
                comparison.operations(),
                met.size(),
                never.size());
        System.out.println(summary);
        Files.writeString(
                REPORT, summary + "\nmet: " + String.join(", ", met) + "\nnever: " + String.join(", ", never) + "\n");
    }

    private static Set<String> possible() throws IOException {
        Set<String> found = new TreeSet<>();
        try (var text = LongRun.class.getResourceAsStream(POSSIBLE)) {
            if (text == null) {
                throw new IllegalStateException(POSSIBLE + " is missing");
            }
            new String(text.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#") && !line.isBlank())
                    .forEach(line -> {
                        String[] words = line.strip().split(" +", -1);
                        for (int i = 1; i < words.length; i++) {
                            found.add(words[0] + " " + words[i]);
                        }
                    });
        }
        return found;
    }

    @Override
    public String toString() {
        return "live programs: -D" + SEED + "=" + seed + (seconds > 0 ? " -D" + SECONDS + "=" + seconds : "") + ", "
                + execution().name().toLowerCase(Locale.ROOT);
    }
}
