// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import dev.samara.bench.report.Figures;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * One way to read and write a file. In sequential passes, each thread processes its own part of the file; in random
 * passes, each thread picks pages of the whole file.
 */
abstract class FilePass implements AutoCloseable {
    static final int PAGE = 4096;

    /** The number of bytes per copy. */
    static final int BUFFER = 128 << 10;

    /**
     * The number of pages of {@link Kind#PAGE_AS_BUFFER}, a power of two. They fit in a processor's second-level cache.
     */
    static final int PAGES_IN_MEMORY = 64;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** The kinds of passes. */
    enum Kind {
        /** Copies all bytes to a direct buffer. */
        READ_IN_ORDER,
        /** Adds up all words. */
        SCAN_IN_ORDER,
        /** Adds up all words, reading the pages' memory directly if the contender supports that. */
        SCAN_BY_RUNS,
        /** Adds up the words of pages that stay in memory, by plain loads from a buffer or an array. */
        PAGE_AS_BUFFER,
        READ_AT_RANDOM,
        WRITE_IN_ORDER,
        /** Writes a word of each page. */
        WRITE_AT_RANDOM,
        /** Writes whole pages. */
        WRITE_PAGES_AT_RANDOM;

        boolean writes() {
            return this == WRITE_IN_ORDER || this == WRITE_AT_RANDOM || this == WRITE_PAGES_AT_RANDOM;
        }

        boolean isInOrder() {
            return this == READ_IN_ORDER || this == SCAN_IN_ORDER || this == SCAN_BY_RUNS || this == WRITE_IN_ORDER;
        }

        String word() {
            return toString().replace(' ', '-');
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }
    }

    /**
     * The cost per page.
     *
     * @param wall wall-clock time in nanoseconds
     * @param busy CPU time of all threads of the process in nanoseconds, including the machine's threads, which write
     *     pages, too
     * @param garbage the number of bytes that the threads of the pass allocated
     * @param reads the number of calls of the process that read from files, also the JVM's own
     */
    record Cost(double wall, double busy, double garbage, double reads) {}

    final Path file;
    final long size;

    FilePass(Path file, long size) {
        this.file = file;
        this.size = size;
    }

    /**
     * The work of one thread, which owns its buffers and other resources. A contender need not support all kinds of
     * passes.
     */
    interface PassThread extends AutoCloseable {
        /**
         * Copies all bytes of a part of the file to a direct buffer of 128 KiB; each copy overwrites the previous one.
         */
        default void readInOrder(long start, long end) throws IOException {
            throw new UnsupportedOperationException();
        }

        /** Reads all words of a part of the file, and returns their sum. */
        default long scanInOrder(long start, long end) throws IOException {
            throw new UnsupportedOperationException();
        }

        /** Reads all words of a part of the file, by runs if the contender supports runs, and returns their sum. */
        default long scanByRuns(long start, long end) throws IOException {
            return scanInOrder(start, end);
        }

        /** Reads all words of the first pages of the file, one page after the other, and returns their sum. */
        default long sumPages(int count) {
            throw new UnsupportedOperationException();
        }

        /** Reads the first word of a page. */
        default long readAt(long start) throws IOException {
            throw new UnsupportedOperationException();
        }

        /** Writes all words of a part of the file. */
        default void writeInOrder(long start, long end) throws IOException {
            throw new UnsupportedOperationException();
        }

        /** Writes the first word of a page. */
        default void writeAt(long start) throws IOException {
            throw new UnsupportedOperationException();
        }

        /** Writes a whole page. */
        default void writePageAt(long start) throws IOException {
            throw new UnsupportedOperationException();
        }

        @Override
        default void close() throws IOException {
            // Nothing to release.
        }
    }

    abstract PassThread worker(Kind kind) throws IOException;

    /** Makes all writes durable. */
    void force() throws IOException {
        throw new UnsupportedOperationException();
    }

    @Override
    public abstract void close() throws IOException;

    /** Runs one pass. */
    Cost run(Kind kind, int threads, int picks) {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<Long>> running = new ArrayList<>();
            long readsBefore = Figures.hostReads()[0];
            long busyBefore = PROCESS.getProcessCpuTime();
            long began = System.nanoTime();
            for (int i = 0; i < threads; i++) {
                int thread = i;
                running.add(pool.submit(() -> work(kind, thread, threads, picks)));
            }
            double garbage = 0;
            for (Future<Long> one : running) {
                garbage += one.get();
            }
            double wall = System.nanoTime() - began;
            double busy = PROCESS.getProcessCpuTime() - busyBefore;
            double reads = Figures.hostReads()[0] - readsBefore;
            double pages = kind.isInOrder() ? (double) size / PAGE : picks;
            return new Cost(wall / pages, busy / pages, garbage / pages, reads / pages);
        } catch (ExecutionException | InterruptedException | IOException failed) {
            throw new IllegalStateException(failed);
        } finally {
            pool.shutdown();
        }
    }

    /** Does the work of one thread, and returns the number of bytes that the thread allocated. */
    private long work(Kind kind, int thread, int threads, int picks) throws IOException {
        long allocated = THREADS.getThreadAllocatedBytes(Thread.currentThread().getId());
        long start = (size / PAGE * thread / threads) * PAGE;
        long end = (size / PAGE * (thread + 1) / threads) * PAGE;
        long sum = 0;
        try (PassThread worker = worker(kind)) {
            switch (kind) {
                case READ_IN_ORDER -> worker.readInOrder(start, end);
                case SCAN_IN_ORDER -> sum = worker.scanInOrder(start, end);
                case SCAN_BY_RUNS -> sum = worker.scanByRuns(start, end);
                case PAGE_AS_BUFFER -> sum = worker.sumPages(picks / threads);
                case WRITE_IN_ORDER -> worker.writeInOrder(start, end);
                default -> {
                    SplittableRandom random = new SplittableRandom(thread);
                    for (int i = 0; i < picks / threads; i++) {
                        long page = random.nextLong(size / PAGE) * PAGE;
                        if (kind == Kind.READ_AT_RANDOM) {
                            sum += worker.readAt(page);
                        } else if (kind == Kind.WRITE_AT_RANDOM) {
                            worker.writeAt(page);
                        } else {
                            worker.writePageAt(page);
                        }
                    }
                }
            }
        }
        if (kind.writes()) {
            force();
        } else if (sum == Long.MIN_VALUE) {
            throw new IllegalStateException("no sum of such words");
        }
        return THREADS.getThreadAllocatedBytes(Thread.currentThread().getId()) - allocated;
    }
}
