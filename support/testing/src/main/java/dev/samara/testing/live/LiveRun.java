// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import dev.samara.testing.Share;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * A run of random scripts, which fails with the shortest script found that shows a difference. Without a property, it
 * runs the share of a build. With only {@value #SEED}, it runs the script of that seed. With {@value #SECONDS}, it runs
 * scripts of consecutive seeds for that time, starting at {@value #SEED} or a fresh seed, and writes the tally of the
 * kernel's answers into {@code target}. With {@value #KEEP_GOING}, it does not end at the first difference, but
 * shortens one script for each kind of difference, and names the seeds of all other scripts.
 *
 * @param <S> a step
 * @param <D> a difference
 */
public final class LiveRun<S, D extends Difference<S>> {
    /** The property with the duration of a long run in seconds. */
    public static final String SECONDS = "live.seconds";

    /** The property with the first seed; any value that is not a number means a fresh seed. */
    public static final String SEED = "live.seed";

    /** The property that makes a run continue after a difference if it is {@code true}. */
    public static final String KEEP_GOING = "live.keepGoing";

    private static final long SHRINKING = TimeUnit.SECONDS.toNanos(60);
    private static final long FRESH = 0xff_ffffL;

    private final Language<S, D> language;
    private final Path regressions;
    private final boolean isEndedByDifference = !Boolean.getBoolean(KEEP_GOING);
    private final SortedMap<String, Integer> kinds = new TreeMap<>();
    private final List<String> messages = new ArrayList<>();
    private final long start = System.nanoTime();
    private long scripts;

    /**
     * Creates a run.
     *
     * @param language the language of the scripts
     * @param regressions the directory of scripts that showed a difference earlier
     */
    public LiveRun(Language<S, D> language, Path regressions) {
        this.language = language;
        this.regressions = regressions;
    }

    /**
     * Runs scripts as the properties require.
     *
     * @param first the first seed that builds use
     * @param whole the number of seeds that builds use
     * @param parts the number of parts into which these seeds are divided; a build runs one part
     * @throws IOException if a side cannot run a script
     * @throws AssertionError if the sides differ
     */
    public void run(long first, int whole, int parts) throws IOException {
        String seconds = System.getProperty(SECONDS);
        String chosen = System.getProperty(SEED, "fresh");
        boolean isChosen = chosen.matches("[0-9]+");
        if (seconds != null) {
            runFor(Double.parseDouble(seconds), isChosen ? Long.parseLong(chosen) : System.nanoTime() & FRESH);
        } else if (isChosen) {
            runAll(Long.parseLong(chosen), 1);
        } else {
            runShare(first, whole, parts);
        }
        if (!messages.isEmpty()) {
            throw new AssertionError(String.join("\n", messages));
        }
    }

    private boolean goesOn() {
        return messages.isEmpty() || !isEndedByDifference;
    }

    private void runShare(long first, int whole, int parts) throws IOException {
        int together = language.together();
        Share share = Share.of(language.name() + ", live", parts);
        for (int i = 0; i * together < whole && goesOn(); i++) {
            if (share.has(i)) {
                runAll(first + (long) i * together, Math.min(together, whole - i * together));
            }
        }
    }

    private void runFor(double seconds, long seed) throws IOException {
        System.out.println(language.name() + ", live: -D" + SEED + "=" + seed);
        double nanos = seconds * TimeUnit.SECONDS.toNanos(1);
        for (long next = seed; System.nanoTime() - start < nanos && goesOn(); next += language.together()) {
            runAll(next, language.together());
        }
        report();
    }

    private void runAll(long first, int count) throws IOException {
        scripts += count;
        for (Map.Entry<Long, D> each : language.runAll(first, count).entrySet()) {
            D found = each.getValue();
            long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
            String where = String.format(
                    Locale.ROOT,
                    "%s, live, -D%s=%d, found after %d s: ",
                    language.name(),
                    SEED,
                    each.getKey(),
                    seconds);
            boolean isNew = kinds.merge(found.kind(), 1, Integer::sum) == 1;
            if (isNew && goesOn()) {
                D shortest = Shrinker.shrink(language, found, SHRINKING);
                messages.add(String.format(
                        Locale.ROOT,
                        "%s%s%n%s%nas a regression: %s",
                        where,
                        shortest.kind(),
                        shortest,
                        regressions.resolve("NAME.txt")));
                if (!isEndedByDifference) {
                    System.out.println(messages.get(messages.size() - 1));
                }
            } else if (!isEndedByDifference) {
                System.out.println(where + found.kind() + ", again");
            }
        }
    }

    private void report() throws IOException {
        List<String> never = language.tally().neverMet();
        SortedMap<String, Long> met = language.tally().met();
        String summary = String.format(
                Locale.ROOT,
                "%s, live: %d scripts, %d operations, %d pairs of call and result met, %d never, differences: %s",
                language.name(),
                scripts,
                language.steps(),
                met.size(),
                never.size(),
                kinds.isEmpty() ? "none" : kinds);
        System.out.println(summary);
        List<String> lines = new ArrayList<>(List.of(summary, "never: " + String.join(", ", never)));
        met.forEach((pair, count) -> lines.add(pair + " " + count));
        Files.write(Path.of("target", "live-" + language.name() + ".txt"), lines);
    }
}
