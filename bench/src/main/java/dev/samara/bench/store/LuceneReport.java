// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import com.sun.management.OperatingSystemMXBean;
import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import dev.samara.examples.lucene.LuceneDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
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
import java.util.stream.Stream;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.LongPoint;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.CheckIndex;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.SerialMergeScheduler;
import org.apache.lucene.index.StoredFields;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.Sort;
import org.apache.lucene.search.SortField;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TopDocs;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.MMapDirectory;
import org.apache.lucene.store.NIOFSDirectory;

/**
 * Indexes and searches the same documents by Lucene, in the examples' directory and in those of Lucene.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar lucene --documents 100000 --queries 3000 --rounds 5}. A pass makes
 * an index of all documents, or searches one index: a third each are terms, two terms together, and ranges of numbers;
 * a fifth is sorted by a number, and the texts of two results of each are read. The contenders take turns: Lucene's two
 * directories, which have the host's cache, and the examples' directory by calls and by mappings, with a limit of a
 * tenth of the index, and with room for all of it. All must find the same; an index that was made is checked. The
 * figures are wall-clock time and CPU time per document or query, and the bytes that calls read from the host.
 */
public final class LuceneReport {
    /** The number of warm-up rounds, during which the caches fill and the code is compiled. */
    private static final int WARM = 2;

    /** The number of different words. */
    private static final int WORDS = 20_000;

    /** The part of the index for which the limited contenders have memory. */
    private static final int PART = 10;

    /** Views of pages may take an eighth of the memory, so in this many times the index each page can have one. */
    private static final int ROOM = 9;

    private static final String NIO = "NIOFSDirectory";
    private static final String MMAP = "MMapDirectory";
    private static final String CALLS = "samara, calls";
    private static final String MAPPING = "samara, mapping";
    private static final String LIMITED_CALLS = "samara, calls, a tenth";
    private static final String LIMITED_MAPPING = "samara, mapping, a tenth";

    private static final List<String> CONTENDERS = List.of(NIO, MMAP, CALLS, MAPPING, LIMITED_CALLS, LIMITED_MAPPING);

    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final int documents;
    private final int queries;
    private final int rounds;
    private final List<String> works;
    private final Path directory;
    private final Figures figures;
    private final String[] words = new String[WORDS];
    private final Map<String, List<Cost>> costs = new LinkedHashMap<>();

    /** Nanoseconds per document or query, of wall-clock time and of CPU time; bytes of calls that read, in all. */
    private record Cost(double wall, double busy, double bytes) {}

    private LuceneReport(String[] line) {
        Arguments arguments = new Arguments(line);
        documents = arguments.count("--documents", 1, 100_000);
        queries = arguments.count("--queries", 1, 3_000);
        rounds = arguments.count("--rounds", 1, 5);
        works = arguments.list("--work", List.of("index", "search"), List.of("index", "search"));
        directory = Path.of(arguments.text("--directory", System.getProperty("java.io.tmpdir")));
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(LuceneReport.class, line, json);
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < WORDS; i++) {
            words[i] = Long.toString(1_000_000 + random.nextInt(50_000_000), 26);
        }
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     */
    public static void main(String[] arguments) {
        new LuceneReport(arguments).run();
    }

    private void run() {
        try {
            Path folder = Files.createTempDirectory(directory, "lucene");
            try {
                try (Directory index = new NIOFSDirectory(folder)) {
                    index(index);
                }
                long size = size(folder);
                Figures.line("%d documents, an index of %.1f MiB", documents, (double) size / (1 << 20));
                figures.row("work", "size", "documents", documents, "bytes", size);
                if (works.contains("search")) {
                    searches(folder, size);
                }
                if (works.contains("index")) {
                    indexes(size);
                }
            } finally {
                delete(folder);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        for (String work : works) {
            report(work);
        }
        figures.write();
    }

    /** All contenders search one index, in turns. */
    private void searches(Path folder, long size) throws IOException {
        long found = -1;
        try (Contenders contenders = new Contenders(size)) {
            List<Directory> directories = new ArrayList<>();
            List<DirectoryReader> readers = new ArrayList<>();
            try {
                for (String contender : CONTENDERS) {
                    Directory opened = contenders.open(contender, folder);
                    directories.add(opened);
                    readers.add(DirectoryReader.open(opened));
                }
                for (int round = -WARM; round < rounds; round++) {
                    for (int i = 0; i < readers.size(); i++) {
                        DirectoryReader reader = readers.get(i);
                        long[] sum = {0};
                        pass("search", CONTENDERS.get(i), round, queries, () -> sum[0] = search(reader));
                        if (found != -1 && sum[0] != found) {
                            throw new IllegalStateException(CONTENDERS.get(i) + " found " + sum[0] + ", not " + found);
                        }
                        found = sum[0];
                    }
                }
            } finally {
                for (DirectoryReader reader : readers) {
                    reader.close();
                }
                for (Directory opened : directories) {
                    opened.close();
                }
            }
        }
        Figures.line("all found the same: %d", found);
    }

    /** Each contender makes an index of its own, in turns. */
    private void indexes(long size) throws IOException {
        try (Contenders contenders = new Contenders(size)) {
            for (int round = -1; round < rounds; round++) {
                for (String contender : CONTENDERS) {
                    Path folder = Files.createTempDirectory(directory, "lucene");
                    try (Directory index = contenders.open(contender, folder)) {
                        pass("index", contender, round, documents, () -> index(index));
                        try (CheckIndex check = new CheckIndex(index)) {
                            if (!check.checkIndex().clean) {
                                throw new IllegalStateException(contender + " made an index with errors");
                            }
                        }
                    } finally {
                        delete(folder);
                    }
                }
            }
        }
    }

    /** The machines of the examples' directories: one with a tenth of the index, one with room for all of it. */
    private static final class Contenders implements AutoCloseable {
        private final Machine small;
        private final Machine large;
        private final AddressSpace smallSpace;
        private final AddressSpace largeSpace;

        Contenders(long size) {
            small = machine(size / PART);
            large = machine(ROOM * size);
            smallSpace = small.newSpace(Geometry.LINUX_X86_64);
            largeSpace = large.newSpace(Geometry.LINUX_X86_64);
        }

        private static Machine machine(long limit) {
            long pages = Math.max(limit, 1 << 20) & -4096;
            return Machine.builder()
                    .memory(2 * pages)
                    .cacheLimit(pages)
                    .forceOnClose(false)
                    .build();
        }

        Directory open(String contender, Path folder) throws IOException {
            return switch (contender) {
                case NIO -> new NIOFSDirectory(folder);
                case MMAP -> new MMapDirectory(folder);
                case CALLS -> new LuceneDirectory(folder, large, null);
                case MAPPING -> new LuceneDirectory(folder, large, largeSpace);
                case LIMITED_CALLS -> new LuceneDirectory(folder, small, null);
                default -> new LuceneDirectory(folder, small, smallSpace);
            };
        }

        @Override
        public void close() {
            smallSpace.close();
            largeSpace.close();
            small.close();
            large.close();
        }
    }

    private interface Pass {
        void run() throws IOException;
    }

    private void pass(String work, String contender, int round, int parts, Pass pass) throws IOException {
        System.gc(); // The time of a contender does not include the garbage of another one.
        long bytes = Figures.hostReads()[1];
        long busy = PROCESS.getProcessCpuTime();
        long began = System.nanoTime();
        pass.run();
        double wall = System.nanoTime() - began;
        double used = PROCESS.getProcessCpuTime() - busy;
        double read = Figures.hostReads()[1] - bytes;
        if (round >= 0) {
            costs.computeIfAbsent(work + contender, any -> new ArrayList<>())
                    .add(new Cost(wall / parts, used / parts, read));
        }
    }

    private void index(Directory to) throws IOException {
        IndexWriterConfig config = new IndexWriterConfig(new StandardAnalyzer())
                .setRAMBufferSizeMB(8)
                .setUseCompoundFile(false)
                .setMergeScheduler(new SerialMergeScheduler());
        try (IndexWriter writer = new IndexWriter(to, config)) {
            SplittableRandom random = new SplittableRandom(7);
            for (int i = 0; i < documents; i++) {
                Document document = new Document();
                document.add(new StringField("id", "" + i, Field.Store.YES));
                document.add(new TextField("body", text(random), Field.Store.YES));
                document.add(new NumericDocValuesField("rank", random.nextInt(1_000)));
                document.add(new LongPoint("number", random.nextInt(100_000)));
                writer.addDocument(document);
            }
            writer.commit();
        }
    }

    private String text(SplittableRandom random) {
        StringBuilder text = new StringBuilder();
        int count = 30 + random.nextInt(170);
        for (int i = 0; i < count; i++) {
            text.append(word(random)).append(' ');
        }
        return text.toString();
    }

    /** Few words are frequent, and most are rare. */
    private String word(SplittableRandom random) {
        return words[(int) (WORDS * Math.pow(random.nextDouble(), 3))];
    }

    /** Returns a number that depends on all that was found. */
    private long search(DirectoryReader reader) throws IOException {
        IndexSearcher searcher = new IndexSearcher(reader);
        StoredFields fields = searcher.storedFields();
        Sort byRank = new Sort(new SortField("rank", SortField.Type.LONG));
        SplittableRandom random = new SplittableRandom(99);
        long sum = 0;
        for (int i = 0; i < queries; i++) {
            Query query = query(i, random);
            TopDocs top = i % 5 == 0 ? searcher.search(query, 10, byRank) : searcher.search(query, 10);
            sum = 31 * sum + top.totalHits.value;
            for (int k = 0; k < top.scoreDocs.length; k++) {
                ScoreDoc result = top.scoreDocs[k];
                sum = 31 * sum + result.doc;
                if (k < 2) {
                    String body =
                            Objects.requireNonNull(fields.document(result.doc).get("body"));
                    sum = 31 * sum + body.hashCode();
                }
            }
        }
        return sum;
    }

    private Query query(int i, SplittableRandom random) {
        TermQuery term = new TermQuery(new Term("body", word(random)));
        return switch (i % 3) {
            case 0 -> term;
            case 1 ->
                new BooleanQuery.Builder()
                        .add(term, BooleanClause.Occur.MUST)
                        .add(new TermQuery(new Term("body", word(random))), BooleanClause.Occur.MUST)
                        .build();
            default -> LongPoint.newRangeQuery("number", random.nextInt(50_000), 50_000 + random.nextInt(50_000));
        };
    }

    private static long size(Path folder) throws IOException {
        long size = 0;
        for (Path file : files(folder)) {
            size += Files.size(file);
        }
        return size;
    }

    private static void delete(Path folder) throws IOException {
        for (Path file : files(folder)) {
            Files.delete(file);
        }
        Files.delete(folder);
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }

    private void report(String work) {
        for (String contender : CONTENDERS) {
            double wall = median(work, contender, Cost::wall);
            double busy = median(work, contender, Cost::busy);
            double bytes = median(work, contender, Cost::bytes);
            double[] walls = of(work, contender).stream()
                    .mapToDouble(Cost::wall)
                    .sorted()
                    .toArray();
            Figures.line(
                    "%-8s %-26s %8.1f us, %8.1f of processors, %10.1f MiB read",
                    work, contender, wall / 1_000, busy / 1_000, bytes / (1 << 20));
            figures.row(
                    "work",
                    work,
                    "contender",
                    contender,
                    "ns",
                    wall,
                    "least_ns",
                    walls[0],
                    "most_ns",
                    walls[walls.length - 1],
                    "busy_ns",
                    busy,
                    "read_bytes",
                    bytes);
        }
        goal(work, LIMITED_CALLS, NIO, "<= 1.3");
        goal(work, LIMITED_MAPPING, NIO, "<= 1.3");
        goal(work, CALLS, MMAP, "beside");
        goal(work, MAPPING, MMAP, "<= 1.5");
    }

    private void goal(String work, String contender, String rival, String goal) {
        double figure = median(work, contender, Cost::busy) / median(work, rival, Cost::busy);
        figures.goal(String.format(Locale.ROOT, "%s: %s of the time of %s", work, contender, rival), figure, goal);
    }

    private List<Cost> of(String work, String contender) {
        return Objects.requireNonNull(costs.get(work + contender));
    }

    private double median(String work, String contender, ToDoubleFunction<Cost> figure) {
        return Figures.median(of(work, contender).stream().mapToDouble(figure).toArray());
    }
}
