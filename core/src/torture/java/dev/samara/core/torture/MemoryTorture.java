// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.SpaceReference;
import dev.samara.core.fixture.PageContents;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads, each with a CPU, that store to memory and remove it, on a machine with few frames. The owner of a page knows
 * its expected content ({@link OwnedPages}); the frames detect forbidden states ({@link WatchedFrames}).
 */
public final class MemoryTorture extends Torture {
    private static final int HOLDERS = 4;

    /** The number of actors that act at the same time, and for how long. */
    private static final int CAST = 6;

    private static final long SCENE_NANOS = 10_000_000;
    private static final long PAUSE_NANOS = 200_000;

    private final AtomicLong stage = new AtomicLong();
    private final TortureMachine setup;
    private final List<PageOwner> holders = new ArrayList<>();
    private final PrivateCounters counting;
    private final ResizedFile shrinking;
    private final PinningDevice pinning;
    private final ClosingSpaces closing;
    private final LentSpaces lent;
    private final ReapedSpaces reaped;
    private final LeftSpaces left;
    private final ShortMachine shortMachine;
    private final EndedSpaces ended = new EndedSpaces();
    private final AccessesBesideHeldOperation besideHeld;
    private final List<UnreliableFile> unreliable = new ArrayList<>();
    private final List<UnreliableFile.Mapper> mappers = new ArrayList<>();

    /** Sets of actors that use the same pages, as bits of their numbers. */
    private final List<Long> ensembles = new ArrayList<>();

    private final Checker strength;
    private final AtomicBoolean over = new AtomicBoolean();
    private final Thread partner;

    /**
     * Creates a machine with its actors, without starting them.
     *
     * @param seed the seed of the threads' random choices
     * @param keepsGoing whether the run continues after a violation
     * @param choices the machine's settings for CPUs that leave a space
     */
    MemoryTorture(long seed, boolean keepsGoing, LifetimeChoices choices) {
        super(seed, keepsGoing, choices.toString());
        strength = checkerAtTheEnd("the run is strong enough");
        setup = new TortureMachine(
                run, choices, checker("I1 one translation"), checker("I3 no frame is freed under an access"));
        Checker contents = checker("no stale, foreign or lost byte");
        Checker rights = checker("I2 no access after return");
        Checker forks = checker("a child has its parent's pages of one instant");
        List<OwnedPages> areas = new ArrayList<>();
        for (int n = 0; n < HOLDERS; n++) {
            PageOwner holder =
                    new PageOwner(setup, 1 + n, n % 4 == 3, areas, new PageOwner.Judges(contents, forks, leaks));
            areas.add(holder.area);
            holders.add(holder);
            actors.put("holder-" + n, holder);
        }
        GrowingMemory.Heap heap = new GrowingMemory.Heap(setup, 0x11, contents);
        GrowingMemory.Stack stack = new GrowingMemory.Stack(setup, 0x12, contents);
        areas.add(heap.area);
        areas.add(stack.area);
        ensemble(
                Map.entry("heap", heap),
                Map.entry("stack", stack),
                Map.entry("foreign-access-1", new ForeignAccesses(setup, areas, contents, rights)),
                Map.entry("foreign-access-2", new ForeignAccesses(setup, areas, contents, rights)));
        Checker sums = checker("no addition is lost");
        counting = new PrivateCounters(setup, sums, rights, forks, leaks);
        ensemble(
                Map.entry("adder-1", counting.adder()),
                Map.entry("adder-2", counting.adder()),
                Map.entry("changer", counting.changer()),
                Map.entry("forker", counting.forker()));
        shrinking = new ResizedFile(setup, 0x77, new Checker[] {contents, rights, forks, leaks});
        ensemble(
                Map.entry("resizer", shrinking.resizer()),
                Map.entry("mapper-shared", shrinking.new Mapper(true)),
                Map.entry("mapper-private", shrinking.new Mapper(false)),
                Map.entry("mapper-private-2", shrinking.new Mapper(false)));
        for (int n = 0; n < 3; n++) {
            CounterPage single = new CounterPage(setup, n, n != 0, sums, rights);
            ensemble(
                    Map.entry("taker-" + n, single),
                    Map.entry("adder-a-" + n, single.adder()),
                    Map.entry("adder-b-" + n, single.adder()));
        }
        Checker pins = checker("a pinned frame keeps its content");
        pinning = new PinningDevice(setup, 0x21, pins, forks);
        ensemble(Map.entry("device", pinning), Map.entry("roaming-device", PinningDevice.roaming(setup, areas, pins)));
        closing = new ClosingSpaces(setup, 0x51, contents);
        ensemble(
                Map.entry("closer-1", closing.closer()),
                Map.entry("closer-2", closing.closer()),
                Map.entry("user-of-closed", closing.user()),
                Map.entry("unmapper", closing.unmapper()),
                Map.entry("cutter", closing.cutter()));
        Checker lifetimes = checker("a space has users, or ends once and for all");
        lent = new LentSpaces(setup, contents, lifetimes, ended);
        ensemble(
                Map.entry("lender", lent.lender()),
                Map.entry("borrower-1", lent.borrower(0)),
                Map.entry("borrower-2", lent.borrower(1)),
                Map.entry("borrower-3", lent.borrower(2)));
        Checker reaps = checker("a reap takes pages for ever, and only those");
        reaped = new ReapedSpaces(setup, contents, reaps, ended);
        ensemble(
                Map.entry("reaper-1", reaped.reaper()),
                Map.entry("reaper-2", reaped.reaper()),
                Map.entry("user-of-reaped-1", reaped.user(0)),
                Map.entry("user-of-reaped-2", reaped.user(1)),
                Map.entry("locker", reaped.locker()));
        shortMachine = new ShortMachine(setup, run, choices, new ShortMachine.Judges(contents, reaps, ended));
        ensemble(
                Map.entry("needy-1", shortMachine.needy()),
                Map.entry("needy-2", shortMachine.needy()),
                Map.entry("needy-3", shortMachine.needy()),
                Map.entry("spared", shortMachine.spared()));
        left = new LeftSpaces(setup, contents, lifetimes, ended);
        ensemble(
                Map.entry("ender", left.ender()),
                Map.entry("leaver-1", left.leaver(0)),
                Map.entry("leaver-2", left.leaver(1)),
                Map.entry("leaver-3", left.leaver(2)),
                Map.entry("caller", left.caller()),
                Map.entry("deserter", left.deserter()));
        Checker noWait = checker("I5 no access waits for an operation that does not name its page");
        besideHeld = new AccessesBesideHeldOperation(setup, noWait);
        actors.put("held-operation", besideHeld);
        for (int n = 0; n < 3; n++) {
            UnreliableFile file = new UnreliableFile(setup, 0x31 + n, n == 2);
            unreliable.add(file);
            UnreliableFile.Mapper mapper = file.new Mapper(n != 0, contents, rights, noWait);
            mappers.add(mapper);
            actors.put("unreliable-" + n, mapper);
        }
        Checker valid = checker("I6 valid while operations are in flight");
        actors.put("observer", random -> {
            for (long at = TortureMachine.base(); at < setup.end(); at += TortureSpace.PAGE) {
                if (PageContents.isBusy(setup.space, at)) {
                    setup.events.count("busy entries seen");
                    if (PageContents.isCopied(setup.space, at)) {
                        setup.events.count("busy entries seen to be copied");
                    }
                }
            }
            LockSupport.parkNanos(PAUSE_NANOS / 4);
            if (random.nextInt(64) == 0) {
                setup.space.validate();
                valid.check(true, "");
            }
        });
        setup.events.count("copies", setup.frames().copies);
        setup.events.count("times without a frame", setup.refused);
        ask();
        partner = UnreliableFile.partner(mappers, seed, calls, over::get);
    }

    @SafeVarargs
    private void ensemble(Map.Entry<String, Actor>... cast) {
        ensembles.add(((1L << cast.length) - 1) << actors.size());
        for (Map.Entry<String, Actor> actor : cast) {
            actors.put(actor.getKey(), actor.getValue());
        }
    }

    /** Requires the counts that a run must reach per minute: a small fraction of the usual counts on two processors. */
    private void ask() {
        EventCounts events = setup.events;
        actors.keySet().forEach(name -> events.ask(name, 40));
        PageOwner.KINDS.forEach(kind -> events.ask(kind, 2));
        events.ask("copies", 1000);
        events.ask("times without a frame", 50);
        events.ask("busy entries seen", 500);
        events.ask("busy entries seen to be copied", 250);
        events.ask("faults blocked in their backing", 50);
        events.ask("faults held in their backing", 10);
        events.ask("operations held in flight", 10);
        events.ask("pages taken from under adders", 150);
        events.ask("pins held over an unmapping", 5);
        events.ask("pinned pages forked", 3);
        events.ask("unreliable pages mapped", 500);
        events.ask("unreliable pages refused", 100);
        events.ask("spaces closed beside use", 100);
        events.ask("heap grown", 20);
        events.ask("heap cut", 20);
        events.ask("stack unmapped", 10);
        events.ask("stretches in GUEST", 200);
        events.ask("stretches in LAZY", 50);
        events.ask("additions in one step", 1000);
        askLifetimes(events);
    }

    private static void askLifetimes(EventCounts events) {
        events.ask("lent spaces closed", 100);
        events.ask("borrowers without users", 100);
        events.ask("borrowers asked to end the borrow", 50);
        events.ask("borrows refused after the end", 20);
        events.ask("pages of borrowers replaced", 15);
        events.ask("spaces reaped", 100);
        events.ask("pages found gone after a reap", 300);
        events.ask("pages locked beside a reap", 10);
        events.ask("spaces reaped for a frame", 20);
        events.ask("faults beside a reap for a frame", 5);
        events.ask("spaces closed beside LAZY CPUs", 100);
        events.ask("CPUs in LAZY beyond the end", 5);
        events.ask("CPUs offline from LAZY", 20);
        events.ask("CPUs of ended threads", 50);
        events.ask("ways back from LAZY", 50);
        events.ask("ways back refused", 5);
        events.ask("execs", 40);
        events.ask("calls beside the end", 50);
        events.ask("calls after the end", 5);
        events.ask("accesses refused without a space", 500);
    }

    @Override
    boolean isEnough(Duration time) {
        return setup.events.areEnough(time) && super.isEnough(time);
    }

    @Override
    void begin() {
        partner.start();
    }

    @Override
    void end() {
        over.set(true);
    }

    @Override
    String facts(Duration time) {
        if (!run.isBroken()) {
            setup.events.judge(time, strength);
        }
        return "met: " + setup.events;
    }

    /**
     * Lets only a few actors act at a time, and changes them often, because a thread that is preempted in a reader
     * section delays all threads that remove pages.
     */
    @Override
    void direct() {
        Random random = new Random(~seed);
        while (!run.isOver()) {
            long cast = random.nextBoolean() ? 0 : ensembles.get(random.nextInt(ensembles.size()));
            while (Long.bitCount(cast) < CAST) {
                cast |= 1L << random.nextInt(actors.size());
            }
            stage.set(cast);
            LockSupport.parkNanos(SCENE_NANOS);
        }
    }

    @Override
    void repeat(String name, int number, Actor actor, Random random) {
        try {
            while (run.goesOn()) {
                if ((stage.get() >>> number & 1) == 0) {
                    LockSupport.parkNanos(PAUSE_NANOS);
                } else {
                    step(actor, random);
                    setup.events.count(name);
                }
            }
        } finally {
            setup.leave();
        }
    }

    @Override
    void close() throws InterruptedException {
        partner.join();
        counting.finish();
        holders.forEach(PageOwner::finish);
        pinning.finish();
        besideHeld.finish();
        closing.finish();
        lent.finish();
        reaped.finish();
        left.finish();
        shortMachine.finish(leaks);
        setup.leave();
        setup.space.validate();
        setup.space.close();
        setup.machine.awaitQuiescence();
        shrinking.file.close();
        unreliable.forEach(UnreliableFile::end);
        int tables = TortureMachine.tablesLeft(setup.space);
        leaks.check(tables == 0, tables + " page tables are left");
        long frames = setup.machine.statistics().framesInUse();
        leaks.check(frames == 0, frames + " frames are in use after the last space is closed");
        leaks.check(setup.machine.committed() == 0, "memory is still promised");
        ended.judge(leaks);
        List<SpaceReference> references = setup.machine.references();
        leaks.check(references.isEmpty(), "references are left: " + references);
    }

    /**
     * Runs the torture as system properties specify: {@link Torture#main}.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) throws InterruptedException {
        String lazy = System.getProperty(LifetimeChoices.LAZY, "");
        main("memory", (seed, keepsGoing) -> new MemoryTorture(seed, keepsGoing, LifetimeChoices.of(seed, lazy)));
    }
}
