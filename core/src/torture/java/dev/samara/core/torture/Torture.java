// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Actors that run for a given time, each on its own thread, and the rules that they check. The seed determines what
 * each thread does, but not how the threads interleave, so a seed that failed is likely, but not certain, to fail
 * again.
 */
abstract class Torture {
    final long seed;
    final TortureRun run;

    /** The actors by name, in the order in which they start. */
    final Map<String, Actor> actors = new LinkedHashMap<>();

    private final List<Checker> checkers = new ArrayList<>();

    /** The rules that are checked after the actors ended. */
    private final Set<Checker> atTheEnd = new HashSet<>();

    final Checker calls;
    final Checker leaks;
    private final Checker progress;

    /**
     * Creates a torture without actors, without starting it.
     *
     * @param seed the seed of the threads' random choices
     * @param keepsGoing whether the run continues after a violation
     * @param choices further properties that are needed to repeat the run; empty for none
     */
    Torture(long seed, boolean keepsGoing, String choices) {
        this.seed = seed;
        run = new TortureRun(seed, keepsGoing, choices);
        calls = checker("I10 every step ends without an exception");
        progress = checker("I5 every step makes progress");
        leaks = checkerAtTheEnd("I8 nothing is left after close");
    }

    final Checker checker(String rule) {
        Checker checker = new Checker(rule, run);
        checkers.add(checker);
        return checker;
    }

    final Checker checkerAtTheEnd(String rule) {
        Checker checker = checker(rule);
        atTheEnd.add(checker);
        return checker;
    }

    /**
     * Runs all actors, and prints the report.
     *
     * @param out receives a line for each checker, and finally {@code N passed, N failed}
     * @return the number of checkers that failed
     */
    final int run(Duration time, PrintStream out) throws InterruptedException {
        run.begin(time, () -> isEnough(time));
        try (WatchedThreads threads = new WatchedThreads(run, calls, progress, WatchedThreads.PATIENCE)) {
            begin();
            List<Runnable> starts = new ArrayList<>();
            actors.forEach((name, actor) -> {
                int number = starts.size();
                Random random = new Random(seed + 0x9E3779B97F4A7C15L * number);
                starts.add(() -> started(name, threads.start(name, () -> repeat(name, number, actor, random))));
            });
            starts.forEach(Runnable::run);
            threads.watch();
            direct();
            boolean ended = threads.awaitEnd();
            end();
            // A thread that is still running may hold the lock that the close needs, and a broken space cannot be
            // closed.
            if (ended && !run.isBroken()) {
                threads.start("closer", this::attemptClose);
                threads.awaitEnd();
            }
        }
        return Checker.print(checkers, facts(time), out);
    }

    /** Returns whether all rules were checked, except those that are checked at the end. */
    boolean isEnough(Duration time) {
        return checkers.stream().filter(checker -> !atTheEnd.contains(checker)).allMatch(Checker::isChecked);
    }

    /** Called before the actors start. */
    void begin() {}

    /** Called with the thread of each actor. */
    void started(String name, Thread thread) {}

    /** Called while the actors run; returns at the end of the run. */
    void direct() {}

    /** Called after the last step of each actor, or when an actor makes no progress. */
    void end() {}

    /** Lets an actor take steps until the run is over. */
    void repeat(String name, int number, Actor actor, Random random) {
        while (run.goesOn()) {
            step(actor, random);
        }
    }

    final void step(Actor actor, Random random) {
        actor.step(random);
        calls.check(true, "");
    }

    private void attemptClose() {
        try {
            close();
        } catch (InterruptedException | RuntimeException | AssertionError thrown) {
            leaks.violated(thrown + " at " + List.of(thrown.getStackTrace()));
        }
    }

    /** Closes everything, and checks that nothing is left. */
    abstract void close() throws InterruptedException;

    /** Returns a line about the run, for the report; empty for none. */
    abstract String facts(Duration time);

    /** Creates a torture from its seed, and from whether it continues after a violation. */
    interface Maker {
        Torture make(long seed, boolean keepsGoing);
    }

    /**
     * Runs for {@code torture.percent} of {@code torture.seconds}, and longer until each rule was checked, with {@code
     * torture.seed} or a fresh seed. Ends at the first violation, unless {@code torture.keepGoing} is true. Exits the
     * JVM, with status 1 if a checker failed or never checked anything.
     */
    static void main(String subject, Maker maker) throws InterruptedException {
        long seed = Long.getLong("torture.seed", System.nanoTime());
        long millis = 10 * Long.getLong("torture.seconds", 60) * Long.getLong("torture.percent", 100);
        Torture made = maker.make(seed, Boolean.getBoolean("torture.keepGoing"));
        System.out.printf(Locale.ROOT, "torture of %s: %d s, %s%n", subject, millis / 1000, made.run.again);
        int failed = made.run(Duration.ofMillis(millis), System.out);
        System.out.flush();
        // Exits explicitly, because an actor that hangs must not keep the process alive.
        System.exit(failed == 0 ? 0 : 1);
    }
}
