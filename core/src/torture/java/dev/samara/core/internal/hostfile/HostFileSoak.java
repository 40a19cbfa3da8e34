// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;

import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Many files, each mapped many times, which threads read and write under a limit on pages in memory, with advice, forks
 * and interrupts. Checks that the heap does not grow, that the number of channels equals the number of open files, that
 * each thread loads the numbers that it stored, and that the files contain these numbers at the end.
 */
final class HostFileSoak {
    /** The number of pages of each file. */
    static final int PAGES = 64;

    /** The number of pages of each mapping. */
    static final int MAPPED = 8;

    /**
     * The size of a run.
     *
     * @param mappings the number of mappings of all threads together
     * @param limit the bytes of pages in memory; 0 for no limit
     * @param mark the time between two measurements of the heap, in seconds
     */
    record Settings(int files, int mappings, int threads, long limit, int seconds, int mark, long seed) {}

    private final Settings settings;
    private final Path folder;
    private final PrintStream out;
    private final FaultyChannels channels = new FaultyChannels();
    private final List<HostFile> files = new ArrayList<>();
    private final List<Long> heaps = new ArrayList<>();

    /** Shared by the working threads, and exclusive while the heap is measured. */
    private final ReentrantReadWriteLock working = new ReentrantReadWriteLock();

    HostFileSoak(Settings settings, Path folder, PrintStream out) {
        this.settings = settings;
        this.folder = folder;
        this.out = out;
    }

    private Path path(int file) {
        return folder.resolve("soak" + file);
    }

    /** Runs the soak. Returns the 99th percentile of the duration of faults whose page is in memory, in nanoseconds. */
    long run() throws Exception {
        for (int i = 0; i < settings.files(); i++) {
            Files.write(path(i), new byte[PAGES * (int) PAGE]);
        }
        long all = (long) settings.files() * PAGES * PAGE;
        MachineBuilder builder = Machine.builder()
                .memory(Math.max(settings.limit(), all) + (64L << 20))
                .checked(false);
        try (Machine machine = (settings.limit() == 0 ? builder : builder.cacheLimit(settings.limit())).build()) {
            MachineInternals.hostFiles(machine).openBy(channels);
            for (int i = 0; i < settings.files(); i++) {
                files.add(machine.openFile(path(i), GEOMETRY, StandardOpenOption.READ, StandardOpenOption.WRITE));
            }
            return run(machine);
        }
    }

    private long run(Machine machine) throws Exception {
        List<SoakThread> threads = new ArrayList<>();
        for (int i = 0; i < settings.threads(); i++) {
            threads.add(new SoakThread(machine, files, working, settings, i));
        }
        channels.isRecording = false;
        channels.afterRead = SoakThread::noteRead;
        threads.forEach(Thread::start);
        int marks = Math.max(1, settings.seconds() / settings.mark());
        for (int i = 0; i < marks; i++) {
            for (SoakThread thread : threads) {
                thread.join(TimeUnit.SECONDS.toMillis(settings.mark()) / threads.size());
            }
            mark(machine, threads);
        }
        threads.forEach(SoakThread::end);
        for (SoakThread thread : threads) {
            thread.join();
        }
        long[] hits = hits(threads);
        long p99 = hits.length == 0 ? 0 : hits[hits.length - 1 - hits.length / 100];
        report(machine, threads, hits, p99);
        close(machine, threads);
        checkFiles(threads);
        checkHeap();
        return p99;
    }

    /** Measures the heap and checks the channels while no thread works. */
    private void mark(Machine machine, List<SoakThread> threads) {
        working.writeLock().lock();
        try {
            for (SoakThread thread : threads) {
                thread.checkAlive();
            }
            if (channels.open.get() != settings.files()) {
                throw new AssertionError(channels.open.get() + " channels of " + settings.files() + " files");
            }
            long heap = Long.MAX_VALUE;
            for (int i = 0; i < 3; i++) {
                System.gc();
                heap = Math.min(
                        heap,
                        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
            }
            heaps.add(heap);
            out.printf(
                    Locale.ROOT,
                    "heap %.1f MiB, %d frames in use, %d channels%n",
                    heap / 1048576.0,
                    machine.statistics().framesInUse(),
                    channels.open.get());
        } finally {
            working.writeLock().unlock();
        }
    }

    /**
     * Checks that the heap does not grow: the minimum of the later measurements exceeds the minimum of the earlier ones
     * by at most 5 % plus 1 MiB.
     */
    private void checkHeap() {
        if (heaps.size() < 4) {
            // Too few measurements for a trend, because other tests in the JVM also allocate objects.
            return;
        }
        int half = (heaps.size() + 1) / 2;
        long earlier = Collections.min(heaps.subList(0, half));
        long later = Collections.min(heaps.subList(heaps.size() - half, heaps.size()));
        if (later > earlier + earlier / 20 + (1 << 20)) {
            throw new AssertionError("the heap grows: " + heaps);
        }
    }

    private static long[] hits(List<SoakThread> threads) {
        long[] hits = threads.stream()
                .flatMapToLong(thread -> Arrays.stream(thread.hits()))
                .toArray();
        Arrays.sort(hits);
        return hits;
    }

    private void report(Machine machine, List<SoakThread> threads, long[] hits, long p99) {
        long accesses = threads.stream().mapToLong(SoakThread::accesses).sum();
        out.printf(
                Locale.ROOT,
                "%s: %d accesses, %d reads of the host; %d faults that hit, p50 %.1f us, p99 %.1f us; %s%n",
                settings,
                accesses,
                channels.reads.get(),
                hits.length,
                hits.length == 0 ? 0 : hits[hits.length / 2] / 1e3,
                p99 / 1e3,
                machine.statistics());
    }

    private void close(Machine machine, List<SoakThread> threads) throws InterruptedException {
        threads.forEach(SoakThread::closeSpace);
        for (HostFile file : files) {
            long saved = file.fsync();
            if (saved != 0) {
                throw new AssertionError("a save has returned " + saved);
            }
            file.close();
        }
        machine.awaitQuiescence();
        if (channels.open.get() != 0
                || machine.statistics().framesInUse() != 0
                || machine.statistics().pins() != 0) {
            throw new AssertionError(channels.open.get() + " channels are left, " + machine.statistics());
        }
    }

    private void checkFiles(List<SoakThread> threads) throws IOException {
        for (int i = 0; i < settings.files(); i++) {
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path(i))).order(ByteOrder.LITTLE_ENDIAN);
            if (bytes.limit() != PAGES * PAGE) {
                throw new AssertionError(path(i) + " has " + bytes.limit() + " bytes");
            }
            for (SoakThread thread : threads) {
                thread.checkFile(i, bytes);
            }
        }
    }
}
