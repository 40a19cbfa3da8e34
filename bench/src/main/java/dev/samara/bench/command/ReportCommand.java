// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import dev.samara.bench.FootprintReport;
import dev.samara.bench.contention.ContentionReport;
import dev.samara.bench.contention.FaultReport;
import dev.samara.bench.contention.ForkBesideReport;
import dev.samara.bench.contention.ManyMappingsReport;
import dev.samara.bench.contention.SleepingFaults;
import dev.samara.bench.interpreter.InterpreterBenchmark;
import dev.samara.bench.interpreter.OwnTlbReport;
import dev.samara.bench.memory.FilesReport;
import dev.samara.bench.memory.ForkReport;
import dev.samara.bench.shootdown.ShootdownReport;
import dev.samara.bench.store.LuceneReport;
import dev.samara.bench.store.StoresReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A program that measures without JMH.
 *
 * @param word its name
 * @param about the line that {@code list} prints
 * @param program the program
 * @param quick its arguments in {@code quick}
 * @param full its arguments in {@code full}
 */
record ReportCommand(String word, String about, Program program, String quick, String full) {
    static final List<ReportCommand> ALL = List.of(
            new ReportCommand(
                    "footprint",
                    "bytes for each range, by index and number of ranges",
                    FootprintReport::main,
                    "--ranges 30,1000,100000",
                    "--ranges 30,1000,100000"),
            new ReportCommand(
                    "contention",
                    "lookups and operations per second and their percentiles, all contenders in one run",
                    ContentionReport::main,
                    "--seconds 0.1 --rounds 1 --threads 1,2",
                    "--seconds 0.5 --rounds 5 --threads 1,2"),
            new ReportCommand(
                    "faults",
                    "what threads that fault in one space gain by being several, all contenders in one run",
                    FaultReport::main,
                    "--pages 1024 --rounds 1",
                    "--pages 4096 --rounds 7 --threads 1,2"),
            new ReportCommand(
                    "sleeping-faults",
                    "munmap beside hundreds of faults that wait for a disk",
                    SleepingFaults::main,
                    // Without the stamped lock, whose writer would wait for minutes.
                    "--faults 50 --delay 5 --seconds 0.3 --contender samara,rwlock-whole,rwlock-downgrade",
                    "--faults 500 --delay 50 --seconds 3 --contender samara,rwlock-whole,rwlock-downgrade"),
            new ReportCommand(
                    "files",
                    "reads and writes of a file of the host under a limit of memory, beside FileChannel and its map",
                    FilesReport::main,
                    "--mib 8 --limit 4 --rounds 1 --picks 1000",
                    "--mib 1024 --limit 64 --rounds 5 --threads 1,4"),
            new ReportCommand(
                    "stores",
                    "the key-value store of the examples beside MVStore: reads, updates with checkpoints, scans",
                    StoresReport::main,
                    "--keys 20000 --limit 4 --rounds 1 --reads 10000 --updates 2000 --every 200",
                    "--keys 200000,1000000 --limit 64 --rounds 5"),
            new ReportCommand(
                    "lucene",
                    "an index of Lucene in the directory of the examples beside Lucene's own directories",
                    LuceneReport::main,
                    "--documents 1000 --queries 100 --rounds 1",
                    "--documents 100000 --queries 3000 --rounds 5"),
            new ReportCommand(
                    "fork",
                    "forks of 134 to 65,530 mappings, and how long a store waits for a fork or a checkpoint",
                    ForkReport::main,
                    "--rounds 3 --mib 16 --checkpoints 100",
                    "--rounds 60 --mib 16,1024"),
            new ReportCommand(
                    "fork-beside",
                    "forks beside a thread that maps and unmaps in the parent, all contenders in one run",
                    ForkBesideReport::main,
                    "--vmas 134,65530 --rounds 3",
                    "--vmas 134,65530 --rounds 5"),
            new ReportCommand(
                    "many-mappings",
                    "single calls over 15,000 and 60,000 mappings, and how long another thread waits for the lock",
                    ManyMappingsReport::main,
                    "--vmas 300 --rounds 1",
                    "--vmas 15000,60000 --rounds 3"),
            new ReportCommand(
                    "shootdowns",
                    "round trips of shootdowns, how many CPUs they wait for, and the operations that need them",
                    ShootdownReport::main,
                    "--rounds 1 --iterations 500",
                    "--rounds 9 --iterations 5000 --threads 2"),
            new ReportCommand(
                    "interpreter",
                    "guest instructions a microsecond of a RISC-V interpreter and a translator: on an array, a page"
                            + " table made by hand, and a CPU",
                    InterpreterBenchmark::main,
                    "--seconds 0.2 --work sieve",
                    "--seconds 0.8 --work sieve,matrix,quicksort"),
            new ReportCommand(
                    "own-tlb",
                    "an emulator with a TLB of its own, whose indexes are of a space, an array or a buffer",
                    OwnTlbReport::main,
                    "--seconds 0.2 --rounds 1 --work sieve,random8m",
                    "--seconds 0.8 --rounds 5"));

    interface Program {
        void run(String[] words) throws InterruptedException;
    }

    static @Nullable ReportCommand named(String word) {
        return ALL.stream()
                .filter(report -> report.word.equals(word))
                .findFirst()
                .orElse(null);
    }

    void run(List<String> words) throws InterruptedException {
        program.run(words.toArray(String[]::new));
    }

    /**
     * Runs the program as a part of {@code quick} or {@code full}.
     *
     * @param length whether the run is {@code quick} or {@code full}
     * @param file receives the figures
     */
    void run(Selection.Length length, Path file) throws InterruptedException {
        List<String> words = new ArrayList<>(List.of((length == Selection.Length.QUICK ? quick : full).split(" ")));
        words.add("--json");
        words.add(file.toString());
        run(words);
    }
}
