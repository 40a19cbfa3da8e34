// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * Measures shootdowns: the time of a shootdown, compared with the round trip of a word between two threads; the number
 * of CPUs that shootdowns wait for; and the times of operations that need shootdowns.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar shootdowns --rounds 15 --iterations 5000 --threads 2,8 --json
 * FILE}. Counts are exact with any number of threads. Times are meaningful only if there are no more threads than
 * processors. Round trips of all kinds take turns, and a figure is the median over the rounds. Each workload is run
 * once before it is measured.
 */
public final class ShootdownReport {
    private static final List<String> WORKS =
            List.of("round-trip", "local", "pipeline", "global", "munmap-micro", "tlb-flush", "recycle");

    /** The number of batches of round trips in one round. */
    private static final int BATCHES_PER_ITERATION = 25;

    /** The number of pages in each slice of the table that all threads write. */
    private static final int SLICE = 80;

    private static final int MOST_PAGES = 512;
    private static final int MOST_CORES = 8;

    private final List<String> works;
    private final int rounds;
    private final int iterations;
    private final int[] threads;
    private final int pages;
    private final int frames;
    private final Figures figures;

    private ShootdownReport(String[] words) {
        Arguments arguments = new Arguments(words);
        works = arguments.list("--work", WORKS, WORKS);
        rounds = arguments.count("--rounds", 1, 15);
        iterations = arguments.count("--iterations", 1, 5000);
        threads = arguments.counts("--threads", "2,8");
        pages = arguments.count("--pages", 1, 1);
        frames = arguments.count("--frames", 64, 256) & -64;
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(ShootdownReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --work}, {@code --pages} (of a mapping) and
     *     {@code --frames} (of a pool)
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new ShootdownReport(arguments).run();
    }

    private void run() throws InterruptedException {
        if (works.contains("round-trip")) {
            roundTrips();
        }
        List<MapWork.Kind> kinds = Arrays.stream(MapWork.Kind.values())
                .filter(kind -> works.contains(kind.toString()))
                .toList();
        if (!kinds.isEmpty()) {
            mapbench(kinds);
        }
        if (works.contains("munmap-micro")) {
            micro();
        }
        if (works.contains("tlb-flush")) {
            tlbFlush();
        }
        if (works.contains("recycle")) {
            recycle();
        }
        figures.write();
    }

    private void roundTrips() throws InterruptedException {
        Map<RoundTrips.Peer, List<RoundTrips.Trips>> all = new EnumMap<>(RoundTrips.Peer.class);
        int batches = Math.max(1, iterations / BATCHES_PER_ITERATION);
        // Twice as many warm-up rounds come first.
        for (int round = -2 * rounds; round < rounds; round++) {
            for (RoundTrips.Peer peer : RoundTrips.Peer.values()) {
                RoundTrips.Trips trips = RoundTrips.measure(peer, batches);
                if (round >= 0) {
                    all.computeIfAbsent(peer, unused -> new ArrayList<>()).add(trips);
                }
            }
        }
        Figures.line("round trips of two threads, ns; one by one with a reading of the clock");
        Figures.line("%-10s %10s %10s %12s %8s %8s", "peer", "mean", "ping-pongs", "one by one", "p99", "p99.9");
        double pingPong = median(all, RoundTrips.Peer.PING_PONG);
        all.forEach((peer, trips) -> {
            double mean = median(all, peer);
            Histogram single = new Histogram(3);
            trips.forEach(of -> single.add(of.single()));
            long p50 = single.getValueAtPercentile(50);
            long p99 = single.getValueAtPercentile(99);
            long p999 = single.getValueAtPercentile(99.9);
            Figures.line("%-10s %10.1f %10.2f %12d %8d %8d", peer, mean, mean / pingPong, p50, p99, p999);
            figures.row(
                    "work",
                    "round-trip",
                    "peer",
                    peer,
                    "ns",
                    mean,
                    "ping_pongs",
                    mean / pingPong,
                    "one_by_one_ns",
                    p50,
                    "p99_ns",
                    p99,
                    "p999_ns",
                    p999);
        });
        figures.goal(
                "round trip, peer spinning, in ping-pongs", median(all, RoundTrips.Peer.SPINNING) / pingPong, "<= 2");
        figures.goal(
                "round trip, peer polling every 64 loads, in ping-pongs",
                median(all, RoundTrips.Peer.EVERY_64) / pingPong,
                "<= 6");
    }

    private static double median(Map<RoundTrips.Peer, List<RoundTrips.Trips>> all, RoundTrips.Peer peer) {
        return Figures.median(all.getOrDefault(peer, List.of()).stream()
                .flatMap(trips -> trips.batches().stream())
                .mapToDouble(Double::doubleValue)
                .toArray());
    }

    private void mapbench(List<MapWork.Kind> kinds) throws InterruptedException {
        Figures.line("pages written a second, and the operations that take them away, in us");
        Figures.line(
                "%-9s %3s %-8s %12s %8s %8s %10s %12s %9s %8s",
                "work", "t", "order", "pages/s", "p50", "p99", "operations", "shootdowns/op", "targets/s", "foreign");
        for (MapWork.Kind kind : kinds) {
            for (int count : threads) {
                for (boolean inTurns : new boolean[] {false, true}) {
                    int length = kind == MapWork.Kind.GLOBAL ? SLICE : pages;
                    MapWork.run(kind, count, length, iterations, inTurns);
                    tell(kind, count, inTurns, MapWork.run(kind, count, length, iterations, inTurns));
                }
            }
        }
    }

    private void tell(MapWork.Kind kind, int count, boolean inTurns, MapWork.MapOutcome outcome) {
        CpuThreads.ShootdownCounts counts = outcome.counts();
        double each = (double) counts.shootdowns() / outcome.operations();
        String order = inTurns ? "in turns" : "free";
        Figures.line(
                "%-9s %3d %-8s %12.0f %8.1f %8.1f %10d %12.3f %9.3f %8d",
                kind,
                count,
                order,
                outcome.perSecond(),
                outcome.taking().getValueAtPercentile(50) / 1e3,
                outcome.taking().getValueAtPercentile(99) / 1e3,
                outcome.operations(),
                each,
                counts.perShootdown(),
                counts.foreign());
        figures.row(
                "work",
                kind,
                "threads",
                count,
                "order",
                order,
                "pages_per_second",
                outcome.perSecond(),
                "p50_ns",
                outcome.taking().getValueAtPercentile(50),
                "p99_ns",
                outcome.taking().getValueAtPercentile(99),
                "operations",
                outcome.operations(),
                "shootdowns",
                counts.shootdowns(),
                "targets",
                counts.targets(),
                "foreign_flushes",
                counts.foreign(),
                "whole_flushes",
                counts.wholes());
        String what = kind + ", " + count + " CPUs, " + order + ": ";
        switch (kind) {
            case LOCAL ->
                figures.goal(what + "flushes for others", (double) counts.shootdowns() + counts.foreign(), "0");
            case PIPELINE -> figures.goal(what + "targets of a shootdown", counts.perShootdown(), "1");
            case GLOBAL -> {
                // Only in turns: in the free mode, an operation does not wait for a CPU whose thread is in another
                // operation.
                if (inTurns) {
                    figures.goal(what + "targets of a shootdown", counts.perShootdown(), Integer.toString(count - 1));
                }
            }
        }
    }

    private void micro() throws InterruptedException {
        Figures.line("the first of several CPUs takes away what all have written, us");
        Figures.line(
                "%-9s %5s %5s %9s %9s %9s %14s %9s",
                "operation", "CPUs", "pages", "mean", "p50", "least", "shootdowns/op", "targets/s");
        for (boolean discards : new boolean[] {false, true}) {
            for (int cores = 1; cores <= MOST_CORES; cores++) {
                micro(cores, 1, discards);
            }
            for (int length = 2; length <= MOST_PAGES; length *= 2) {
                micro(2, length, discards);
            }
        }
    }

    private void micro(int cores, int length, boolean discards) throws InterruptedException {
        UnmapWork.micro(cores, length, discards, iterations);
        UnmapWork.Micro told = UnmapWork.micro(cores, length, discards, iterations);
        String operation = discards ? "DONTNEED" : "munmap";
        Histogram taking = told.taking();
        double each = (double) told.counts().shootdowns() / iterations;
        Figures.line(
                "%-9s %5d %5d %9.2f %9.2f %9.2f %14.3f %9.3f",
                operation,
                cores,
                length,
                taking.getMean() / 1e3,
                taking.getValueAtPercentile(50) / 1e3,
                taking.getMinValue() / 1e3,
                each,
                told.counts().perShootdown());
        figures.row(
                "work",
                "munmap-micro",
                "operation",
                operation,
                "cpus",
                cores,
                "pages",
                length,
                "mean_ns",
                taking.getMean(),
                "p50_ns",
                taking.getValueAtPercentile(50),
                "least_ns",
                taking.getMinValue(),
                "shootdowns_per_operation",
                each,
                "targets_per_shootdown",
                told.counts().perShootdown());
    }

    private void tlbFlush() throws InterruptedException {
        Figures.line(
                "tlb_flush2, median ns of a page, with a reading of the clock each; mmap and munmap of %d",
                ReuseWork.PAGES);
        Figures.line(
                "%-8s %8s %8s %8s %8s %8s %15s %9s",
                "setting", "mmap", "write", "DONTNEED", "read 0", "munmap", "shootdowns/page", "targets/s");
        int runs = Math.max(1, iterations / 50);
        for (ReuseWork.Setting setting : ReuseWork.Setting.values()) {
            ReuseWork.flush(setting, runs);
            ReuseWork.Phases told = ReuseWork.flush(setting, runs);
            double each = (double) told.counts().shootdowns() / told.pages();
            Figures.line(
                    "%-8s %8d %8d %8d %8d %8d %15.3f %9.3f",
                    setting,
                    told.mapping().getValueAtPercentile(50),
                    told.writing().getValueAtPercentile(50),
                    told.discarding().getValueAtPercentile(50),
                    told.reading().getValueAtPercentile(50),
                    told.unmapping().getValueAtPercentile(50),
                    each,
                    told.counts().perShootdown());
            figures.row(
                    "work",
                    "tlb-flush",
                    "setting",
                    setting,
                    "mmap_ns",
                    told.mapping().getValueAtPercentile(50),
                    "write_ns",
                    told.writing().getValueAtPercentile(50),
                    "discard_ns",
                    told.discarding().getValueAtPercentile(50),
                    "read_ns",
                    told.reading().getValueAtPercentile(50),
                    "munmap_ns",
                    told.unmapping().getValueAtPercentile(50),
                    "shootdowns_per_page",
                    each,
                    "targets_per_shootdown",
                    told.counts().perShootdown());
        }
    }

    private void recycle() throws InterruptedException {
        Figures.line("%d frames go round in one space, us; per page that was evicted", frames);
        Figures.line(
                "%-7s %6s %12s %12s %14s %9s",
                "read by", "batch", "eviction p50", "refault p50", "shootdowns/page", "targets/s");
        int laps = Math.max(2, iterations / 100);
        for (boolean isRead : new boolean[] {false, true}) {
            for (int batch : new int[] {1, 16, 64}) {
                ReuseWork.recycle(frames, batch, isRead, laps);
                ReuseWork.Recycled told = ReuseWork.recycle(frames, batch, isRead, laps);
                double each = (double) told.counts().shootdowns() / told.recycled();
                String by = isRead ? "another" : "nobody";
                Figures.line(
                        "%-7s %6d %12.2f %12.2f %14.4f %9.3f",
                        by,
                        batch,
                        told.evicting().getValueAtPercentile(50) / 1e3,
                        told.refaulting().getValueAtPercentile(50) / 1e3,
                        each,
                        told.counts().perShootdown());
                figures.row(
                        "work",
                        "recycle",
                        "read_by",
                        by,
                        "batch",
                        batch,
                        "eviction_ns",
                        told.evicting().getValueAtPercentile(50),
                        "refault_ns",
                        told.refaulting().getValueAtPercentile(50),
                        "shootdowns_per_page",
                        each,
                        "targets_per_shootdown",
                        told.counts().perShootdown());
            }
        }
    }
}
