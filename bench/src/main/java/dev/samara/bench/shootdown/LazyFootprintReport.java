// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/**
 * The heap that a space takes with each strategy for LAZY CPUs: a space with one page, and a space that ended while a
 * CPU is still LAZY in it.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar lazy-footprint --spaces 1000 --json FILE}. Each space has its own
 * CPU, which stays LAZY in the space. The heap of the CPUs alone is measured first, and is not part of the figures.
 */
public final class LazyFootprintReport {
    private static final long AT = 0x10_0000_0000L;
    private static final int FLAGS =
            MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED | MapFlags.POPULATE | MapFlags.NORESERVE;
    private static final int COLLECTIONS = 5;

    private final int spaces;
    private final Figures figures;

    private LazyFootprintReport(String[] words) {
        Arguments arguments = new Arguments(words);
        spaces = arguments.count("--spaces", 1, 1000);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(LazyFootprintReport.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        new LazyFootprintReport(arguments).run();
    }

    private void run() throws InterruptedException {
        Figures.line("%-16s %12s %12s %12s", "bytes per space", "CPU", "in use", "ended");
        // A warm-up, because the first machine also loads classes.
        measure(LazyTlb.SHOOTDOWN, false);
        for (LazyTlb strategy : LazyTlb.values()) {
            measure(strategy, true);
        }
        figures.write();
    }

    private void measure(LazyTlb strategy, boolean isShown) throws InterruptedException {
        try (Machine machine = Machine.builder()
                .memory(spaces * CpuThreads.PAGE)
                .tlbEntries(64)
                .lazyTlb(strategy)
                .build()) {
            List<Cpu> cpus = new ArrayList<>();
            try (AddressSpace first = machine.newSpace(CpuThreads.GEOMETRY)) {
                long before = heap(machine);
                for (int i = 0; i < spaces; i++) {
                    Cpu cpu = machine.claimCpu();
                    cpu.switchTo(first);
                    cpu.switchTo(null);
                    cpus.add(cpu);
                }
                long withCpus = heap(machine);
                List<AddressSpace> made = new ArrayList<>();
                for (Cpu cpu : cpus) {
                    AddressSpace space = machine.newSpace(CpuThreads.GEOMETRY);
                    CpuThreads.done(
                            space.mmap(AT, CpuThreads.PAGE, Protection.READ | Protection.WRITE, FLAGS, null, 0));
                    cpu.switchTo(space);
                    cpu.enterLazy();
                    made.add(space);
                }
                long inUse = heap(machine);
                made.forEach(AddressSpace::close);
                made.clear();
                long ended = heap(machine);
                if (isShown) {
                    show(strategy, each(withCpus - before), each(inUse - withCpus), each(ended - withCpus));
                }
            } finally {
                cpus.forEach(Cpu::close);
            }
        }
    }

    private double each(long bytes) {
        return (double) bytes / spaces;
    }

    private void show(LazyTlb strategy, double cpu, double inUse, double ended) {
        Figures.line("%-16s %12.0f %12.0f %12.0f", strategy, cpu, inUse, ended);
        figures.row("strategy", strategy.name(), "cpu_bytes", cpu, "bytes", inUse, "ended_bytes", ended);
    }

    private static long heap(Machine machine) throws InterruptedException {
        machine.awaitQuiescence();
        long least = Long.MAX_VALUE;
        for (int i = 0; i < COLLECTIONS; i++) {
            System.gc();
            least = Math.min(
                    least,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        }
        return least;
    }
}
