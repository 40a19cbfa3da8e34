// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.PagesOf;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads with a CPU each that store into memory and take it away, over few frames, for a set time. What a page must be is
 * known to its owner ({@link Plot}), what no access may meet to the frames ({@link WatchedFrames}). The seed decides what each thread
 * does, not how they interleave.
 */
public final class MemoryTorture {
    /** Far beyond any step: a thread that has not stopped by then waits for something that will not come. */
    private static final long PATIENCE_MILLIS = 60_000;

    private static final Duration LONG = Duration.ofSeconds(10);

    private static final int HOLDERS = 4;

    /** How many act at a time, at most, and how long. */
    private static final int CAST = 5;

    private static final long SCENE_NANOS = 10_000_000;
    private static final long PAUSE_NANOS = 200_000;

    private final long seed;
    private final AtomicLong stage = new AtomicLong();
    private final MemoryGround ground;
    private final List<Checker> checkers = new ArrayList<>();
    private final Map<String, Actor> actors = new LinkedHashMap<>();
    private final List<Holder> holders = new ArrayList<>();
    private final Counting counting;
    private final Shrinking shrinking;
    private final LongAdder transits = new LongAdder();
    private final LongAdder copying = new LongAdder();
    private final Checker calls = checker("I10 every step ends without an exception");
    private final Checker leaks = checker("I8 nothing is left after close");
    private final Checker met = checker("the run is strong enough");

    /**
     * A machine with its actors, not yet started.
     *
     * @param seed what the threads' random choices begin with
     */
    MemoryTorture(long seed) {
        this.seed = seed;
        ground = new MemoryGround(seed, checker("I1 one translation"), checker("I3 no frame is freed under an access"));
        Checker contents = checker("no stale, foreign or lost byte");
        Checker rights = checker("I2 no access after return");
        Checker forks = checker("a child has its parent's pages of one instant");
        List<Plot> plots = new ArrayList<>();
        for (int n = 0; n < HOLDERS; n++) {
            Holder holder = new Holder(ground, 1 + n, n % 4 == 3, plots, new Holder.Judges(contents, forks, leaks));
            plots.add(holder.plot);
            holders.add(holder);
            actors.put("holder-" + n, holder);
        }
        actors.put("passer-1", new Passer(ground, plots, contents, rights));
        actors.put("passer-2", new Passer(ground, plots, contents, rights));
        counting = new Counting(ground, checker("no addition is lost"), rights, forks, leaks);
        actors.put("adder-1", counting.adder());
        actors.put("adder-2", counting.adder());
        actors.put("changer", counting.changer());
        actors.put("forker", counting.forker());
        shrinking = new Shrinking(ground, 0x77, new Checker[] {contents, rights, forks, leaks});
        actors.put("resizer", shrinking.resizer());
        actors.put("mapper-shared", shrinking.new Mapper(true));
        actors.put("mapper-private", shrinking.new Mapper(false));
        actors.put("mapper-private-2", shrinking.new Mapper(false));
        Checker valid = checker("I6 valid while others are in transit");
        actors.put("observer", random -> {
            for (long at = MemoryGround.base(); at < ground.end(); at += Ground.PAGE) {
                if (PagesOf.isInTransit(ground.space, at)) {
                    transits.increment();
                    if (PagesOf.isCopied(ground.space, at)) {
                        copying.increment();
                    }
                }
            }
            LockSupport.parkNanos(PAUSE_NANOS / 4);
            if (random.nextInt(64) == 0) {
                ground.space.validate();
                valid.check(true, "");
            }
        });
    }

    private Checker checker(String rule) {
        Checker checker = new Checker(rule);
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
        long deadline = System.nanoTime() + time.toNanos();
        List<Thread> threads = new ArrayList<>();
        actors.forEach((name, actor) -> {
            Random random = new Random(seed + 0x9E3779B97F4A7C15L * threads.size());
            long place = 1L << threads.size();
            Thread thread = new Thread(() -> repeat(name, actor, random, place, deadline), name);
            thread.setDaemon(true);
            threads.add(thread);
        });
        threads.forEach(Thread::start);
        direct(deadline);
        boolean stopped = haveStopped(threads, deadline + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MILLIS));
        if (stopped) {
            Thread closer = new Thread(this::close, "closer");
            closer.setDaemon(true);
            closer.start();
            haveStopped(List.of(closer), System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MILLIS));
        }
        out.println("met: " + ground.frames().copies + " copies, " + ground.refused + " times no frame, " + transits
                + " entries in transit, of which " + copying + " to be copied");
        judgeStrength(time);
        int failed = 0;
        for (Checker checker : checkers) {
            out.println(checker.line());
            failed += checker.passed() ? 0 : 1;
        }
        out.println(checkers.size() - failed + " passed, " + failed + " failed");
        return failed;
    }

    /** A run that is too short to meet everything is not blamed for it. */
    private void judgeStrength(Duration time) {
        boolean isLong = time.compareTo(LONG) >= 0;
        met.check(!isLong || ground.frames().copies.sum() > 0, "no page was copied");
        met.check(!isLong || ground.refused.sum() > 0, "there was always a frame");
        met.check(!isLong || transits.sum() > 0, "no entry was in transit");
        met.check(!isLong || copying.sum() > 0, "no entry was seen in transit to be copied");
    }

    /** Few at a time, and always others: whoever is preempted in a section has everybody wait who takes pages away. */
    private void direct(long deadline) {
        Random random = new Random(~seed);
        while (System.nanoTime() - deadline < 0) {
            long cast = 0;
            for (int n = 0; n < CAST; n++) {
                cast |= 1L << random.nextInt(actors.size());
            }
            stage.set(cast);
            LockSupport.parkNanos(SCENE_NANOS);
        }
    }

    private boolean haveStopped(List<Thread> threads, long patience) throws InterruptedException {
        boolean stopped = true;
        for (Thread thread : threads) {
            thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(patience - System.nanoTime())));
            if (thread.isAlive()) {
                stopped = false;
                calls.violated(thread.getName() + " does not stop, it is at " + List.of(thread.getStackTrace()));
            }
        }
        return stopped;
    }

    private void repeat(String name, Actor actor, Random random, long place, long deadline) {
        try {
            while (System.nanoTime() - deadline < 0) {
                if ((stage.get() & place) == 0) {
                    LockSupport.parkNanos(PAUSE_NANOS);
                } else {
                    actor.step(random);
                    calls.check(true, "");
                }
            }
        } catch (RuntimeException | AssertionError | StackOverflowError | OutOfMemoryError thrown) {
            calls.violated(name + ": " + thrown + " at " + List.of(thrown.getStackTrace()));
        } finally {
            ground.leave();
        }
    }

    private void close() {
        try {
            counting.finish();
            holders.forEach(Holder::finish);
            ground.space.validate();
            ground.space.close();
            ground.machine.awaitQuiescence();
            shrinking.file.close();
            int tables = PagesOf.tables(ground.space);
            leaks.check(tables == 0, tables + " page tables are left");
            long frames = ground.machine.framesInUse(Ground.GEOMETRY);
            leaks.check(frames == 0, frames + " frames are in use after the last space is closed");
            leaks.check(ground.machine.committed() == 0, "memory is still promised");
        } catch (InterruptedException | RuntimeException | AssertionError thrown) {
            leaks.violated(thrown + " at " + List.of(thrown.getStackTrace()));
        }
    }

    /**
     * Runs for {@code torture.percent} of {@code torture.seconds} with {@code torture.seed}, or a fresh seed; the status
     * is 1 if a checker failed, or never checked anything.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) throws InterruptedException {
        long seed = Long.getLong("torture.seed", System.nanoTime());
        long millis = 10 * Long.getLong("torture.seconds", 60) * Long.getLong("torture.percent", 100);
        System.out.printf("torture of memory: %d s, -Dtorture.seed=%d%n", millis / 1000, seed);
        int failed = new MemoryTorture(seed).run(Duration.ofMillis(millis), System.out);
        System.out.flush();
        // Not by returning: an actor that hangs must not keep the process.
        System.exit(failed == 0 ? 0 : 1);
    }
}
