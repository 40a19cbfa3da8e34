// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import com.sun.management.OperatingSystemMXBean;
import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
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

/**
 * Runs the same work on the examples' key-value store and on MVStore, the store of the H2 database.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar stores --keys 200000,1000000 --limit 64 --rounds 5 --every 1000}. A
 * pass reads records at random, updates records at random with a checkpoint after every {@code --every} updates, or
 * scans all records. A value is 100 bytes long. Each store may keep {@code --limit} MiB of its file in memory. The
 * smaller number of records fits into this limit. The stores take turns. The figures are nanoseconds per record:
 * wall-clock time, and CPU time of all threads of the process, including those of the garbage collector and of the
 * machine.
 */
public final class StoresReport {
    /** The number of warm-up rounds, during which the caches fill and the code is compiled. */
    private static final int WARM = 2;

    private static final int VALUE = 100;

    /** The number of records between two checkpoints of the fill. */
    private static final int FILL = 50_000;

    private static final String SAMARA = "samara";
    private static final String H2 = "MVStore";

    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final int rounds;
    private final int[] sizes;
    private final int reads;
    private final int scans;
    private final int updates;
    private final int every;
    private final long limit;
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

    /** Nanoseconds per record, of wall-clock time and of CPU time. */
    private record RecordCost(double wall, double busy) {}

    private StoresReport(String[] words) {
        Arguments arguments = new Arguments(words);
        rounds = arguments.count("--rounds", 1, 5);
        sizes = arguments.counts("--keys", "200000,1000000");
        reads = arguments.count("--reads", 1, 500_000);
        scans = arguments.count("--scans", 1, 10);
        updates = arguments.count("--updates", 1, 50_000);
        every = arguments.count("--every", 1, 1_000);
        limit = (long) arguments.count("--limit", 1, 64) << 20;
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
                Path own = folder.resolve(SAMARA);
                Path other = folder.resolve(H2);
                try {
                    measure(keys, own, other);
                } finally {
                    Files.deleteIfExists(own);
                    Files.deleteIfExists(other);
                    Files.delete(folder);
                }
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        figures.write();
    }

    private void measure(int keys, Path own, Path other) throws IOException {
        costs.clear();
        try (ComparedStore samara = new SamaraStore(own, limit);
                ComparedStore h2 = new H2Store(other, limit)) {
            fill(samara, keys);
            fill(h2, keys);
            for (StoreWork work : StoreWork.values()) {
                for (int round = -WARM; round < rounds; round++) {
                    note(work, SAMARA, pass(work, samara, keys, round), round);
                    note(work, H2, pass(work, h2, keys, round), round);
                }
            }
            report(keys, own, other);
        }
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
        return new RecordCost(wall / records, (double) (PROCESS.getProcessCpuTime() - busy) / records);
    }

    private void note(StoreWork work, String store, RecordCost cost, int round) {
        if (round >= 0) {
            costs.computeIfAbsent(work + " " + store, any -> new ArrayList<>()).add(cost);
        }
    }

    private void report(int keys, Path own, Path other) throws IOException {
        Figures.line("%d records, a checkpoint each %d updates; sum %d", keys, every, scanned);
        for (StoreWork work : StoreWork.values()) {
            for (String store : List.of(SAMARA, H2)) {
                List<RecordCost> of = of(work, store);
                double[] walls =
                        of.stream().mapToDouble(RecordCost::wall).sorted().toArray();
                double wall = wall(work, store);
                double busy = busy(work, store);
                Figures.line("%-18s %-8s %8.0f ns a record, %8.0f of processors", work.word(), store, wall, busy);
                figures.row(
                        "work",
                        work.word(),
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
                        busy);
            }
        }
        for (Path file : List.of(own, other)) {
            String name = String.valueOf(file.getFileName());
            double mib = (double) Files.size(file) / (1 << 20);
            Figures.line("%-18s %-8s %8.1f MiB", "file", name, mib);
            figures.row("work", "file", "store", name, "keys", keys, "mib", mib);
        }
        for (StoreWork work : StoreWork.values()) {
            String what = work.word() + ", " + keys + " keys: samara of the speed of MVStore, ";
            figures.goal(what + "wall", wall(work, H2) / wall(work, SAMARA), "beside");
            figures.goal(what + "processors", busy(work, H2) / busy(work, SAMARA), "beside");
        }
    }

    private List<RecordCost> of(StoreWork work, String store) {
        return Objects.requireNonNull(costs.get(work + " " + store));
    }

    private double wall(StoreWork work, String store) {
        return Figures.median(
                of(work, store).stream().mapToDouble(RecordCost::wall).toArray());
    }

    private double busy(StoreWork work, String store) {
        return Figures.median(
                of(work, store).stream().mapToDouble(RecordCost::busy).toArray());
    }
}
