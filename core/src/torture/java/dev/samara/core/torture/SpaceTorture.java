// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;

/**
 * Actors that change one space, and actors that observe it.
 *
 * <p>To add an actor, write a class that implements {@link Actor}, with its own area from {@link TortureSpace}, and add
 * a line to the constructor below. To add a rule, create a {@link #checker}, and pass it to the actors that check the
 * rule.
 */
public final class SpaceTorture extends Torture {
    private static final int USERS = 3;
    private static final String INTERRUPTIBLE = "user-";

    /** The pause of an actor that would otherwise disturb all other actors. */
    private static final long PAUSE_NANOS = 50_000;

    /** The lowest address that a caller without privileges may map. */
    private static final long LOWEST = 0x10000;

    private final TortureSpace setup;
    private final List<ContendedRange> ranges = new ArrayList<>();
    private final List<ContendedRangeUser> users = new ArrayList<>();
    private final List<SpaceTeardown> teardowns = new ArrayList<>();
    private final ChangeFollower follower;
    private final List<Thread> interruptible = new CopyOnWriteArrayList<>();
    private final OpenCountingBacking.Tally openOrClosed;

    /**
     * Creates a space with its actors, without starting them.
     *
     * @param seed the seed of the threads' random choices
     * @param keepsGoing whether the run continues after a violation
     */
    SpaceTorture(long seed, boolean keepsGoing) {
        super(seed, keepsGoing, "");
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

        CallsBesideHeldOperation besideHeld =
                new CallsBesideHeldOperation(checker("I5 no call waits for a range that it does not name"));
        actors.put("held-operation", besideHeld);
        teardowns.add(new SpaceTeardown(besideHeld.space, LOWEST, TortureSpace.GEOMETRY.limit()));

        OpenCountingBacking.Tally tally = new OpenCountingBacking.Tally(
                checker("I8 one close for each open"), checker("I8 open while referenced, and until complete"));
        openOrClosed = tally;
        ReferencedPage referenced = new ReferencedPage(setup, tally);
        actors.put("referenced-page", referenced);
        actors.put("referenced-page-holder", referenced.holder());
        ContendedRange plain = range(false, checker("I4 no early reuse"), tally);
        range(true, checker("I4 early reuse, nothing served before"), tally);
        follower = new ChangeFollower(plain.space, checker("I6 changes told are the changes"));
        Checker valid = checker("I6 valid while operations are in flight");
        actors.put("validator", sparing(random -> {
            for (ContendedRange range : ranges) {
                range.space.validate();
            }
            setup.space.validate();
            valid.check(true, "");
        }));
        actors.put(
                "interrupter",
                sparing(random ->
                        interruptible.get(random.nextInt(interruptible.size())).interrupt()));
    }

    private ContendedRange range(boolean early, Checker holes, OpenCountingBacking.Tally tally) {
        ContendedRange range = new ContendedRange(early, seed + ranges.size(), holes, tally, calls);
        ranges.add(range);
        teardowns.add(new SpaceTeardown(range.space, ContendedRange.START, ContendedRange.END));
        for (int n = 0; n < USERS; n++) {
            ContendedRangeUser user = new ContendedRangeUser(range, 1 + n, calls);
            users.add(user);
            actors.put((early ? "early-" : "") + INTERRUPTIBLE + n, user);
        }
        return range;
    }

    /**
     * Returns an actor with pauses: without them, an observer would take the processors from the actors that it
     * observes.
     */
    private static Actor sparing(Actor actor) {
        return random -> {
            actor.step(random);
            LockSupport.parkNanos(PAUSE_NANOS);
        };
    }

    @Override
    void started(String name, Thread thread) {
        if (name.contains(INTERRUPTIBLE)) {
            interruptible.add(thread);
        }
    }

    @Override
    String facts(Duration time) {
        return "";
    }

    @Override
    void close() throws InterruptedException {
        for (ContendedRange range : ranges) {
            range.close();
        }
        for (ContendedRangeUser user : users) {
            user.releaseAll();
        }
        for (SpaceTeardown teardown : teardowns) {
            teardown.close(leaks);
        }
        follower.finish();
        long opens = openOrClosed.opens.sum();
        long closes = openOrClosed.closes.sum();
        leaks.check(opens == closes, opens + " opens, " + closes + " closes");
        int held = ranges.get(0).machine.outstandingReferences().size();
        leaks.check(held == 0, held + " references that are not released");
    }

    /**
     * Runs the torture as system properties specify: {@link Torture#main}.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) throws InterruptedException {
        main("a space", SpaceTorture::new);
    }
}
