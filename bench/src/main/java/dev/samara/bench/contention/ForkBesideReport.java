// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Mman.READ;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Forks concurrently with a thread that maps and unmaps in the parent. Measures how long a fork takes, and how long the
 * thread waits.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar fork-beside --vmas 134,1000,65530 --rounds 15 --json FILE}. A rival
 * holds its lock exclusively during the whole fork, as Linux does. The child changes its layout once; closing it is not
 * measured. All times are wall-clock times, and a figure is the median over the rounds, except for the longest wait.
 */
public final class ForkBesideReport {
    private static final long PAIRS_ALONE = 200_000;

    private final int[] sizes;
    private final int rounds;
    private final List<String> contenders;
    private final Figures figures;

    private ForkBesideReport(String[] words) {
        Arguments arguments = new Arguments(words);
        sizes = arguments.counts("--vmas", "134,1000,65530");
        rounds = arguments.count("--rounds", 1, 15);
        contenders = arguments.list("--contender", Contender.NAMES, Contender.NAMES);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(ForkBesideReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --contender}
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new ForkBesideReport(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line(
                "%7s %-17s %12s %14s %16s %12s %16s %12s",
                "VMAs",
                "contender",
                "fork us",
                "first map us",
                "pairs per second",
                "longest us",
                "alone",
                "longest us");
        for (int vmas : sizes) {
            for (String contender : contenders) {
                measure(vmas, contender);
            }
        }
        figures.write();
    }

    private void measure(int vmas, String name) throws InterruptedException {
        AddressSpace space = Ground.prepare(vmas);
        Contender contender = Contender.named(name, space);
        double[] forks = new double[rounds];
        double[] changes = new double[rounds];
        // Warm-up rounds.
        for (int round = 0; round < 2 * rounds; round++) {
            contender.fork().close();
        }
        Mapper alone = new Mapper(contender, PAIRS_ALONE);
        alone.start();
        alone.join();
        Mapper mapper = new Mapper(contender, Long.MAX_VALUE);
        mapper.start();
        for (int round = 0; round < rounds; round++) {
            long began = System.nanoTime();
            AddressSpace child = contender.fork();
            long forked = System.nanoTime();
            Ground.done(child.mmap(Ground.own(1), Ground.LENGTH, READ, Ground.HERE, null, 0));
            changes[round] = System.nanoTime() - forked;
            forks[round] = forked - began;
            child.validate();
            child.close();
        }
        mapper.end();
        alone.end();
        space.validate();
        space.close();
        double fork = Figures.median(forks);
        double change = Figures.median(changes);
        Figures.line(
                "%7d %-17s %12.1f %14.1f %16.0f %12.1f %16.0f %12.1f",
                vmas,
                name,
                fork / 1e3,
                change / 1e3,
                mapper.perSecond(),
                mapper.longest / 1e3,
                alone.perSecond(),
                alone.longest / 1e3);
        figures.row(
                "vmas",
                vmas,
                "contender",
                name,
                "fork_ns",
                fork,
                "first_map_ns",
                change,
                "pairs_per_second",
                mapper.perSecond(),
                "longest_ns",
                mapper.longest,
                "alone_pairs_per_second",
                alone.perSecond(),
                "alone_longest_ns",
                alone.longest);
    }

    /** Maps and unmaps in the parent, a given number of times or until it is stopped. */
    private static final class Mapper extends Thread {
        private final Contender contender;
        private final long most;
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile boolean over;

        /** Read after the thread ended. */
        private long pairs;

        private long nanos;
        private long longest;

        Mapper(Contender contender, long most) {
            super("mapper");
            this.most = most;
            this.contender = contender;
        }

        @Override
        public void run() {
            long own = Ground.own(0);
            try {
                long began = System.nanoTime();
                while (!over && pairs < most) {
                    long before = System.nanoTime();
                    Ground.done(contender.mmap(own, Ground.LENGTH, READ, Ground.HERE, null));
                    Ground.done(contender.munmap(own, Ground.LENGTH));
                    longest = Math.max(longest, System.nanoTime() - before);
                    pairs++;
                }
                nanos = System.nanoTime() - began;
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }

        void end() throws InterruptedException {
            over = true;
            join();
            Throwable thrown = failure.get();
            if (thrown != null) {
                throw new IllegalStateException("the thread beside has failed", thrown);
            }
        }

        double perSecond() {
            return pairs * 1e9 / nanos;
        }
    }
}
