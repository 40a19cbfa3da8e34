// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Actors that edit one tree and actors that read it, which take turns on a few threads for a set time. The seed
 * determines what each thread does, but not how the threads interleave, so a seed that failed will probably fail again,
 * but not certainly.
 *
 * <p>To add an actor, write a class that implements {@link Actor}, give it an area of {@link TortureTree}, and add a
 * line to the constructor below. To add a rule, call {@link #checker}, and pass the result to the actors that check the
 * rule.
 */
public final class TreeTorture {
    /** Much longer than any step: a thread that has not stopped by then waits for something that will never happen. */
    private static final long PATIENCE_MILLIS = 60_000;

    private static final long LOOK_NANOS = 10_000_000;

    /**
     * The maximum pause between two snapshots of one actor. Each snapshot ends an era, and edits in place need an era
     * that lasts.
     */
    private static final int PAUSE_NANOS = 2_000_000;

    private final long seed;
    private final TortureRun run;
    private final long seconds;
    private final TortureTree setup = new TortureTree();
    private final ReplacedValue replacedValue;
    private final List<Checker> checkers = new ArrayList<>();
    private final Map<String, Actor> threads = new LinkedHashMap<>();
    private final Checker steps;

    /**
     * Creates a tree with its actors, which are not started yet.
     *
     * @param seed the seed of the threads' random choices
     * @param time how long the run will last; determines the required counts
     * @param keepsGoing whether the run continues after a violation
     */
    TreeTorture(long seed, Duration time, boolean keepsGoing) {
        this.seed = seed;
        run = new TortureRun(seed, keepsGoing);
        seconds = Math.max(1, time.toSeconds());
        steps = new Checker("every step ends without an exception", run, 1000 * seconds, 0);

        ChangingRanges ranges = new ChangingRanges(setup);
        replacedValue = new ReplacedValue(setup);
        RecordedVersions versions = new RecordedVersions(setup, checker("C.1-C.3 edits answer as the model does", 100));
        AccountSums sums = new AccountSums(setup);
        StorePairs pairs = StorePairs.on(setup);
        StorePairs alone = StorePairs.alone(setup);
        LeafEdgeSearch up = LeafEdgeSearch.ofTwoLeaves(true);
        LeafEdgeSearch down = LeafEdgeSearch.ofTwoLeaves(false);
        LeafEdgeSearch farUp = LeafEdgeSearch.beyondReservations(true);
        LeafEdgeSearch farDown = LeafEdgeSearch.beyondReservations(false);
        MovedEntry moving = new MovedEntry();
        ShiftedSlots shifts = new ShiftedSlots();
        TakenRanges taken = new TakenRanges(setup);
        ContendedGaps gaps = new ContendedGaps(setup);
        Checker own = checker("C.2 C.3 a range that is found has no other user", 100);
        ActorTurns first =
                new ActorTurns(List.of(ranges, versions, pairs, alone, up, down, farUp, shifts, gaps.user(1, own)));
        ActorTurns second = new ActorTurns(
                List.of(replacedValue, sums, taken, moving, farDown, gaps.user(2, own), new RandomEdits(setup)));
        threads.put("editor-1", first);
        threads.put("editor-2", second);

        Actor walkers = ranges.walkers(true, overlapping("B.2-B.4 forward", 1000));
        Actor finder = ranges.finder(overlapping("A.1 A.2 lookups", 1000));
        Actor pipeReader = replacedValue.reader(overlapping("A.1 no age above 1", 1000));
        Actor takenReader = taken.reader(
                overlapping("A.4 D.1 a reservation is absent for lookups", 100),
                overlapping("D.2 a taken range is never free", 100));
        Checker nearest = overlapping("A.1 the nearest, over the edge of a leaf", 1000);
        threads.put(
                "reader-1",
                new ReaderTurns(List.of(first, second))
                        .of(ranges, walkers)
                        .of(ranges, finder)
                        .of(replacedValue, pipeReader)
                        .of(taken, takenReader)
                        .of(alone, alone.auditor(200, overlapping("B.1 snapshots beside first stores", 100)))
                        .of(up, up.searcher(nearest))
                        .of(farUp, farUp.searcher(nearest))
                        .of(shifts, shifts.reader(overlapping("A.1 what stands behind slots that move", 1000))));
        Actor backward = ranges.walkers(false, overlapping("B.2-B.4 backward", 1000));
        Actor questions = new VersionQueries(versions, overlapping("A.1 A.2 D.2 answers are of one instant", 1000));
        Actor sumsReader = sums.reader(overlapping("A.2 E.1 transactions in lookups", 100));
        Actor pairsReader = pairs.reader(overlapping("A.2 stores are seen in order", 100));
        Actor intruder = taken.intruder(checker("C.2 D.3 only its owner stores over it", 100));
        threads.put(
                "reader-2",
                new ReaderTurns(List.of(first, second))
                        .of(ranges, backward)
                        .of(versions, questions)
                        .of(sums, sumsReader)
                        .of(pairs, pairsReader)
                        .of(taken, intruder)
                        .of(down, down.searcher(nearest))
                        .of(farDown, farDown.searcher(nearest))
                        .of(moving, moving.seeker(checker("A.1 D.2 what moves is found", 1000))));

        Checker valid = checker("every structural invariant", 1);
        threads.put(
                "observer",
                new ActorTurns(List.of(
                        sparing(new VersionQueries(versions, overlapping("B.1 snapshots are of one instant", 2))
                                .snapshots()),
                        sparing(new HeldSnapshots(setup, overlapping("B.1 snapshots held do not change", 10))),
                        sparing(sums.auditor(overlapping("E.1 E.3 sums in snapshots", 5))),
                        sparing(pairs.auditor(5, checker("B.1 stores in order in snapshots", 5))),
                        sparing(gaps.surveyor(checker("C.3 C.5 searches find the existing gaps", 1))),
                        sparing(random -> {
                            setup.tree.validate();
                            valid.check(true, "");
                        }))));
        checkers.add(steps);
    }

    /**
     * Returns a checker of checks that can detect concurrent edits. In a very short run on a loaded machine, it may
     * detect none.
     */
    private Checker overlapping(String rule, long perSecond) {
        return checker(new Checker(rule, run, perSecond * seconds, seconds / 10));
    }

    private Checker checker(String rule, long perSecond) {
        return checker(new Checker(rule, run, perSecond * seconds, 0));
    }

    private Checker checker(Checker checker) {
        checkers.add(checker);
        return checker;
    }

    private static Actor sparing(Actor actor) {
        return new Actor() {
            @Override
            public void step(Random random) {
                actor.step(random);
                LockSupport.parkNanos(random.nextInt(PAUSE_NANOS));
            }

            @Override
            public void finish() {
                actor.finish();
            }
        };
    }

    /**
     * Runs everything, and prints a report.
     *
     * @param out receives a line for each checker, and finally {@code N passed, N failed}
     * @return the number of checkers that failed
     */
    int run(Duration time, PrintStream out) throws InterruptedException {
        run.begin(time, () -> checkers.stream().allMatch(Checker::enough));
        List<Thread> running = new ArrayList<>();
        threads.forEach((name, actor) -> {
            Random random = new Random(seed + 0x9E3779B97F4A7C15L * running.size());
            Thread thread = new Thread(() -> repeat(name, actor, random), name);
            thread.setDaemon(true);
            running.add(thread);
        });
        running.forEach(Thread::start);
        if (haveStopped(running) && !run.isBroken()) {
            threads.forEach((name, actor) -> attempt(name, actor::finish));
            attempt("validate", setup.tree::validate);
        }
        // The sort is stable.
        checkers.sort(Comparator.comparing(checker -> !checker.isBroken()));
        checkers.forEach(checker -> out.println(checker.line()));
        out.println(replacedValue.histogram());
        checkers.forEach(checker -> checker.history().lines().forEach(line -> out.println("    " + line)));
        int passed = (int) checkers.stream().filter(Checker::passed).count();
        int open = (int) checkers.stream().filter(Checker::isOpen).count();
        int failed = checkers.size() - passed - open;
        out.println(passed + " passed, " + failed + " failed");
        return failed;
    }

    /** Waits for the end of the run, and then for each thread's last step. Returns whether all threads ended. */
    private boolean haveStopped(List<Thread> threads) throws InterruptedException {
        while (run.goesOn()) {
            LockSupport.parkNanos(LOOK_NANOS);
        }
        long patience = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MILLIS);
        for (Thread thread : threads) {
            thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(patience - System.nanoTime())));
            if (thread.isAlive()) {
                steps.violated(thread.getName() + " does not stop\n" + stacks(threads));
                return false;
            }
        }
        return true;
    }

    private static String stacks(List<Thread> threads) {
        StringBuilder text = new StringBuilder();
        for (Thread thread : threads) {
            text.append(thread.getName()).append(", ").append(thread.getState()).append(", waits at ");
            text.append(LockSupport.getBlocker(thread)).append('\n');
            for (StackTraceElement frame : thread.getStackTrace()) {
                text.append("    at ").append(frame).append('\n');
            }
        }
        return text.toString();
    }

    private void repeat(String name, Actor actor, Random random) {
        attempt(name, () -> {
            while (run.goesOn()) {
                actor.step(random);
                steps.check(true, "");
            }
        });
    }

    private void attempt(String name, Runnable action) {
        try {
            action.run();
        } catch (RuntimeException | AssertionError | StackOverflowError | OutOfMemoryError thrown) {
            StringWriter stack = new StringWriter();
            // Prints into the text of the violation, not to the console.
            thrown.printStackTrace(new PrintWriter(stack));
            steps.violated(name + ": " + stack);
        }
    }

    /**
     * Runs for {@code torture.percent} of {@code torture.seconds} with {@code torture.seed}, or a fresh seed. Ends at
     * the first violation, unless {@code torture.keepGoing} is true. The exit status is 1 if a checker failed or
     * checked too little.
     *
     * @param arguments ignored
     */
    public static void main(String[] arguments) throws InterruptedException {
        long seed = Long.getLong("torture.seed", System.nanoTime());
        Duration time =
                Duration.ofMillis(10 * Long.getLong("torture.seconds", 60) * Long.getLong("torture.percent", 100));
        System.out.printf(Locale.ROOT, "torture of a tree: %d s, -Dtorture.seed=%d%n", time.toSeconds(), seed);
        int failed = new TreeTorture(seed, time, Boolean.getBoolean("torture.keepGoing")).run(time, System.out);
        System.out.flush();
        // Does not return, because an actor that hangs must not keep the process alive.
        System.exit(failed == 0 ? 0 : 1);
    }
}
