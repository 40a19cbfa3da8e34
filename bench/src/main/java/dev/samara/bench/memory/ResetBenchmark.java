// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.HashMap;
import java.util.List;
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
 * space: after each run, the content of written pages is copied back; a checkpoint is restored; or the copies of an
 * image's pages are dropped. A run only stores to some pages.
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
    private static final long PAGE = FilledSpace.PAGE;

    /** The number of mappings. */
    @Param({"16", "256"})
    public int mappings;

    /** The number of pages in memory, divided evenly among the mappings. */
    @Param("4096")
    public int present;

    /** The number of pages that a run writes, at most {@link #present}. */
    @Param({"4", "64"})
    public int written;

    private FilledSpace filled;
    private Cpu cpu;
    private AddressSpace template;
    private AddressSpace kept;
    private AddressSpace marked;
    private AddressSpace mapped;
    private Checkpoint checkpoint;
    private final Map<Long, byte[]> bytes = new HashMap<>();

    /** Called by JMH; {@link #setUp()} creates the state. */
    public ResetBenchmark() {}

    /** Creates and fills the template, and the spaces that runs share. */
    @Setup(Level.Trial)
    public void setUp() {
        filled = new FilledSpace(mappings, present);
        cpu = filled.cpu;
        template = filled.space;
        kept = template.fork();
        cpu.switchTo(kept);
        for (int i = 0; i < written; i++) {
            long page = filled.picked(i, written);
            byte[] image = new byte[(int) PAGE];
            cpu.memory().copyOut(page, image, 0, (int) PAGE);
            bytes.put(page, image);
        }
        forget();
        marked = template.fork();
        checkpoint = marked.checkpoint();
        mapped = filled.machine.newSpace(FilledSpace.GEOMETRY);
        mapImage();
        cpu.switchTo(null);
    }

    /** Maps the pages of the template from a file instead, which contains them. */
    private void mapImage() {
        MemoryFile file = filled.machine.newFile("image", 1, FilledSpace.GEOMETRY, present * PAGE);
        byte[] image = new byte[(int) PAGE];
        cpu.switchTo(template);
        for (int page = 0; page < present; page++) {
            cpu.memory().copyOut(filled.address(page), image, 0, (int) PAGE);
            file.pwrite(image, 0, (int) PAGE, page * PAGE);
        }
        Backing open = file.open();
        for (int i = 0; i < mappings; i++) {
            int flags = Mman.PRIVATE | Mman.FIXED;
            long offset = i * filled.length();
            mapped.throwing().mmap(filled.start(i), filled.length(), Mman.READ | Mman.WRITE, flags, open, offset);
        }
    }

    /** Closes the machine. */
    @TearDown(Level.Trial)
    public void tearDown() {
        checkpoint.close();
        mapped.close();
        marked.close();
        kept.close();
        filled.close();
    }

    private void runOnce() {
        filled.storeTo(written, -1);
    }

    private byte[] image(long page) {
        return Objects.requireNonNull(bytes.get(page));
    }

    private void forget() {
        kept.collectDirty(0, FilledSpace.GEOMETRY.limit(), page -> {});
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
        long limit = FilledSpace.GEOMETRY.limit();
        long pages = kept.collectDirty(0, limit, page -> cpu.memory().copyIn(page, image(page), 0, (int) PAGE));
        forget();
        cpu.switchTo(null);
        return pages;
    }

    /**
     * Runs in a space with a checkpoint, and restores it.
     *
     * @return the number of restored pages
     */
    @Benchmark
    @About("a run in a space whose checkpoint is restored after it")
    public long restored() {
        cpu.switchTo(marked);
        runOnce();
        long pages = checkpoint.restore();
        cpu.switchTo(null);
        return pages;
    }

    /**
     * Runs in a space that maps an image privately, and drops the copies of the image's pages.
     *
     * @return 0, or the errno for holes between mappings, which are left out
     */
    @Benchmark
    @About("a run in a private mapping of a file, whose copied pages are discarded after it")
    public long discarded() {
        cpu.switchTo(mapped);
        runOnce();
        long start = filled.start(0);
        long result = mapped.madvise(start, filled.start(mappings) - start, Mman.DONTNEED);
        if (Errno.isError(result) && Errno.of(result) != Errno.ENOMEM) {
            throw new IllegalStateException("the pages could not be discarded: " + Errno.of(result));
        }
        cpu.switchTo(null);
        return result;
    }

    /** Runs in a space that all runs share, without a reset. */
    @Benchmark
    @About("the stores of a run, without a fork or a reset")
    public void storesOnly() {
        cpu.switchTo(kept);
        runOnce();
        cpu.switchTo(null);
    }

    /** Returns the spaces whose content is the template's between two runs. */
    List<AddressSpace> unchanged() {
        return List.of(template, kept, marked, mapped);
    }

    /** Returns the sum of the content of the pages that a run writes. */
    long sum(AddressSpace space) {
        cpu.switchTo(space);
        long sum = 0;
        for (int i = 0; i < written; i++) {
            cpu.memory().load(filled.picked(i, written), Long.BYTES);
            sum += cpu.memory().value();
        }
        cpu.switchTo(null);
        return sum;
    }
}
