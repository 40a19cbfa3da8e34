// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.Cpu;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The speedup of faults on several threads, by workload and contender, compared with the speedup of a perfectly
 * parallel loop in the same run.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar faults --pages 8192 --rounds 15 --threads 1,2 --json FILE}. The
 * threads of a round start together. Preparing the next round is not measured. Contenders and numbers of threads take
 * turns, and a figure is the median over the rounds. The speedup is reported in wall-clock time and in CPU time. CPU
 * time includes neither other load on the machine nor the sleep of a waiting thread.
 */
public final class FaultReport {
    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

    private final int pages;
    private final int rounds;
    private final int[] threads;
    private final List<String> works;
    private final List<String> contenders;
    private final Figures figures;
    private final Map<FaultCell, double[][]> cells = new HashMap<>();

    private FaultReport(String[] words) {
        Arguments arguments = new Arguments(words);
        pages = arguments.count("--pages", 256, 8192);
        rounds = arguments.count("--rounds", 1, 15);
        threads = arguments.counts("--threads", "1,2");
        works = arguments.list("--work", FaultWork.Kind.NAMES, FaultWork.Kind.NAMES);
        contenders = arguments.list("--contender", Contender.NAMES, Contender.NAMES);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(FaultReport.class, words, json);
    }

    private record FaultCell(FaultWork.Kind kind, String contender, int threads) {}

    /** The work of all threads together, per second of wall-clock time and per second of CPU time. */
    private record Rate(double perSecond, double perProcessorSecond) {}

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --work} and {@code --contender}
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new FaultReport(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line(
                "%-13s %-17s %2s %14s %14s %7s %7s %10s",
                "work", "contender", "t", "per second", "ns on a cpu", "gain", "on cpu", "of loop's");
        for (FaultWork.Kind kind : FaultWork.Kind.values()) {
            // The workloads without a space always run, because they are the baseline of the other workloads.
            if (!kind.usesSpace() || works.contains(kind.toString())) {
                measure(kind);
            }
        }
        figures.write();
    }

    private List<String> contendersOf(FaultWork.Kind kind) {
        return kind.usesSpace() ? contenders : List.of(Contender.SAMARA);
    }

    private void measure(FaultWork.Kind kind) throws InterruptedException {
        // Twice as many warm-up rounds come first.
        for (int round = -2 * rounds; round < rounds; round++) {
            for (String contender : contendersOf(kind)) {
                for (int count : threads) {
                    Rate rate = round(new FaultWork(kind, contender, count, pages), count);
                    if (round >= 0) {
                        double[][] kept = cells.computeIfAbsent(
                                new FaultCell(kind, contender, count), unused -> new double[2][rounds]);
                        kept[0][round] = rate.perSecond;
                        kept[1][round] = rate.perProcessorSecond;
                    }
                }
            }
        }
        for (String contender : contendersOf(kind)) {
            for (int count : threads) {
                tell(kind, contender, count);
            }
        }
    }

    private double median(FaultWork.Kind kind, String contender, int count, int which) {
        double[][] kept = cells.get(new FaultCell(kind, contender, count));
        return kept == null ? Double.NaN : Figures.median(kept[which]);
    }

    private void tell(FaultWork.Kind kind, String contender, int count) {
        double perSecond = median(kind, contender, count, 0);
        double perProcessorSecond = median(kind, contender, count, 1);
        double gain = perSecond / median(kind, contender, 1, 0);
        double onProcessor = count * perProcessorSecond / median(kind, contender, 1, 1);
        double loop = median(FaultWork.Kind.LOOP, Contender.SAMARA, count, 1)
                * count
                / median(FaultWork.Kind.LOOP, Contender.SAMARA, 1, 1);
        Figures.line(
                "%-13s %-17s %2d %14.0f %14.1f %7.2f %7.2f %10.2f",
                kind,
                kind.usesSpace() ? contender : "-",
                count,
                perSecond,
                1e9 / perProcessorSecond,
                gain,
                onProcessor,
                onProcessor / loop);
        figures.row(
                "work",
                kind,
                "contender",
                contender,
                "threads",
                count,
                "per_second",
                perSecond,
                "ns_on_a_processor",
                1e9 / perProcessorSecond,
                "gain",
                gain,
                "gain_on_processors",
                onProcessor,
                "of_the_loop_s",
                onProcessor / loop);
    }

    private static Rate round(FaultWork work, int count) throws InterruptedException {
        CyclicBarrier together = new CyclicBarrier(count);
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        List<FaultThread> workers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            workers.add(new FaultThread(work, i, together, failure));
        }
        workers.forEach(Thread::start);
        double perSecond = 0;
        double done = 0;
        double processor = 0;
        for (FaultThread worker : workers) {
            worker.join();
            perSecond += worker.done * 1e9 / worker.nanos;
            done += worker.done;
            processor += worker.processorNanos;
        }
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new IllegalStateException("a thread that was measured has failed", thrown);
        }
        work.validate();
        return new Rate(perSecond, done * 1e9 / processor);
    }

    /** A measuring thread. Its results are read after it ended. */
    private static final class FaultThread extends Thread {
        /**
         * How often the work of a round is repeated. The first repetition creates frames and tables, which the later
         * ones reuse.
         */
        private static final int TIMES = 4;

        private final FaultWork work;
        private final int number;
        private final CyclicBarrier together;
        private final AtomicReference<@Nullable Throwable> failure;
        private long done;
        private long nanos;
        private long processorNanos;

        FaultThread(FaultWork work, int number, CyclicBarrier together, AtomicReference<@Nullable Throwable> failure) {
            super("faulting-" + number);
            this.work = work;
            this.number = number;
            this.together = together;
            this.failure = failure;
        }

        @Override
        public void run() {
            try (Cpu cpu = work.claim()) {
                for (int i = 0; i < TIMES; i++) {
                    together.await();
                    measure(cpu, i > 0);
                    together.await();
                    work.undo(number);
                }
            } catch (BrokenBarrierException othersFailure) {
                failure.compareAndSet(null, othersFailure);
            } catch (Throwable thrown) {
                failure.set(thrown);
                together.reset();
            }
        }

        private void measure(Cpu cpu, boolean counts) {
            long processor = CLOCK.getCurrentThreadCpuTime();
            long began = System.nanoTime();
            long some = work.work(cpu, number);
            if (counts) {
                nanos += System.nanoTime() - began;
                processorNanos += CLOCK.getCurrentThreadCpuTime() - processor;
                done += some;
            }
        }
    }
}
