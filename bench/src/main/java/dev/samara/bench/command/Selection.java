// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import dev.samara.bench.ThreadTime;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * JMH benchmarks whose results are written to one file.
 *
 * @param file the name of the file, without its extension; several selections may have the same file
 * @param benchmarks a regular expression for the names of the benchmarks, without their packages
 * @param quick the values of some parameters in {@code quick}; all other parameters take all of their values
 * @param full the values of some parameters in {@code full}
 * @param threads the number of measuring threads, or 1 if the benchmark uses groups
 */
record Selection(String file, String benchmarks, Map<String, String> quick, Map<String, String> full, int threads) {
    private static final String LOCAL = "WorkloadBenchmark.local";

    /** A large template, of which a run writes little. */
    private static final Map<String, String> LARGE = Map.of("mappings", "16", "present", "65536", "written", "10");

    static final List<Selection> ALL = List.of(
            new Selection(
                    "lookups",
                    "LookupBenchmark.get",
                    Map.of("ranges", "1000,100000", "pattern", "random", "index", Indices.COMPARED),
                    Map.of("pattern", "random", "index", Indices.COMPARED)),
            new Selection(
                    "lookups-collected",
                    "LookupBenchmark.get",
                    Map.of("ranges", "1000", "pattern", "random", "index", Indices.BOTH_ARRAYS, "heap", "collected"),
                    Map.of("pattern", "random", "index", Indices.BOTH_ARRAYS, "heap", "collected")),
            new Selection(
                    "lookup-patterns",
                    "LookupBenchmark.get",
                    Map.of("ranges", "1000", "pattern", Indices.PATTERNS, "index", Indices.READERS),
                    Map.of("ranges", "1000,100000", "pattern", Indices.PATTERNS, "index", Indices.READERS)),
            new Selection(
                    "compared-lookups",
                    "LookupBenchmark.get",
                    Map.of("ranges", "1000", "pattern", "random", "index", Indices.OF_LIBRARIES),
                    Map.of("ranges", Indices.SIZES, "pattern", "random", "index", Indices.OF_LIBRARIES)),
            // Among 1,000,000 ranges, these structures take tens of microseconds per lookup, and minutes to fill.
            new Selection(
                    "compared-lookups",
                    "LookupBenchmark.get",
                    Map.of("ranges", "1000", "pattern", "random", "index", Indices.SLOW),
                    Map.of("ranges", "30,1000,100000", "pattern", "random", "index", Indices.SLOW)),
            new Selection(
                    "compared-uses",
                    "LookupBenchmark.use",
                    Map.of("ranges", "1000", "pattern", "random", "index", Indices.USED),
                    Map.of("ranges", "1000,100000,1000000", "pattern", "random", "index", Indices.USED)),
            new Selection(
                    "compared-updates",
                    "UpdateBenchmark.eraseAndStore",
                    Map.of("ranges", "1000", "index", Indices.CHANGED),
                    Map.of("ranges", "1000,100000", "index", Indices.CHANGED)),
            new Selection("batches", "BatchBenchmark", Map.of("ranges", "1000"), Map.of()),
            new Selection(
                    "updates",
                    "UpdateBenchmark.(eraseAndStore|storeAndErase|grow|growAndKeep)",
                    Map.of("ranges", "1000", "index", Indices.EDITED),
                    Map.of("ranges", "1000,100000", "index", Indices.EDITED)),
            new Selection(
                    "gaps",
                    "GapBenchmark",
                    Map.of("ranges", "1000", "free", "10"),
                    Map.of("free", "10", "index", "samara,treemap-rwlock")),
            new Selection(
                    "snapshots",
                    "SnapshotBenchmark",
                    Map.of("ranges", "1000"),
                    Map.of("index", "samara", "changes", "0,1")),
            new Selection(
                    "scans",
                    "IterateBenchmark",
                    Map.of("ranges", "1000"),
                    Map.of("ranges", "1000,100000", "index", "samara,samara-snapshot,skiplist")),
            new Selection(
                    "beside-writer",
                    "MixedBenchmark",
                    Map.of("ranges", "1000", "index", Indices.EDITED),
                    Map.of("ranges", "1000,100000", "index", Indices.EDITED)),
            new Selection("references", "VmaRefBenchmark", Map.of("vmas", "1000"), Map.of()),
            new Selection("operations", "OperationBenchmark", Map.of("vmas", "1000"), Map.of("vmas", "1000")),
            new Selection("page-faults", "FaultBenchmark", Map.of("where", "random"), Map.of()),
            new Selection("walks", "WalkBenchmark", Map.of("loads", "true"), Map.of()),
            new Selection(
                    "guest-accesses",
                    "GuestAccessBenchmark.(hit|store|plainLoad|plainStore)",
                    Map.of("pages", "64"),
                    Map.of("pages", "64")),
            new Selection("tlb-misses", "TlbMissBenchmark", Map.of(), Map.of()),
            new Selection("switches", "SwitchBenchmark", Map.of(), Map.of()),
            new Selection("resets", "ResetBenchmark", Map.of("mappings", "16"), Map.of()),
            new Selection("resets", "ResetBenchmark", LARGE, LARGE),
            new Selection(
                    "checkpoints", "CheckpointBenchmark", Map.of("mib", "16", "vmas", "10", "pages", "10"), Map.of()),
            new Selection("images", "ImageBenchmark", Map.of("mib", "16", "increments", "0,10", "span", "4"), Map.of()),
            new Selection("local-one-thread", LOCAL, Map.of(), Map.of(), 1),
            new Selection("local-two-threads", LOCAL, Map.of(), Map.of(), 2));

    private Selection(String file, String benchmarks, Map<String, String> quick, Map<String, String> full) {
        this(file, benchmarks, quick, full, 1);
    }

    /** Names of structures, as values of the parameter {@code index}. */
    private static final class Indices {
        static final String COMPARED = "samara,samara-snapshot,skiplist,treemap-rwlock,cow-array";
        static final String EDITED = "samara,skiplist,treemap-rwlock,cow-array";
        static final String BOTH_ARRAYS = "samara,cow-array,cow-array-generic";
        static final String READERS = "samara,samara-reader,cow-array";
        static final String SIZES = "30,1000,100000,1000000";
        static final String OF_LIBRARIES = "samara,skiplist,treemap-rwlock,guava-rwlock,guava-immutable,"
                + "fastutil-rwlock,cow-array,cow-array-generic";
        static final String SLOW = "interval-tree-rwlock";
        static final String USED = "samara,skiplist,cow-array,cow-array-generic";
        static final String CHANGED =
                "samara,skiplist,treemap-rwlock,guava-rwlock,fastutil-rwlock,interval-tree-rwlock,cow-array";
        static final String PATTERNS = "local,sequential,dependent";

        private Indices() {}
    }

    /** The lengths of a JMH run. */
    enum Length {
        QUICK(1, 2, 300, 3, 200),
        FULL(2, 2, 500, 4, 300);

        private final int forks;
        private final int warmups;
        private final int warmupMillis;
        private final int measurements;
        private final int millis;

        Length(int forks, int warmups, int warmupMillis, int measurements, int millis) {
            this.forks = forks;
            this.warmups = warmups;
            this.warmupMillis = warmupMillis;
            this.measurements = measurements;
            this.millis = millis;
        }
    }

    Options options(Length length) {
        Map<String, String> parameters = length == Length.QUICK ? quick : full;
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("\\." + benchmarks + "\\b")
                .forks(length.forks)
                .warmupIterations(length.warmups)
                .warmupTime(TimeValue.milliseconds(length.warmupMillis))
                .measurementIterations(length.measurements)
                .measurementTime(TimeValue.milliseconds(length.millis))
                .addProfiler(ThreadTime.class)
                .shouldFailOnError(true);
        if (threads > 1) {
            options.threads(threads);
        }
        if (length == Length.FULL && benchmarks.equals(LOCAL)) {
            // It takes some seconds until the space is divided into districts and their code is compiled.
            options.warmupIterations(7)
                    .warmupTime(TimeValue.seconds(1))
                    .measurementIterations(5)
                    .measurementTime(TimeValue.seconds(1));
        }
        if (length == Length.FULL && file.equals("beside-writer")) {
            // For the first two seconds, the JIT compiler occupies a processor that the two threads need.
            options.warmupIterations(6);
        }
        parameters.forEach((name, values) -> options.param(name, values.split(",")));
        if (file.endsWith("updates") || file.equals("page-faults")) {
            options.addProfiler(GCProfiler.class);
        }
        return options.build();
    }
}
