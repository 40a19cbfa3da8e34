// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.profile;

import dev.samara.core.interleave.pair.PairsRun;
import dev.samara.core.interleave.sweep.Failures;
import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.ProfilePart;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Runs the parts of the profile one after another, each for its share of the time. */
final class InterleaveRun {
    private static final String PREFIX = "interleave.";
    private static final long PROGRESS_SECONDS = 60;

    /**
     * A part and its share.
     *
     * @param percent the share of the whole time, in percent
     */
    record Share(ProfilePart part, int percent) {}

    private final List<Share> shares;
    private final long seconds;
    private final Deadline deadline;
    private final PrintStream out;

    private volatile ProfilePart current;

    /**
     * Creates a run.
     *
     * @param shares the parts; the last part gets the rest of the time
     */
    InterleaveRun(List<Share> shares, long seconds, PrintStream out) {
        this.shares = List.copyOf(shares);
        this.seconds = seconds;
        this.out = out;
        deadline = Deadline.after(TimeUnit.SECONDS.toNanos(seconds));
        current = shares.get(0).part();
    }

    /** Runs all parts; returns whether nothing failed. */
    boolean run() throws InterruptedException {
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
        ScheduledFuture<?> lines =
                clock.scheduleAtFixedRate(this::progress, PROGRESS_SECONDS, PROGRESS_SECONDS, TimeUnit.SECONDS);
        try {
            for (int i = 0; i < shares.size(); i++) {
                Share share = shares.get(i);
                boolean isLast = i == shares.size() - 1;
                current = share.part();
                current.run(isLast ? deadline : deadline.within(nanos(share)), out);
            }
        } finally {
            lines.cancel(false);
            clock.shutdown();
        }
        int passed = 0;
        int failed = 0;
        for (Share share : shares) {
            ProfilePart part = share.part();
            out.println((part.isComplete() ? "complete: " : "not complete: ") + part.progress());
            passed += part.passed();
            failed += part.failed();
        }
        out.println(passed + " passed, " + failed + " failed");
        return failed == 0;
    }

    private long nanos(Share share) {
        return TimeUnit.SECONDS.toNanos(seconds) / 100 * share.percent();
    }

    private void progress() {
        long run = seconds - TimeUnit.NANOSECONDS.toSeconds(deadline.nanos());
        out.println(String.format(Locale.ROOT, "%d of %d s, %s", run, seconds, current.progress()));
    }

    private static String property(String name) {
        return Objects.requireNonNull(System.getProperty(PREFIX + name), PREFIX + name);
    }

    private static int number(String name) {
        return Integer.parseInt(property(name));
    }

    public static void main(String[] arguments) throws InterruptedException {
        long seed = Long.parseLong(property("seed"));
        long order = Long.parseLong(property("order"));
        List<Share> shares = new ArrayList<>();
        shares.add(new Share(new Failures(seed, number("failure.first"), new Random(order)), number("failures")));
        shares.removeIf(share -> share.percent() == 0);
        shares.add(new Share(
                new PairsRun(
                        property("set"),
                        property("only"),
                        new PairsRun.Schedules(property("preemptions"), number("schedules"), seed),
                        number("threads"),
                        new Random(order)),
                0));
        boolean isRight = new InterleaveRun(shares, number("seconds"), System.out).run();
        System.exit(isRight ? 0 : 1);
    }
}
