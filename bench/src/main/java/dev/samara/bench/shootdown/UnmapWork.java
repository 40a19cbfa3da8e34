// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import org.HdrHistogram.Histogram;

/** The time to remove written pages: LATR's mmap_micro. */
final class UnmapWork {
    private static final long BASE = 0x1000_0000_0000L;

    private UnmapWork() {}

    /** The times of the operations that remove pages, and the counts of shootdowns. */
    record Micro(Histogram taking, CpuThreads.ShootdownCounts counts) {}

    /**
     * The first CPU maps some pages, all CPUs write them, and the first CPU removes them while the other CPUs poll.
     *
     * @param cores the number of CPUs
     * @param discards whether the pages are discarded and the mapping stays; otherwise the mapping is unmapped
     */
    static Micro micro(int cores, int pages, boolean discards, int iterations) throws InterruptedException {
        Machine machine = CpuThreads.machine(pages);
        AddressSpace space = machine.newSpace(CpuThreads.GEOMETRY);
        long length = pages * CpuThreads.PAGE;
        Histogram taking = new Histogram(3);
        CpuThreads.ShootdownCounts counts = CpuThreads.play(machine, space, cores, member -> {
            for (int i = 0; i < iterations; i++) {
                boolean isFirst = member.number() == 0;
                if (isFirst && (i == 0 || !discards)) {
                    member.operate(BASE, () -> space.mmap(BASE, length, READ | WRITE, MapWork.HERE, null, 0));
                }
                member.together();
                for (int page = 0; page < pages; page++) {
                    member.write(BASE + page * CpuThreads.PAGE, page);
                }
                member.together();
                if (isFirst) {
                    taking.recordValue(member.operate(
                            BASE,
                            () -> discards ? space.madvise(BASE, length, Mman.DONTNEED) : space.munmap(BASE, length)));
                }
                member.together();
            }
        });
        space.validate();
        space.close();
        return new Micro(taking, counts);
    }
}
