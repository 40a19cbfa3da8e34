// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.samara.interleave.mutant.Finder;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.mutant.MutantClassLoader;
import dev.samara.interleave.mutant.OpenLanguage;
import dev.samara.testing.live.Difference;
import dev.samara.testing.live.Language;
import dev.samara.testing.live.Shrinker;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

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

    /** The maximum number of lines of a message, and of a stack trace. */
    private static final int MOST_LINES = 8;

    private final Map<String, Finder> finders = new HashMap<>();
    private final Map<String, Integer> counts = new HashMap<>();

    private final boolean searches;

    private MutantRun(boolean searches) {
        this.searches = searches;
        for (Finder finder : List.of(new ScheduleFinder(), new Scripts(), new UnitTests())) {
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
        if (Mutant.names().stream().noneMatch(name -> names.matcher(name).find())) {
            throw new IllegalArgumentException("mutants.names: no mutant's name contains \"" + names + '"');
        }
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
        } catch (RuntimeException | Error stale) {
            print("stale", mutant, 0, "", "");
            explain(stale);
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
                if (!mutant.moved().isEmpty()) {
                    said = "edits " + String.join(", ", mutant.moved()) + "; " + said;
                }
            } catch (Exception | Error invalid) {
                result = "stale";
                said = invalid.toString();
                explain(invalid);
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

    /** Prints the beginning of an exception and of each of its causes, whose messages may be long. */
    private static synchronized void explain(Throwable thrown) {
        for (Throwable each = thrown; each != null; each = each.getCause()) {
            each.toString().lines().limit(MOST_LINES).forEach(line -> System.out.println("    " + line));
            Stream.of(each.getStackTrace()).limit(MOST_LINES).forEach(frame -> System.out.println("        " + frame));
        }
    }

    private synchronized boolean end(String module, int size) {
        List<String> said = new ArrayList<>();
        for (String result : List.of("found", "survived", "stale")) {
            said.add(counts.getOrDefault(result, 0) + " " + result);
        }
        System.out.println("mutants of " + module + " (" + size + "): " + String.join(", ", said));
        return counts.getOrDefault("survived", 0) + counts.getOrDefault("stale", 0) == 0;
    }

    /** Runs unit tests with the mutated classes: {@code test CLASS[#METHOD]}, with the simple name of the class. */
    private static final class UnitTests implements Finder {
        /** The time after which a test has failed. */
        private static final String LONGEST = "5 m";

        @Override
        public String kind() {
            return "test";
        }

        @Override
        // One search at a time, because tests share what the test support collects, e.g. reports.
        public synchronized @Nullable String find(Mutant mutant, String arguments, Path folder) throws Exception {
            String[] named = arguments.split("#", 2);
            String test = TestClasses.named(named[0]).getName();
            TestExecutionSummary unchanged = run(new MutantClassLoader(mutant.settings()), test, named);
            if (unchanged.getTestsSucceededCount() == 0 || unchanged.getTotalFailureCount() > 0) {
                throw new IllegalStateException(
                        "without the mutant: " + unchanged.getTestsSucceededCount() + " passed, "
                                + unchanged.getTotalFailureCount() + " failed",
                        unchanged.getFailures().stream()
                                .map(TestExecutionSummary.Failure::getException)
                                .findFirst()
                                .orElse(null));
            }
            TestExecutionSummary broken = run(new MutantClassLoader(List.of(mutant)), test, named);
            if (broken.getTotalFailureCount() == 0) {
                return null;
            }
            Throwable failure = broken.getFailures().get(0).getException();
            if (failure instanceof LinkageError) {
                throw new IllegalStateException("the mutated code does not fit the other classes", failure);
            }
            return failure.toString();
        }

        private static TestExecutionSummary run(MutantClassLoader loader, String test, String[] named)
                throws ClassNotFoundException {
            SummaryGeneratingListener summary = new SummaryGeneratingListener();
            Thread thread = Thread.currentThread();
            ClassLoader before = thread.getContextClassLoader();
            thread.setContextClassLoader(loader);
            try {
                LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                        .selectors(selector(loader.loadClass(test), named))
                        .configurationParameter("junit.jupiter.execution.timeout.default", LONGEST)
                        // So that a mutant that ignores interrupts has an end, too.
                        .configurationParameter(
                                "junit.jupiter.execution.timeout.thread.mode.default", "SEPARATE_THREAD")
                        .build();
                LauncherFactory.create().execute(request, summary);
            } finally {
                thread.setContextClassLoader(before);
            }
            return summary.getSummary();
        }

        private static DiscoverySelector selector(Class<?> type, String[] named) {
            if (named.length == 1) {
                return selectClass(type);
            }
            Method method = Arrays.stream(type.getDeclaredMethods())
                    .filter(each -> each.getName().equals(named[1]))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException(named[0] + " has no method " + named[1]));
            return selectMethod(type, method);
        }
    }

    /**
     * Compares random scripts with the running kernel: {@code scripts LANGUAGE MOST}, with the simple name of an {@link
     * OpenLanguage}, until one of at most {@code MOST} scripts shows the mutant and can be shortened to a few steps. A
     * script cannot be shortened if it shows a difference only sometimes, e.g. because it depends on whether a thread
     * of the machine writes a page.
     */
    private static final class Scripts implements Finder {
        private static final int MOST_STEPS = 10;
        private static final long SEED = 1;
        private static final long SHRINKING = TimeUnit.MINUTES.toNanos(1);

        @Override
        public String kind() {
            return "scripts";
        }

        @Override
        public @Nullable String find(Mutant mutant, String arguments, Path folder) throws Exception {
            String[] named = arguments.split(" ", -1);
            String language = TestClasses.named(named[0]).getName();
            Found found = find(List.of(mutant), language, folder, Long.parseLong(named[1]));
            if (found == null) {
                return null;
            }
            Found unchanged = find(mutant.settings(), language, folder, found.script);
            if (unchanged != null) {
                throw new IllegalStateException("without the mutant: " + unchanged);
            }
            return found.toString();
        }

        /** A script that shows a difference, by its number from 1, and the number of steps to which it is shortened. */
        private record Found(long script, int steps) {
            @Override
            public String toString() {
                return "script " + script + ", " + steps + " steps";
            }
        }

        private static @Nullable Found find(List<Mutant> mutants, String language, Path folder, long most)
                throws Exception {
            Path ofRun = Files.createTempDirectory(folder, "run");
            try (OpenLanguage open = (OpenLanguage) new MutantClassLoader(mutants)
                    .loadClass(language)
                    .getConstructor(Path.class)
                    .newInstance(ofRun)) {
                return find(open.language(), most);
            }
        }

        private static <S, D extends Difference<S>> @Nullable Found find(Language<S, D> scripts, long most)
                throws IOException {
            int together = scripts.together();
            for (long i = 0; i < most; i += together) {
                for (Map.Entry<Long, D> found :
                        scripts.runAll(SEED + i, together).entrySet()) {
                    D shortest = Shrinker.shrink(scripts, found.getValue(), SHRINKING);
                    int steps = shortest.steps().size();
                    if (steps <= MOST_STEPS) {
                        return new Found(found.getKey() - SEED + 1, steps);
                    }
                }
            }
            return null;
        }
    }
}
