// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import com.sun.management.OperatingSystemMXBean;
import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/**
 * Runs the same work on the examples' key-value store and on MVStore, the store of the H2 database, with the same
 * memory.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar stores --keys 200000,1000000 --limit 64 --rounds 5 --every 1000}. A
 * pass reads records at random, updates records at random with a checkpoint after every {@code --every} updates, or
 * scans all records. A value is 100 bytes long. The figures are nanoseconds per record: wall-clock time, and CPU time
 * of all threads of the process, including those of the garbage collector and of the machine; and the calls that read
 * from the host, with their bytes.
 *
 * <p>The cache of MVStore has {@code --limit} MiB, but MVStore keeps more than its cache in the heap. So it runs first:
 * after its warm-up and a full garbage collection its objects are counted, and the library gets as many bytes for the
 * pages of its file. Then the stores take turns.
 *
 * <p>With {@code --least true} each store runs in a JVM of its own. The heap of MVStore's JVM is the smallest, in steps
 * of {@value #STEP} MiB, with which it ends. The library gets the same number of bytes in total: the smallest heap with
 * which it ends, and the rest for the pages of its file.
 */
public final class StoresReport {
    /** The number of warm-up rounds, during which the caches fill and the code is compiled. */
    private static final int WARM = 2;

    private static final int VALUE = 100;

    /** The difference between two heaps that are tried, in MiB. */
    private static final int STEP = 4;

    /** The largest heap that is tried, in MiB. */
    private static final int LARGEST = 1 << 10;

    /** The number of records between two checkpoints of the fill. */
    private static final int FILL = 50_000;

    private static final String SAMARA = "samara";
    private static final String H2 = "MVStore";

    /** The first word of a line with figures of a JVM that was started. */
    private static final String RESULT = "result";

    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final int rounds;
    private final int[] sizes;
    private final int reads;
    private final int scans;
    private final int updates;
    private final int every;
    private final long limit;
    private final boolean isLeast;
    private final String alone;
    private final Path directory;
    private final Figures figures;
    private final Map<String, List<RecordCost>> costs = new LinkedHashMap<>();
    private long scanned;

    /** The kinds of passes. */
    private enum StoreWork {
        READ_AT_RANDOM,
        UPDATE_AT_RANDOM,
        SCAN_IN_ORDER;

        String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /** Nanoseconds per record, of wall-clock time and of CPU time; calls per record that read, and their bytes. */
    private record RecordCost(double wall, double busy, double calls, double bytes) {}

    private StoresReport(String[] words) {
        Arguments arguments = new Arguments(words);
        rounds = arguments.count("--rounds", 1, 5);
        sizes = arguments.counts("--keys", "200000,1000000");
        reads = arguments.count("--reads", 1, 500_000);
        scans = arguments.count("--scans", 1, 10);
        updates = arguments.count("--updates", 1, 50_000);
        every = arguments.count("--every", 1, 1_000);
        limit = (long) arguments.count("--limit", 1, 64) << 20;
        isLeast = Boolean.parseBoolean(arguments.text("--least", "false"));
        // For the JVMs that this program starts: the store that runs.
        alone = arguments.text("--alone", "");
        directory = Path.of(arguments.text("--directory", System.getProperty("java.io.tmpdir")));
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(StoresReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     */
    public static void main(String[] arguments) {
        new StoresReport(arguments).run();
    }

    private void run() {
        try {
            for (int keys : sizes) {
                Path folder = Files.createTempDirectory(directory, "stores");
                try {
                    if (isLeast) {
                        least(keys);
                    } else if (alone.isEmpty()) {
                        beside(keys, folder);
                    } else {
                        alone(keys, folder);
                    }
                } finally {
                    for (String store : List.of(SAMARA, H2)) {
                        Files.deleteIfExists(folder.resolve(store));
                    }
                    Files.delete(folder);
                }
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        figures.write();
    }

    private ComparedStore open(String store, Path folder, long bytes) throws IOException {
        Path file = folder.resolve(store);
        return store.equals(H2) ? new ComparedStore.H2Store(file, bytes) : new ComparedStore.SamaraStore(file, bytes);
    }

    /** Both stores in this JVM, in turns. */
    private void beside(int keys, Path folder) throws IOException {
        costs.clear();
        long before = live();
        try (ComparedStore h2 = open(H2, folder, limit)) {
            fill(h2, keys);
            pass(StoreWork.READ_AT_RANDOM, h2, keys, 0);
            pass(StoreWork.SCAN_IN_ORDER, h2, keys, 0);
            // So few records that their objects cannot be told from others: the library needs some pages, too.
            long kept = Math.max(live() - before, 1 << 20);
            Figures.line("%d records: MVStore with a cache of %s has %s of live heap", keys, mib(limit), mib(kept));
            try (ComparedStore samara = open(SAMARA, folder, kept)) {
                fill(samara, keys);
                for (StoreWork work : StoreWork.values()) {
                    for (int round = -WARM; round < rounds; round++) {
                        note(work, SAMARA, pass(work, samara, keys, round), round);
                        note(work, H2, pass(work, h2, keys, round), round);
                    }
                }
            }
            long last = live() - before;
            Figures.line("%d records: at the end MVStore has %s of live heap", keys, mib(last));
            figures.row("work", "heap", "store", H2, "keys", keys, "bytes", kept, "last_bytes", last);
        }
        report(keys, "");
        for (String store : List.of(SAMARA, H2)) {
            double size = (double) Files.size(folder.resolve(store)) / (1 << 20);
            Figures.line("%-18s %-8s %8.1f MiB", "file", store, size);
            figures.row("work", "file", "store", store, "keys", keys, "mib", size);
        }
    }

    /** One store in this JVM. Prints its figures for the JVM that started it. */
    private void alone(int keys, Path folder) throws IOException {
        try (ComparedStore store = open(alone, folder, limit)) {
            fill(store, keys);
            for (StoreWork work : StoreWork.values()) {
                for (int round = -WARM; round < rounds; round++) {
                    RecordCost cost = pass(work, store, keys, round);
                    if (round >= 0) {
                        Figures.line(
                                "%s %s %s %s %s %s",
                                RESULT, work.name(), cost.wall(), cost.busy(), cost.calls(), cost.bytes());
                    }
                }
            }
        }
    }

    /** Each store in a JVM of its own, with as many bytes as MVStore needs. */
    private void least(int keys) throws IOException {
        costs.clear();
        int heap = leastHeap(H2, keys, limit);
        // The library's heap does not depend on its limit, which only has to be smaller than the whole.
        int own = leastHeap(SAMARA, keys, (long) heap << 19);
        long pages = (long) (heap - own) << 20;
        if (pages <= 0) {
            throw new IllegalStateException("the library needs a heap of " + own + " MiB, MVStore " + heap);
        }
        Figures.line(
                "%d records: MVStore ends with a heap of %d MiB, samara with one of %d, and gets %s for pages",
                keys, heap, own, mib(pages));
        figures.row("work", "heap", "store", H2, "keys", keys, "heap_mib", heap, "own_mib", own, "bytes", pages);
        start(H2, keys, heap, limit, rounds);
        start(SAMARA, keys, own, pages, rounds);
        report(keys, ", least heap");
    }

    /** Returns the smallest heap with which a store does all the work once, in MiB. */
    private int leastHeap(String store, int keys, long bytes) throws IOException {
        int fails = 0;
        int ends = LARGEST / STEP;
        while (ends - fails > 1) {
            int tried = (fails + ends) / 2;
            if (start(store, keys, tried * STEP, bytes, 1)) {
                ends = tried;
            } else {
                fails = tried;
            }
        }
        costs.clear();
        return ends * STEP;
    }

    /** Runs {@link #alone} in a new JVM, and notes its figures. Returns whether it ended without a failure. */
    private boolean start(String store, int keys, int heap, long bytes, int count) throws IOException {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap + "m",
                "-XX:+ExitOnOutOfMemoryError",
                "-XX:+UseG1GC",
                "-cp",
                System.getProperty("java.class.path"),
                StoresReport.class.getName(),
                "--alone",
                store,
                "--keys",
                "" + keys,
                "--rounds",
                "" + count,
                "--reads",
                "" + reads,
                "--scans",
                "" + scans,
                "--updates",
                "" + updates,
                "--every",
                "" + every,
                "--limit",
                "" + Math.max(1, bytes >> 20),
                "--directory",
                directory.toString());
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        List<String> lines;
        try (BufferedReader output = process.inputReader()) {
            lines = output.lines().toList();
        }
        boolean ended;
        try {
            ended = process.waitFor() == 0;
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            throw new InterruptedIOException("while a JVM ran");
        }
        Figures.line("%s with a heap of %d MiB %s", store, heap, ended ? "ends" : "fails");
        for (String line : lines) {
            String[] words = line.split(" ", -1);
            if (ended && words[0].equals(RESULT)) {
                RecordCost cost = new RecordCost(
                        Double.parseDouble(words[2]),
                        Double.parseDouble(words[3]),
                        Double.parseDouble(words[4]),
                        Double.parseDouble(words[5]));
                note(StoreWork.valueOf(words[1]), store, cost, 0);
            }
        }
        return ended;
    }

    /** Returns the bytes of all reachable objects. */
    private static long live() {
        MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
        memory.gc(); // The first one may only enqueue what references hold.
        memory.gc();
        return memory.getHeapMemoryUsage().getUsed();
    }

    private static String mib(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", (double) bytes / (1 << 20));
    }

    /** Puts all keys once, in a pseudo-random order. */
    private static void fill(ComparedStore store, int keys) throws IOException {
        long step = 0x9e37_79b9L;
        while (gcd(step, keys) != 1) {
            step++;
        }
        for (int i = 0; i < keys; i++) {
            store.put(i * step % keys, value(i));
            if (i % FILL == FILL - 1) {
                store.checkpoint();
            }
        }
        store.checkpoint();
    }

    private static long gcd(long one, long other) {
        return other == 0 ? one : gcd(other, one % other);
    }

    private static byte[] value(long number) {
        return ByteBuffer.allocate(VALUE).putLong(number).array();
    }

    private RecordCost pass(StoreWork work, ComparedStore store, int keys, int round) throws IOException {
        // Collects the other store's garbage now, so that this store's time does not include it.
        System.gc();
        SplittableRandom random = new SplittableRandom(round);
        long[] before = Figures.hostReads();
        long busy = PROCESS.getProcessCpuTime();
        long began = System.nanoTime();
        int records = switch (work) {
            case READ_AT_RANDOM -> {
                for (int i = 0; i < reads; i++) {
                    scanned += Objects.requireNonNull(store.get(random.nextInt(keys))).length;
                }
                yield reads;
            }
            case UPDATE_AT_RANDOM -> {
                for (int i = 1; i <= updates; i++) {
                    store.put(random.nextInt(keys), value(random.nextInt()));
                    if (i % every == 0) {
                        store.checkpoint();
                    }
                }
                store.checkpoint();
                yield updates;
            }
            case SCAN_IN_ORDER -> {
                for (int i = 0; i < scans; i++) {
                    scanned += store.scan();
                }
                yield keys * scans;
            }
        };
        double wall = System.nanoTime() - began;
        double used = PROCESS.getProcessCpuTime() - busy;
        long[] after = Figures.hostReads();
        return new RecordCost(
                wall / records,
                used / records,
                (double) (after[0] - before[0]) / records,
                (double) (after[1] - before[1]) / records);
    }

    private void note(StoreWork work, String store, RecordCost cost, int round) {
        if (round >= 0) {
            costs.computeIfAbsent(work + " " + store, any -> new ArrayList<>()).add(cost);
        }
    }

    private void report(int keys, String how) {
        Figures.line("%d records%s, a checkpoint each %d updates; sum %d", keys, how, every, scanned);
        for (StoreWork work : StoreWork.values()) {
            for (String store : List.of(SAMARA, H2)) {
                double[] walls = of(work, store).stream()
                        .mapToDouble(RecordCost::wall)
                        .sorted()
                        .toArray();
                double wall = median(work, store, RecordCost::wall);
                double busy = median(work, store, RecordCost::busy);
                double calls = median(work, store, RecordCost::calls);
                double bytes = median(work, store, RecordCost::bytes);
                Figures.line(
                        "%-18s %-8s %8.0f ns a record, %8.0f of processors, %6.3f reads of the host, %8.0f bytes",
                        work.word(), store, wall, busy, calls, bytes);
                figures.row(
                        "work",
                        work.word() + how,
                        "store",
                        store,
                        "keys",
                        keys,
                        "ns",
                        wall,
                        "least_ns",
                        walls[0],
                        "most_ns",
                        walls[walls.length - 1],
                        "busy_ns",
                        busy,
                        "host_reads",
                        calls,
                        "host_bytes",
                        bytes);
            }
        }
        for (StoreWork work : StoreWork.values()) {
            String what = work.word() + ", " + keys + " keys" + how + ": samara of the speed of MVStore, ";
            figures.goal(what + "wall", ratio(work, RecordCost::wall), "beside");
            figures.goal(what + "processors", ratio(work, RecordCost::busy), "beside");
        }
    }

    private double ratio(StoreWork work, ToDoubleFunction<RecordCost> figure) {
        return median(work, H2, figure) / median(work, SAMARA, figure);
    }

    private double median(StoreWork work, String store, ToDoubleFunction<RecordCost> figure) {
        return Figures.median(of(work, store).stream().mapToDouble(figure).toArray());
    }

    private List<RecordCost> of(StoreWork work, String store) {
        return Objects.requireNonNull(costs.get(work + " " + store));
    }
}
