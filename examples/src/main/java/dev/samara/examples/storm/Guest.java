// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

import dev.samara.core.Cpu;
import dev.samara.core.vma.Fault;
import java.util.List;
import java.util.Random;

/** A CPU in GUEST: loads, stores and atomics, by handle and by address. For one thread. */
final class Guest {
    private static final int ACCESSES = 256;
    private static final int BETWEEN_POLLS = 8;
    private static final int WORD = Long.BYTES;

    private final Cpu cpu;
    private final List<Plot> plots;
    private final Judges judges;
    private final Random random;

    /** Additions to the pages of the last plot, which keeps what it contains. */
    private final long[] added;

    Guest(Cpu cpu, List<Plot> plots, Judges judges, Random random, long[] added) {
        this.cpu = cpu;
        this.plots = plots;
        this.judges = judges;
        this.random = random;
        this.added = added;
    }

    /** Enters GUEST for a while. */
    void step() {
        cpu.enterGuest();
        try {
            for (int n = 1; n <= ACCESSES; n++) {
                Plot plot = plots.get(random.nextInt(plots.size()));
                int page = random.nextInt(plot.pages());
                switch (random.nextInt(6)) {
                    case 0, 1 -> loadByHandle(plot, page);
                    case 2 -> storeByHandle(plot, page);
                    case 3 -> add(plot, page, random.nextBoolean());
                    case 4 -> loadByAddress(plot, page);
                    default -> storeByAddress(plot, page);
                }
                if (n % BETWEEN_POLLS == 0) {
                    cpu.poll();
                }
            }
        } finally {
            cpu.leaveGuest();
        }
    }

    private long forLoad(long address) {
        long handle = cpu.probeLoad(address, WORD);
        return handle == Cpu.MISS ? cpu.resolveLoad(address, WORD) : handle;
    }

    private long forStore(long address) {
        long handle = cpu.probeStore(address, WORD);
        return handle == Cpu.MISS ? cpu.resolveStore(address, WORD) : handle;
    }

    private static int result(long handle) {
        return handle >= 0 ? Fault.MINOR : (int) -handle;
    }

    private void loadByHandle(Plot plot, int page) {
        long before = plot.word(page);
        long handle = forLoad(plot.address(page) + Plot.STAMP);
        long cleared = plot.cleared(page);
        if (handle >= 0) {
            judges.content(plot, page, cpu.get(handle, WORD), cleared);
        }
        judges.outcome(plot, page, before, Plot.READ, result(handle));
    }

    private void loadByAddress(Plot plot, int page) {
        long before = plot.word(page);
        long cleared = plot.cleared(page);
        int result = cpu.load(plot.address(page) + Plot.STAMP, WORD);
        if (Fault.isDone(result)) {
            judges.content(plot, page, cpu.value(), cleared);
        }
        judges.outcome(plot, page, before, Plot.READ, result);
    }

    private void storeByHandle(Plot plot, int page) {
        long before = plot.word(page);
        long handle = forStore(plot.address(page) + Plot.STAMP);
        if (handle >= 0) {
            // Read while the handle lives: what clears the page after this version waits for this store.
            cpu.put(handle, WORD, plot.stampOf(page, plot.word(page)));
        }
        judges.outcome(plot, page, before, Plot.WRITE, result(handle));
    }

    private void storeByAddress(Plot plot, int page) {
        long before = plot.word(page);
        long address = plot.address(page) + Plot.STAMP;
        long stamp = plot.stamp(page, Plot.ANY_VERSION, false);
        int result = random.nextBoolean() ? cpu.store(address, WORD, stamp) : cpu.getAndSet(address, WORD, stamp);
        judges.outcome(plot, page, before, Plot.WRITE, result);
    }

    private void add(Plot plot, int page, boolean byHandle) {
        long before = plot.word(page);
        long address = plot.address(page) + Plot.SUM;
        int result;
        if (byHandle) {
            long handle = forStore(address);
            result = result(handle);
            if (handle >= 0) {
                cpu.add(handle, WORD, 1);
            }
        } else {
            result = cpu.getAndAdd(address, WORD, 1);
        }
        if (Fault.isDone(result) && plot == plots.get(plots.size() - 1)) {
            added[page % plot.distinct()]++;
        }
        judges.outcome(plot, page, before, Plot.WRITE, result);
    }
}
