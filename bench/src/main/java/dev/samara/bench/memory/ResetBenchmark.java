// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Runs that start from the same state, as in a fuzzer. Each run uses a new child of a template, or all runs share one
 * space in which the content of written pages is restored after each run. A run only stores to some pages.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
@State(Scope.Thread)
public class ResetBenchmark {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final long BASE = 1L << 32;

    /** The number of mappings. */
    @Param({"16", "256"})
    public int mappings;

    /** The number of pages in memory, divided evenly among the mappings. */
    @Param("4096")
    public int present;

    /** The number of pages that a run writes, at most {@link #present}. */
    @Param({"4", "64"})
    public int written;

    private Machine machine;
    private Cpu cpu;
    private AddressSpace template;
    private AddressSpace kept;
    private final Map<Long, byte[]> bytes = new HashMap<>();

    /** Called by JMH; {@link #setUp()} creates the state. */
    public ResetBenchmark() {}

    /** Creates and fills the template, and the space that is reset. */
    @Setup(Level.Trial)
    public void setUp() {
        machine = Machine.builder().memory(4L * present * PAGE).build();
        cpu = machine.claimCpu();
        template = machine.newSpace(GEOMETRY);
        cpu.switchTo(template);
        for (int i = 0; i < mappings; i++) {
            int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
            template.throwing()
                    .mmap(
                            address(i * pagesOfMapping()),
                            pagesOfMapping() * PAGE,
                            Mman.READ | Mman.WRITE,
                            flags,
                            null,
                            0);
        }
        for (int page = 0; page < present; page++) {
            store(address(page), page);
        }
        kept = template.fork();
        cpu.switchTo(kept);
        for (int i = 0; i < written; i++) {
            byte[] image = new byte[(int) PAGE];
            cpu.memory().copyOut(picked(i), image, 0, (int) PAGE);
            bytes.put(picked(i), image);
        }
        forget();
        cpu.switchTo(null);
    }

    /** Closes the machine. */
    @TearDown(Level.Trial)
    public void tearDown() {
        cpu.close();
        kept.close();
        template.close();
        machine.close();
    }

    private int pagesOfMapping() {
        return present / mappings;
    }

    /** Returns the address of a page. A hole follows each mapping. */
    private long address(int page) {
        return BASE + (page + page / pagesOfMapping()) * PAGE;
    }

    /** Returns the address of a page that a run writes. The written pages are spread over all mappings. */
    private long picked(int i) {
        return address(i * (present / written));
    }

    private void store(long address, long number) {
        int fault = cpu.memory().store(address, Long.BYTES, number);
        if (fault != Fault.NONE) {
            throw new IllegalStateException(Fault.toString(fault));
        }
    }

    private void runOnce() {
        for (int i = 0; i < written; i++) {
            store(picked(i), -1);
        }
    }

    private byte[] image(long page) {
        return Objects.requireNonNull(bytes.get(page));
    }

    private void forget() {
        kept.collectDirty(0, GEOMETRY.limit(), page -> {});
    }

    /** Forks the template, runs in the child, and closes the child. */
    @Benchmark
    @About("a run in a child that is forked for it, and the end of the child")
    public void forked() {
        try (AddressSpace child = template.fork()) {
            cpu.switchTo(child);
            runOnce();
        }
        cpu.switchTo(null);
    }

    /**
     * Runs in the space that all runs share, and restores the content of its pages.
     *
     * @return the number of restored pages
     */
    @Benchmark
    @About("a run in a space whose written pages get their bytes back after it")
    public long reset() {
        cpu.switchTo(kept);
        runOnce();
        long pages =
                kept.collectDirty(0, GEOMETRY.limit(), page -> cpu.memory().copyIn(page, image(page), 0, (int) PAGE));
        forget();
        cpu.switchTo(null);
        return pages;
    }

    /** Runs in the space that all runs share, without a reset. */
    @Benchmark
    @About("the stores of a run, without a fork or a reset")
    public void storesOnly() {
        cpu.switchTo(kept);
        runOnce();
        cpu.switchTo(null);
    }

    /**
     * Returns the sum of the content of the pages that a run writes, in the template or in the space that all runs
     * share.
     */
    long sum(boolean ofTemplate) {
        cpu.switchTo(ofTemplate ? template : kept);
        long sum = 0;
        for (int i = 0; i < written; i++) {
            cpu.memory().load(picked(i), Long.BYTES);
            sum += cpu.memory().value();
        }
        cpu.switchTo(null);
        return sum;
    }
}
