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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads with a CPU each that store into memory and take it away, over few frames, for a set time. What a page must be
 * is known to its owner ({@link Plot}), what no access may meet to the frames ({@link WatchedFrames}). The seed decides
 * what each thread does, not how they interleave.
 */
public final class MemoryTorture {
    private static final int HOLDERS = 4;

    /** How many act at a time, at most, and how long. */
    private static final int CAST = 6;

    private static final long SCENE_NANOS = 10_000_000;
    private static final long PAUSE_NANOS = 200_000;

    private final long seed;
    private final Course course;
    private final AtomicLong stage = new AtomicLong();
    private final MemoryGround ground;
    private final List<Checker> checkers = new ArrayList<>();
    private final Map<String, Actor> actors = new LinkedHashMap<>();
    private final List<Holder> holders = new ArrayList<>();
    private final Counting counting;
    private final Shrinking shrinking;
    private final Pinning pinning;
    private final Closing closing;
    private final Unhindered unhindered;
    private final List<Unreliable> unreliable = new ArrayList<>();
    private final List<Unreliable.Mapper> mappers = new ArrayList<>();

    /** Those who meet at the same pages, by their places. */
    private final List<Long> ensembles = new ArrayList<>();

    private final Checker calls;
    private final Checker progress;
    private final Checker leaks;
    private final Checker strength;

    /**
     * A machine with its actors, not yet started.
     *
     * @param seed what the threads' random choices begin with
     * @param keepsGoing whether it goes on after a violation
     */
    MemoryTorture(long seed, boolean keepsGoing) {
        this.seed = seed;
        course = new Course(seed, keepsGoing);
        calls = checker("I10 every step ends without an exception");
        progress = checker("I5 every step makes progress");
        leaks = checker("I8 nothing is left after close");
        strength = checker("the run is strong enough");
        ground = new MemoryGround(
                course, checker("I1 one translation"), checker("I3 no frame is freed under an access"));
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
        Growing.Heap heap = new Growing.Heap(ground, 0x11, contents);
        Growing.Stack stack = new Growing.Stack(ground, 0x12, contents);
        plots.add(heap.plot);
        plots.add(stack.plot);
        ensemble(
                Map.entry("heap", heap),
                Map.entry("stack", stack),
                Map.entry("passer-1", new Passer(ground, plots, contents, rights)),
                Map.entry("passer-2", new Passer(ground, plots, contents, rights)));
        Checker sums = checker("no addition is lost");
        counting = new Counting(ground, sums, rights, forks, leaks);
        ensemble(
                Map.entry("adder-1", counting.adder()),
                Map.entry("adder-2", counting.adder()),
                Map.entry("changer", counting.changer()),
                Map.entry("forker", counting.forker()));
        shrinking = new Shrinking(ground, 0x77, new Checker[] {contents, rights, forks, leaks});
        ensemble(
                Map.entry("resizer", shrinking.resizer()),
                Map.entry("mapper-shared", shrinking.new Mapper(true)),
                Map.entry("mapper-private", shrinking.new Mapper(false)),
                Map.entry("mapper-private-2", shrinking.new Mapper(false)));
        for (int n = 0; n < 3; n++) {
            Single single = new Single(ground, n, n != 0, sums, rights);
            ensemble(
                    Map.entry("taker-" + n, single),
                    Map.entry("adder-a-" + n, single.adder()),
                    Map.entry("adder-b-" + n, single.adder()));
        }
        Checker pins = checker("a pinned frame keeps its content");
        pinning = new Pinning(ground, 0x21, pins, forks);
        ensemble(Map.entry("device", pinning), Map.entry("roaming-device", Pinning.roaming(ground, plots, pins)));
        closing = new Closing(ground, 0x51, contents);
        ensemble(
                Map.entry("closer-1", closing.closer()),
                Map.entry("closer-2", closing.closer()),
                Map.entry("user-of-closed", closing.user()),
                Map.entry("unmapper", closing.unmapper()),
                Map.entry("cutter", closing.cutter()));
        Checker unhindered = checker("I5 nobody waits for what he does not name");
        this.unhindered = new Unhindered(ground, unhindered);
        actors.put("unhindered", this.unhindered);
        for (int n = 0; n < 3; n++) {
            Unreliable file = new Unreliable(ground, 0x31 + n, n == 2);
            unreliable.add(file);
            Unreliable.Mapper mapper = file.new Mapper(n != 0, contents, rights, unhindered);
            mappers.add(mapper);
            actors.put("unreliable-" + n, mapper);
        }
        Checker valid = checker("I6 valid while others are in transit");
        actors.put("observer", random -> {
            for (long at = MemoryGround.base(); at < ground.end(); at += Ground.PAGE) {
                if (PagesOf.isBusy(ground.space, at)) {
                    ground.met.count("busy entries seen");
                    if (PagesOf.isCopied(ground.space, at)) {
                        ground.met.count("entries seen to be copied");
                    }
                }
            }
            LockSupport.parkNanos(PAUSE_NANOS / 4);
            if (random.nextInt(64) == 0) {
                ground.space.validate();
                valid.check(true, "");
            }
        });
        ask();
    }

    @SafeVarargs
    private void ensemble(Map.Entry<String, Actor>... cast) {
        ensembles.add(((1L << cast.length) - 1) << actors.size());
        for (Map.Entry<String, Actor> actor : cast) {
            actors.put(actor.getKey(), actor.getValue());
        }
    }

    /** What a run must have met in a minute: a small part of what it does on two processors. */
    private void ask() {
        Met met = ground.met;
        actors.keySet().forEach(name -> met.ask(name, 40));
        Holder.KINDS.forEach(kind -> met.ask(kind, 2));
        met.ask("copies", 1000);
        met.ask("times without a frame", 50);
        met.ask("busy entries seen", 500);
        met.ask("entries seen to be copied", 250);
        met.ask("faults blocked in their backing", 50);
        met.ask("faults held in their backing", 10);
        met.ask("operations held in transit", 10);
        met.ask("pages taken from under adders", 150);
        met.ask("pins held over an unmapping", 5);
        met.ask("pinned pages forked", 3);
        met.ask("unreliable pages mapped", 500);
        met.ask("unreliable pages refused", 100);
        met.ask("spaces closed beside use", 100);
        met.ask("heap grown", 20);
        met.ask("heap cut", 20);
        met.ask("stack unmapped", 10);
        met.ask("stretches in GUEST", 200);
        met.ask("stretches in LAZY", 50);
        met.ask("additions by a handle", 1000);
    }

    private Checker checker(String rule) {
        Checker checker = new Checker(rule, course);
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
        course.begin(time);
        AtomicBoolean over = new AtomicBoolean();
        try (Crew crew = new Crew(course, calls, progress, Crew.PATIENCE)) {
            Thread partner = Unreliable.partner(mappers, seed, calls, over::get);
            partner.start();
            List<Runnable> starts = new ArrayList<>();
            actors.forEach((name, actor) -> {
                Random random = new Random(seed + 0x9E3779B97F4A7C15L * starts.size());
                long place = 1L << starts.size();
                starts.add(() -> crew.start(name, () -> repeat(name, actor, random, place)));
            });
            starts.forEach(Runnable::run);
            crew.watch();
            direct();
            boolean stopped = crew.awaitEnd();
            over.set(true);
            if (stopped && !course.isBroken()) {
                crew.start("closer", () -> close(partner));
                crew.awaitEnd();
            }
        }
        ground.met.count("copies", ground.frames().copies.sum());
        ground.met.count("times without a frame", ground.refused.sum());
        if (!course.isBroken()) {
            ground.met.judge(time, strength);
        }
        return Checker.print(checkers, "met: " + ground.met, out);
    }

    /** Few at a time, and always others: whoever is preempted in a section has everybody wait who takes pages away. */
    private void direct() {
        Random random = new Random(~seed);
        while (!course.isOver()) {
            long cast = random.nextBoolean() ? 0 : ensembles.get(random.nextInt(ensembles.size()));
            while (Long.bitCount(cast) < CAST) {
                cast |= 1L << random.nextInt(actors.size());
            }
            stage.set(cast);
            LockSupport.parkNanos(SCENE_NANOS);
        }
    }

    private void repeat(String name, Actor actor, Random random, long place) {
        try {
            while (course.goesOn()) {
                if ((stage.get() & place) == 0) {
                    LockSupport.parkNanos(PAUSE_NANOS);
                } else {
                    actor.step(random);
                    calls.check(true, "");
                    ground.met.count(name);
                }
            }
        } finally {
            ground.leave();
        }
    }

    private void close(Thread partner) {
        try {
            partner.join();
            counting.finish();
            holders.forEach(Holder::finish);
            pinning.finish();
            unhindered.finish();
            closing.finish();
            ground.space.validate();
            ground.space.close();
            ground.machine.awaitQuiescence();
            shrinking.file.close();
            unreliable.forEach(Unreliable::end);
            int tables = MemoryGround.tablesLeft(ground.space);
            leaks.check(tables == 0, tables + " page tables are left");
            long frames = ground.machine.framesInUse(Ground.GEOMETRY);
            leaks.check(frames == 0, frames + " frames are in use after the last space is closed");
            leaks.check(ground.machine.committed() == 0, "memory is still promised");
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
        System.out.printf("torture of memory: %d s, -Dtorture.seed=%d%n", millis / 1000, seed);
        int failed = new MemoryTorture(seed, Boolean.getBoolean("torture.keepGoing"))
                .run(Duration.ofMillis(millis), System.out);
        System.out.flush();
        // Not by returning: an actor that hangs must not keep the process.
        System.exit(failed == 0 ? 0 : 1);
    }
}
