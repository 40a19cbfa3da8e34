// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave;

import dev.samara.interleave.mutant.Finder;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.mutant.ScriptFinder;
import dev.samara.interleave.mutant.UnitTestFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Searches for the mutants of a module, and prints a line for each search: <em>found</em>, <em>survived</em> if the
 * search did not find it, or <em>stale</em> if the mutant or the search no longer fits the code.
 *
 * <p>Arguments: the folder of the module; a regular expression that the names of the mutants match in part; into how
 * many parts the mutants are divided; the number of the part, of which only the remainder counts; the number of
 * searches at a time; and whether to search for the mutants, or only to compile them, which shows the stale ones.
 */
public final class MutantRun {
    /** The maximum length of what a search says, which may be the text of a tree. */
    private static final int MOST_SAID = 120;

    private final Map<String, Finder> finders = new HashMap<>();
    private final Map<String, Integer> counts = new HashMap<>();

    private final boolean searches;

    private MutantRun(boolean searches) {
        this.searches = searches;
        for (Finder finder : List.of(new ScheduleFinder(), new ScriptFinder(), new UnitTestFinder())) {
            finders.put(finder.kind(), finder);
        }
        for (Finder finder : ServiceLoader.load(Finder.class)) {
            finders.put(finder.kind(), finder);
        }
    }

    /** Runs the searches; exits with 1 if a mutant survived or is stale. */
    public static void main(String[] arguments) throws InterruptedException {
        String module = Path.of(arguments[0]).getFileName().toString();
        Pattern names = Pattern.compile(arguments[1]);
        int parts = Integer.parseInt(arguments[2]);
        int part = Math.floorMod(Long.parseLong(arguments[3]), parts);
        ExecutorService threads = Executors.newFixedThreadPool(Integer.parseInt(arguments[4]));
        MutantRun run = new MutantRun(Boolean.parseBoolean(arguments[5]));
        List<Mutant> all = Mutant.of(module);
        for (int i = part; i < all.size(); i += parts) {
            Mutant mutant = all.get(i);
            if (names.matcher(mutant.name()).find()) {
                threads.execute(() -> run.search(mutant));
            }
        }
        threads.shutdown();
        if (!threads.awaitTermination(1, TimeUnit.DAYS)) {
            throw new IllegalStateException("a search of a day");
        }
        System.exit(run.end(module, all.size()) ? 0 : 1);
    }

    private void search(Mutant mutant) {
        try {
            mutant.classes();
        } catch (RuntimeException stale) {
            print("stale", mutant, 0, "", stale.toString());
            return;
        }
        for (String search : searches ? mutant.searches() : List.<String>of()) {
            long start = System.nanoTime();
            String result;
            String said;
            try {
                String[] parts = search.split(" ", 2);
                Finder finder = finders.get(parts[0]);
                if (finder == null) {
                    throw new IllegalStateException("no kind of search " + parts[0]);
                }
                String found = find(finder, mutant, parts[1]);
                result = found == null ? "survived" : "found";
                said = found == null ? "" : found;
            } catch (Exception | LinkageError invalid) {
                result = "stale";
                said = invalid.toString();
            }
            print(result, mutant, System.nanoTime() - start, search, said);
        }
    }

    private static @Nullable String find(Finder finder, Mutant mutant, String arguments) throws Exception {
        Path folder = Files.createTempDirectory("mutant");
        try {
            return finder.find(mutant, arguments, folder);
        } finally {
            try (Stream<Path> all = Files.walk(folder)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    private synchronized void print(String result, Mutant mutant, long nanos, String search, String said) {
        counts.merge(result, 1, Integer::sum);
        String line = said.lines().findFirst().orElse("nothing");
        System.out.printf(
                Locale.ROOT,
                "%-8s %5.1f s  %s (%s: %s)%n",
                result,
                nanos / 1e9,
                mutant,
                search,
                line.substring(0, Math.min(line.length(), MOST_SAID)));
    }

    private synchronized boolean end(String module, int size) {
        List<String> said = new ArrayList<>();
        for (String result : List.of("found", "survived", "stale")) {
            said.add(counts.getOrDefault(result, 0) + " " + result);
        }
        System.out.println("mutants of " + module + " (" + size + "): " + String.join(", ", said));
        return counts.getOrDefault("survived", 0) + counts.getOrDefault("stale", 0) == 0;
    }
}
