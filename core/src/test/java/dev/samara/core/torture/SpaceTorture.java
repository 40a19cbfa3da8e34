// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;

/**
 * Actors that change one space and actors that watch it, each on a thread of its own, for a set time. The seed decides
 * what each thread does, not how they interleave: a seed that failed is likely, not sure, to fail again.
 *
 * <p>To add an actor: a class that implements {@link Actor}, with an area of its own from {@link TortureSpace}, and a
 * line in the constructor below. To add a rule: {@link #checker}, handed to the actors that check it.
 */
public final class SpaceTorture {
    private static final int TENANTS = 3;
    private static final String INTERRUPTIBLE = "tenant-";

    /** Between two things that everybody would feel if they came one after the other. */
    private static final long PAUSE_NANOS = 50_000;

    /** What may be mapped by who has no privileges. */
    private static final long LOWEST = 0x10000;

    private final long seed;
    private final TortureRun run;
    private final TortureSpace setup;
    private final List<ContendedRange> windows = new ArrayList<>();
    private final List<ContendedRangeUser> tenants = new ArrayList<>();
    private final List<SpaceTeardown> teardowns = new ArrayList<>();
    private final ChangeFollower follower;
    private final List<Checker> checkers = new ArrayList<>();
    private final Map<String, Actor> actors = new LinkedHashMap<>();
    private final List<Thread> interruptible = new CopyOnWriteArrayList<>();
    private final OpenCountingBacking.Tally openOrClosed;
    private final Checker calls;
    private final Checker progress;
    private final Checker leaks;

    /**
     * A space with its actors, not yet started.
     *
     * @param seed what the threads' random choices begin with
     * @param keepsGoing whether it goes on after a violation
     */
    SpaceTorture(long seed, boolean keepsGoing) {
        this.seed = seed;
        run = new TortureRun(seed, keepsGoing);
        calls = checker("I10 every step ends without an exception");
        progress = checker("I5 every step makes progress");
        leaks = checker("I8 nothing is left after close");
        setup = new TortureSpace(seed, run);
        Checker layout = checker("I6 layout atomic");
        Checker holes = checker("I6 no hole where something is replaced");
        Checker forks = checker("I6 fork copies one instant");

        ReplacedRange replacing = new ReplacedRange(setup);
        actors.put("replacing", replacing);
        actors.put("replacing-finder", sparing(replacing.finder(holes)));
        actors.put("replacing-walker", sparing(replacing.walker(layout)));
        actors.put("replacing-accessor", sparing(replacing.accessor(holes)));
        MovedMapping moving = new MovedMapping(setup);
        actors.put("moving", moving);
        actors.put("moving-watcher", sparing(moving.watcher(layout)));
        actors.put("moving-forker", moving.forker(forks, leaks));
        RecordedVersions versions = new RecordedVersions(setup);
        actors.put("versions", versions);
        actors.put(
                "versions-watcher", sparing(versions.watcher(checker("I6 a snapshot is the layout of one instant"))));
        actors.put("noise-1", new RandomCalls(setup));
        actors.put("noise-2", new RandomCalls(setup));
        teardowns.add(new SpaceTeardown(setup.space, LOWEST, TortureSpace.GEOMETRY.limit()));

        CallsBesideHeldOperation unnamed =
                new CallsBesideHeldOperation(checker("I5 nobody waits for a range that he does not name"));
        actors.put("unnamed", unnamed);
        teardowns.add(new SpaceTeardown(unnamed.space, LOWEST, TortureSpace.GEOMETRY.limit()));

        OpenCountingBacking.Tally tally = new OpenCountingBacking.Tally(
                checker("I8 one close for each open"), checker("I8 open while kept, and until complete"));
        openOrClosed = tally;
        ReferencedPage keeping = new ReferencedPage(setup, tally);
        actors.put("keeping", keeping);
        actors.put("keeping-keeper", keeping.keeper());
        ContendedRange plain = window(false, checker("I4 no early reuse"), tally);
        window(true, checker("I4 early reuse, nothing served before"), tally);
        follower = new ChangeFollower(plain.space, checker("I6 changes told are the changes"));
        Checker valid = checker("I6 valid while others are in transit");
        actors.put("validator", sparing(random -> {
            for (ContendedRange window : windows) {
                window.space.validate();
            }
            setup.space.validate();
            valid.check(true, "");
        }));
        actors.put(
                "interrupter",
                sparing(random ->
                        interruptible.get(random.nextInt(interruptible.size())).interrupt()));
    }

    private ContendedRange window(boolean early, Checker holes, OpenCountingBacking.Tally tally) {
        ContendedRange window = new ContendedRange(early, seed + windows.size(), holes, tally, calls);
        windows.add(window);
        teardowns.add(new SpaceTeardown(window.space, ContendedRange.START, ContendedRange.END));
        for (int n = 0; n < TENANTS; n++) {
            ContendedRangeUser tenant = new ContendedRangeUser(window, 1 + n, calls);
            tenants.add(tenant);
            actors.put((early ? "early-" : "") + INTERRUPTIBLE + n, tenant);
        }
        return window;
    }

    /** One that looks on without a pause would take the processors from those it looks at. */
    private static Actor sparing(Actor actor) {
        return random -> {
            actor.step(random);
            LockSupport.parkNanos(PAUSE_NANOS);
        };
    }

    private Checker checker(String rule) {
        Checker checker = new Checker(rule, run);
        checkers.add(checker);
        return checker;
    }

    /**
     * Runs everything and reports.
     *
     * @param out takes a line for each checker, and last {@code N passed, N failed}
     * @return the number of checkers that failed
     */
    int run(Duration time, PrintStream out) throws InterruptedException {
        run.begin(time);
        try (WatchedThreads threads = new WatchedThreads(run, calls, progress, WatchedThreads.PATIENCE)) {
            List<Runnable> starts = new ArrayList<>();
            actors.forEach((name, actor) -> {
                Random random = new Random(seed + 0x9E3779B97F4A7C15L * starts.size());
                starts.add(() -> {
                    Thread thread = threads.start(name, () -> repeat(actor, random));
                    if (name.contains(INTERRUPTIBLE)) {
                        interruptible.add(thread);
                    }
                });
            });
            starts.forEach(Runnable::run);
            threads.watch();
            // A thread that still runs may hold the lock that closing needs; and what is broken does not close.
            if (threads.awaitEnd() && !run.isBroken()) {
                threads.start("closer", this::close);
                threads.awaitEnd();
            }
        }
        return Checker.print(checkers, "", out);
    }

    private void repeat(Actor actor, Random random) {
        while (run.goesOn()) {
            actor.step(random);
            calls.check(true, "");
        }
    }

    private void close() {
        try {
            for (ContendedRange window : windows) {
                window.close();
            }
            for (ContendedRangeUser tenant : tenants) {
                tenant.releaseAll();
            }
            for (SpaceTeardown teardown : teardowns) {
                teardown.close(leaks);
            }
            follower.finish();
            long opens = openOrClosed.opens.sum();
            long closes = openOrClosed.closes.sum();
            leaks.check(opens == closes, opens + " opens, " + closes + " closes");
            int kept = windows.get(0).machine.outstandingKeeps().size();
            leaks.check(kept == 0, kept + " keeps that nobody has released");
        } catch (InterruptedException | RuntimeException | AssertionError thrown) {
            leaks.violated(thrown + " at " + List.of(thrown.getStackTrace()));
        }
    }

    /**
     * Runs for {@code torture.percent} of {@code torture.seconds} with {@code torture.seed}, or a fresh seed. Ends
     * at the first violation, unless {@code torture.keepGoing} is true. The status is 1 if a checker failed, or never
     * checked anything.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) throws InterruptedException {
        long seed = Long.getLong("torture.seed", System.nanoTime());
        long millis = 10 * Long.getLong("torture.seconds", 60) * Long.getLong("torture.percent", 100);
        System.out.printf("torture of a space: %d s, -Dtorture.seed=%d%n", millis / 1000, seed);
        int failed = new SpaceTorture(seed, Boolean.getBoolean("torture.keepGoing"))
                .run(Duration.ofMillis(millis), System.out);
        System.out.flush();
        // Not by returning: an actor that hangs must not keep the process.
        System.exit(failed == 0 ? 0 : 1);
    }
}
