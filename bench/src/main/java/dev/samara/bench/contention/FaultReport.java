// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.NORESERVE;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.SHARED;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The speedup of faults on several threads, by workload and contender, compared with the speedup of a perfectly
 * parallel loop in the same run.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar faults --pages 8192 --rounds 15 --threads 1,2 --json FILE}. The
 * threads of a round start together. Preparing the next round is not measured. Contenders and numbers of threads take
 * turns, and a figure is the median over the rounds. The speedup is reported in wall-clock time and in CPU time. CPU
 * time includes neither other load on the machine nor the sleep of a waiting thread.
 */
public final class FaultReport {
    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

    private final int pages;
    private final int rounds;
    private final int[] threads;
    private final List<String> works;
    private final List<String> contenders;
    private final Figures figures;
    private final Map<FaultCell, double[][]> cells = new HashMap<>();

    private FaultReport(String[] words) {
        Arguments arguments = new Arguments(words);
        pages = arguments.count("--pages", 256, 8192);
        rounds = arguments.count("--rounds", 1, 15);
        threads = arguments.counts("--threads", "1,2");
        works = arguments.list("--work", FaultWork.Kind.NAMES, FaultWork.Kind.NAMES);
        contenders = arguments.list("--contender", Contender.NAMES, Contender.NAMES);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(FaultReport.class, words, json);
    }

    private record FaultCell(FaultWork.Kind kind, String contender, int threads) {}

    /** The work of all threads together, per second of wall-clock time and per second of CPU time. */
    private record Rate(double perSecond, double perProcessorSecond) {}

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --work} and {@code --contender}
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new FaultReport(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line(
                "%-13s %-17s %2s %14s %14s %7s %7s %10s",
                "work", "contender", "t", "per second", "ns on a cpu", "gain", "on cpu", "of loop's");
        for (FaultWork.Kind kind : FaultWork.Kind.values()) {
            // The workloads without a space always run, because they are the baseline of the other workloads.
            if (!kind.usesSpace() || works.contains(kind.toString())) {
                measure(kind);
            }
        }
        figures.write();
    }

    private List<String> contendersOf(FaultWork.Kind kind) {
        return kind.usesSpace() ? contenders : List.of(Contender.SAMARA);
    }

    private void measure(FaultWork.Kind kind) throws InterruptedException {
        // Twice as many warm-up rounds come first.
        for (int round = -2 * rounds; round < rounds; round++) {
            for (String contender : contendersOf(kind)) {
                for (int count : threads) {
                    Rate rate = round(new FaultWork(kind, contender, count, pages), count);
                    if (round >= 0) {
                        double[][] kept = cells.computeIfAbsent(
                                new FaultCell(kind, contender, count), unused -> new double[2][rounds]);
                        kept[0][round] = rate.perSecond;
                        kept[1][round] = rate.perProcessorSecond;
                    }
                }
            }
        }
        for (String contender : contendersOf(kind)) {
            for (int count : threads) {
                tell(kind, contender, count);
            }
        }
    }

    private double median(FaultWork.Kind kind, String contender, int count, int which) {
        double[][] kept = cells.get(new FaultCell(kind, contender, count));
        return kept == null ? Double.NaN : Figures.median(kept[which]);
    }

    private void tell(FaultWork.Kind kind, String contender, int count) {
        double perSecond = median(kind, contender, count, 0);
        double perProcessorSecond = median(kind, contender, count, 1);
        double gain = perSecond / median(kind, contender, 1, 0);
        double onProcessor = count * perProcessorSecond / median(kind, contender, 1, 1);
        double loop = median(FaultWork.Kind.LOOP, Contender.SAMARA, count, 1)
                * count
                / median(FaultWork.Kind.LOOP, Contender.SAMARA, 1, 1);
        Figures.line(
                "%-13s %-17s %2d %14.0f %14.1f %7.2f %7.2f %10.2f",
                kind,
                kind.usesSpace() ? contender : "-",
                count,
                perSecond,
                1e9 / perProcessorSecond,
                gain,
                onProcessor,
                onProcessor / loop);
        figures.row(
                "work",
                kind,
                "contender",
                contender,
                "threads",
                count,
                "per_second",
                perSecond,
                "ns_on_a_processor",
                1e9 / perProcessorSecond,
                "gain",
                gain,
                "gain_on_processors",
                onProcessor,
                "of_the_loop_s",
                onProcessor / loop);
    }

    private static Rate round(FaultWork work, int count) throws InterruptedException {
        CyclicBarrier together = new CyclicBarrier(count);
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        List<FaultThread> workers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            workers.add(new FaultThread(work, i, together, failure));
        }
        workers.forEach(Thread::start);
        double perSecond = 0;
        double done = 0;
        double processor = 0;
        for (FaultThread worker : workers) {
            worker.join();
            perSecond += worker.done * 1e9 / worker.nanos;
            done += worker.done;
            processor += worker.processorNanos;
        }
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new IllegalStateException("a thread that was measured has failed", thrown);
        }
        work.validate();
        return new Rate(perSecond, done * 1e9 / processor);
    }

    /** A measuring thread. Its results are read after it ended. */
    private static final class FaultThread extends Thread {
        /**
         * How often the work of a round is repeated. The first repetition creates frames and tables, which the later
         * ones reuse.
         */
        private static final int TIMES = 4;

        private final FaultWork work;
        private final int number;
        private final CyclicBarrier together;
        private final AtomicReference<@Nullable Throwable> failure;
        private long done;
        private long nanos;
        private long processorNanos;

        FaultThread(FaultWork work, int number, CyclicBarrier together, AtomicReference<@Nullable Throwable> failure) {
            super("faulting-" + number);
            this.work = work;
            this.number = number;
            this.together = together;
            this.failure = failure;
        }

        @Override
        public void run() {
            try (Cpu cpu = work.claim()) {
                for (int i = 0; i < TIMES; i++) {
                    together.await();
                    measure(cpu, i > 0);
                    together.await();
                    work.undo(number);
                }
            } catch (BrokenBarrierException othersFailure) {
                failure.compareAndSet(null, othersFailure);
            } catch (Throwable thrown) {
                failure.set(thrown);
                together.reset();
            }
        }

        private void measure(Cpu cpu, boolean counts) {
            long processor = CLOCK.getCurrentThreadCpuTime();
            long began = System.nanoTime();
            long some = work.work(cpu, number);
            if (counts) {
                nanos += System.nanoTime() - began;
                processorNanos += CLOCK.getCurrentThreadCpuTime() - processor;
                done += some;
            }
        }
    }

    /**
     * The work of threads that fault in one space. Each workload is one repeatable round; most are known from the
     * literature.
     */
    static final class FaultWork {
        private static final long BASE = 0x1000_0000_0000L;
        private static final long PAGE = Ground.PAGE;
        private static final int HERE = FIXED | NORESERVE;
        private static final int CHUNK = 128;

        private final Kind kind;
        private final int pages;
        private final Machine machine;
        private final AddressSpace space;
        private final Contender contender;
        private final List<MemoryFile> files = new ArrayList<>();
        private final long[][] addresses;
        private final byte[][] memory;

        enum Kind {
            /** Arithmetic only: the best possible speedup of several threads. */
            LOOP("loop"),
            /** Each thread fills its own memory, page by page: the best possible speedup of work that writes memory. */
            ZEROING("zeroing"),
            /** pft: each thread faults in a disjoint part of one anonymous mapping. */
            PFT_ONE("pft-one-vma"),
            /** pft: each thread faults in its own anonymous mapping. */
            PFT_EACH("pft-vma-each"),
            /** CortenMM's pf LOW: in one mapping, each thread faults in pages of its own page tables. */
            PF_LOW("pf-low"),
            /** CortenMM's pf HIGH: in one mapping, the pages of all threads are interleaved in the same page tables. */
            PF_HIGH("pf-high"),
            /** will-it-scale page_fault1: mmap, write each page, munmap. */
            PAGE_FAULT_1("page_fault1"),
            /** Like {@link #PAGE_FAULT_1}, with a private mapping of a file. */
            PAGE_FAULT_2("page_fault2"),
            /** Like {@link #PAGE_FAULT_1}, with a shared mapping of a file. */
            PAGE_FAULT_3("page_fault3"),
            /** ebizzy: map, fill, search, unmap 512 KiB. */
            EBIZZY("ebizzy");

            static final List<String> NAMES =
                    Arrays.stream(values()).map(Kind::toString).toList();

            private final String text;

            Kind(String text) {
                this.text = text;
            }

            static Kind named(String text) {
                return values()[NAMES.indexOf(text)];
            }

            /** Returns whether the threads fault in and discard pages of one mapping that exists from the start. */
            boolean isMapped() {
                return this == PFT_ONE || this == PFT_EACH || this == PF_LOW || this == PF_HIGH;
            }

            boolean usesSpace() {
                return this != LOOP && this != ZEROING;
            }

            @Override
            public String toString() {
                return text;
            }
        }

        /**
         * Prepares a space.
         *
         * @param pages the number of pages that each thread touches in a round
         */
        FaultWork(Kind kind, String contenderName, int threads, int pages) {
            this.kind = kind;
            this.pages = pages;
            machine = Machine.builder()
                    .memory((threads * 2L + 1) * pages * PAGE + (64L << 20))
                    .build();
            space = machine.newSpace(Geometry.LINUX_X86_64);
            contender = Contender.named(contenderName, space);
            addresses = new long[threads][pages];
            memory = new byte[threads][kind == Kind.ZEROING ? pages * (int) PAGE : 0];
            for (int thread = 0; thread < threads; thread++) {
                for (int i = 0; i < pages; i++) {
                    addresses[thread][i] = own(thread) + i * PAGE;
                }
                files.add(machine.newFile("/file" + thread, thread + 1, Geometry.LINUX_X86_64, pages * PAGE));
                if (kind == Kind.PFT_EACH) {
                    // Every second mapping has different rights, so that no two are merged.
                    map(own(thread), thread % 2 == 0 ? READ | WRITE : READ | WRITE | 4, PRIVATE | ANONYMOUS, null);
                }
            }
            if (kind.isMapped() && kind != Kind.PFT_EACH) {
                Ground.done(contender.mmap(
                        BASE, (long) threads * pages * PAGE, READ | WRITE, HERE | PRIVATE | ANONYMOUS, null));
            }
            if (kind == Kind.PF_HIGH) {
                mix();
            }
        }

        private long own(int thread) {
            return BASE + (long) thread * pages * PAGE;
        }

        private void map(long address, int protection, int flags, @Nullable Backing file) {
            Ground.done(contender.mmap(address, pages * PAGE, protection, HERE | flags, file));
        }

        private void mix() {
            SplittableRandom random = new SplittableRandom(7);
            int all = addresses.length * pages;
            for (int i = all - 1; i > 0; i--) {
                int j = random.nextInt(i + 1);
                long swapped = addresses[i / pages][i % pages];
                addresses[i / pages][i % pages] = addresses[j / pages][j % pages];
                addresses[j / pages][j % pages] = swapped;
            }
        }

        /** Claims a CPU for the calling thread and switches it to the space. */
        Cpu claim() {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            return cpu;
        }

        /**
         * Runs the measured part of a round for one thread.
         *
         * @return the number of pages touched, or of operations
         */
        long work(Cpu cpu, int thread) {
            return switch (kind) {
                case LOOP -> loop(thread);
                case ZEROING -> zero(thread);
                case PFT_ONE, PFT_EACH, PF_LOW, PF_HIGH -> touch(cpu, thread, WRITE);
                case PAGE_FAULT_1 -> mapAndTouch(cpu, thread, PRIVATE | ANONYMOUS, null);
                case PAGE_FAULT_2 ->
                    mapAndTouch(cpu, thread, PRIVATE, files.get(thread).open());
                case PAGE_FAULT_3 ->
                    mapAndTouch(cpu, thread, SHARED, files.get(thread).open());
                case EBIZZY -> ebizzy(cpu, thread);
            };
        }

        /** Prepares the next round. Called while no thread works. */
        void undo(int thread) {
            if (kind.isMapped()) {
                Ground.done(contender.madvise(own(thread), pages * PAGE, Mman.DONTNEED));
            }
        }

        void validate() {
            space.validate();
            space.close();
            files.forEach(MemoryFile::close);
        }

        private long loop(int thread) {
            SplittableRandom random = new SplittableRandom(thread);
            long sum = 0;
            for (int i = 0; i < pages * 32; i++) {
                sum += random.nextLong();
            }
            // Never true. Without the comparison, the compiler could remove the sum.
            return sum == 42 ? 0 : pages;
        }

        private long zero(int thread) {
            byte[] own = memory[thread];
            for (int i = 0; i < pages; i++) {
                Arrays.fill(own, i * (int) PAGE, (i + 1) * (int) PAGE, (byte) 0);
            }
            return pages;
        }

        private long touch(Cpu cpu, int thread, int access) {
            for (long address : addresses[thread]) {
                touch(cpu, address, access);
            }
            return pages;
        }

        private void touch(Cpu cpu, long address, int access) {
            int result = contender.fault(cpu, address, access);
            if (result != Fault.NONE) {
                throw new IllegalStateException("a fault ended as " + Fault.toString(result));
            }
        }

        private long mapAndTouch(Cpu cpu, int thread, int flags, @Nullable Backing file) {
            map(own(thread), READ | WRITE, flags, file);
            touch(cpu, thread, WRITE);
            Ground.done(contender.munmap(own(thread), pages * PAGE));
            return pages;
        }

        private long ebizzy(Cpu cpu, int thread) {
            GuestMemory memory = cpu.memory();
            SplittableRandom random = new SplittableRandom(thread);
            for (int chunk = 0; chunk < pages / CHUNK; chunk++) {
                long start = own(thread) + chunk * (long) CHUNK * PAGE;
                Ground.done(contender.mmap(start, CHUNK * PAGE, READ | WRITE, HERE | PRIVATE | ANONYMOUS, null));
                for (int i = 0; i < CHUNK; i++) {
                    touch(cpu, start + i * PAGE, WRITE);
                    memory.store(start + i * PAGE, 8, i);
                }
                for (int i = 0; i < CHUNK; i++) {
                    memory.load(start + random.nextInt(CHUNK) * PAGE, 8);
                }
                Ground.done(contender.munmap(start, CHUNK * PAGE));
            }
            return pages;
        }
    }
}
