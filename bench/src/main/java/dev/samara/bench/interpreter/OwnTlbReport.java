// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import java.util.List;

/**
 * Measures what a space costs an emulator that uses its own TLB, like the RISC-V board Sedna. The TLB's entries contain
 * indexes into the bytes of the guest's physical memory. The physical memory is a space (whose indexes {@code
 * FlatMemory.translate} returns), one array, or one buffer outside the heap. The interpreter, the guest's page tables
 * and the TLB are the same code in all cases. An access to the array needs fewer checks than an access to the buffer or
 * to the region of a space, so only the comparison with the buffer isolates the cost of the space.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar own-tlb --seconds 0.8 --rounds 5 --json FILE}. The memories take
 * turns, each time in a new JVM. A figure is guest instructions per microsecond of CPU time, as in the report {@code
 * interpreter}; the medians over the rounds are compared. A row of the file contains {@code work}, {@code memory},
 * {@code round} and {@code mips}, or a goal with the time on the space divided by the time on the array or the buffer.
 * The sieve, the matrix product, quicksort and the random accesses in 64 KiB hit the TLB of 1,024 entries; the random
 * accesses in 8 and 128 MiB mostly miss it.
 */
public final class OwnTlbReport {
    private static final List<String> HITTING = List.of("sieve", "matrix", "quicksort", "random64k");
    private static final List<String> WORKS =
            List.of("sieve", "matrix", "quicksort", "random64k", "random8m", "random128m");
    private static final List<String> MEMORIES = List.of("own-array", "own-buffer", "own-space");

    private final List<String> works;
    private final double seconds;
    private final int rounds;
    private final Figures figures;

    private OwnTlbReport(String[] words) {
        Arguments arguments = new Arguments(words);
        works = arguments.list("--work", WORKS, WORKS);
        seconds = arguments.number("--seconds", 0.8);
        rounds = arguments.count("--rounds", 1, 5);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(OwnTlbReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment; {@code --work} selects programs
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new OwnTlbReport(arguments).run();
    }

    private void run() throws InterruptedException {
        for (String work : works) {
            double[][] mips = new double[MEMORIES.size()][rounds];
            for (int round = 0; round < rounds; round++) {
                for (int i = 0; i < MEMORIES.size(); i++) {
                    mips[i][round] = measure(work, MEMORIES.get(i), round);
                }
            }
            String goal = HITTING.contains(work) ? "<= 1.05" : "<= 1.3";
            double onSpace = Figures.median(mips[2]);
            for (int i = 0; i < 2; i++) {
                figures.goal(
                        work + ", own-space: time by that of " + MEMORIES.get(i),
                        Figures.median(mips[i]) / onSpace,
                        goal);
            }
        }
        figures.write();
    }

    private double measure(String work, String memory, int round) throws InterruptedException {
        String printed = InterpreterBenchmark.measuredApart("interpreter", work, memory, seconds);
        double mips = Double.parseDouble(printed.split(" ", 2)[0]);
        Figures.line("%-12s %-10s %10.1f million instructions per second", work, memory, mips);
        figures.row("work", work, "memory", memory, "round", round, "mips", mips);
        return mips;
    }
}
