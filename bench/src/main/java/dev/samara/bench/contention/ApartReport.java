// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Measures what sharing costs two threads that each map, write and unmap a page in their own range: in one space, in
 * two spaces, and in two machines, all in one JVM. The last case is the upper bound, set by the JVM and its heap.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar apart --seconds 1 --rounds 7}. The cases take turns. The figures
 * are medians of rounds per second.
 */
public final class ApartReport {
    private static final long MEMORY = 1L << 28;

    /** The number of warm-up rounds, during which the code is compiled. */
    private static final int WARM = 3;

    /** What the threads share. */
    private enum Case {
        ONE_THREAD,
        SAME_SPACE,
        TWO_SPACES,
        TWO_MACHINES
    }

    private final int rounds;
    private final double seconds;
    private final Figures figures;
    private final List<Machine> machines = List.of(machine(), machine());
    private final AddressSpace space = machines.get(0).newSpace(Geometry.LINUX_X86_64);
    private final AddressSpace other = machines.get(0).newSpace(Geometry.LINUX_X86_64);
    private final AddressSpace foreign = machines.get(1).newSpace(Geometry.LINUX_X86_64);
    private final ExecutorService threads = Executors.newFixedThreadPool(2);
    private volatile boolean over;

    private ApartReport(String[] words) {
        Arguments arguments = new Arguments(words);
        rounds = arguments.count("--rounds", 1, 7);
        seconds = arguments.number("--seconds", 1);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(ApartReport.class, words, json);
    }

    private static Machine machine() {
        return Machine.builder().memory(MEMORY).build();
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     * @throws InterruptedException if the thread is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new ApartReport(arguments).run();
    }

    private void run() throws InterruptedException {
        double[][] perSecond = new double[Case.values().length][rounds];
        for (int round = -WARM; round < rounds; round++) {
            int at = 0;
            for (Case kind : Case.values()) {
                double measured = measure(kind);
                if (round >= 0) {
                    perSecond[at][round] = measured;
                }
                at++;
            }
        }
        threads.shutdown();
        List.of(space, other, foreign).forEach(AddressSpace::close);
        machines.forEach(Machine::close);
        double one = Figures.median(perSecond[0]);
        int at = 0;
        for (Case kind : Case.values()) {
            double median = Figures.median(perSecond[at++]);
            Figures.line("%-14s %9.0f rounds per second, %.2f of one thread", kind, median, median / one);
            figures.row("case", kind, "rounds", median, "ratio", median / one);
        }
        figures.write();
    }

    private double measure(Case kind) throws InterruptedException {
        List<AddressSpace> spaces = new ArrayList<>(List.of(space));
        switch (kind) {
            case SAME_SPACE -> spaces.add(space);
            case TWO_SPACES -> spaces.add(other);
            case TWO_MACHINES -> spaces.add(foreign);
            default -> {}
        }
        over = false;
        CyclicBarrier begun = new CyclicBarrier(spaces.size());
        List<Future<Double>> running = new ArrayList<>();
        for (int i = 0; i < spaces.size(); i++) {
            AddressSpace of = spaces.get(i);
            long own = Ground.own(i);
            running.add(threads.submit(() -> work(of, own, begun)));
        }
        // The duration of the measurement, not a wait for a condition.
        Thread.sleep((long) (seconds * 1000));
        over = true;
        double sum = 0;
        for (Future<Double> one : running) {
            try {
                sum += one.get();
            } catch (ExecutionException failed) {
                throw new IllegalStateException(failed);
            }
        }
        return sum;
    }

    /** Returns one thread's rounds per second. */
    private double work(AddressSpace of, long own, CyclicBarrier begun) throws Exception {
        long page = own + 2 * Ground.PAGE;
        long count = 0;
        try (Cpu cpu = of.machine().claimCpu()) {
            cpu.switchTo(of);
            Ground.done(of.mmap(own, Ground.PAGE, READ | WRITE, Ground.HERE, null, 0));
            begun.await();
            long began = System.nanoTime();
            while (!over) {
                Ground.done(of.mmap(page, Ground.PAGE, READ | WRITE, Ground.HERE, null, 0));
                cpu.memory().store(page, 8, page);
                Ground.done(of.munmap(page, Ground.PAGE));
                count++;
            }
            return count * 1e9 / (System.nanoTime() - began);
        }
    }
}
