// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Advice;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.HdrHistogram.Histogram;

/**
 * The time to remove written pages: LATR's mmap_micro; and CortenMM's munmap, by the request's position in its
 * sequence.
 */
final class UnmapWork {
    /** The number of pages that each thread unmaps, each by a separate request. */
    static final int REQUESTS = 32;

    private static final long BASE = 0x1000_0000_0000L;

    /** The number of pages of one page table. */
    private static final int TABLE = 512;

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
                            () -> discards
                                    ? space.madvise(BASE, length, Advice.DONTNEED)
                                    : space.munmap(BASE, length)));
                }
                member.together();
            }
        });
        space.validate();
        space.close();
        return new Micro(taking, counts);
    }

    /** The times of each request of a thread, and the counts of all shootdowns. */
    record Requests(List<Histogram> taking, long shootdowns, long targets) {}

    /**
     * All threads concurrently write single pages of one mapping and unmap them, one at a time. Each run uses a new
     * space.
     *
     * @param isHigh whether the pages of all threads are interleaved in the same page tables; otherwise each thread has
     *     its own page table
     */
    static Requests requests(int threads, boolean isHigh, int runs) throws InterruptedException {
        long[][] pages = pages(threads, isHigh);
        Histogram[][] taking = new Histogram[threads][REQUESTS];
        for (Histogram[] of : taking) {
            Arrays.setAll(of, i -> new Histogram(3));
        }
        long shootdowns = 0;
        long targets = 0;
        Machine machine = CpuThreads.machine((long) threads * REQUESTS);
        for (int run = 0; run < runs; run++) {
            AddressSpace space = machine.newSpace(CpuThreads.GEOMETRY);
            CpuThreads.done(
                    space.mmap(BASE, (long) threads * TABLE * CpuThreads.PAGE, READ | WRITE, MapWork.HERE, null, 0));
            CpuThreads.ShootdownCounts counts = CpuThreads.play(machine, space, threads, member -> {
                long[] own = pages[member.number()];
                for (long page : own) {
                    member.write(page, 1);
                }
                member.together();
                for (int i = 0; i < REQUESTS; i++) {
                    long page = own[i];
                    taking[member.number()][i].recordValue(
                            member.operate(page, () -> space.munmap(page, CpuThreads.PAGE)));
                }
            });
            shootdowns += counts.shootdowns();
            targets += counts.targets();
            space.validate();
            space.close();
        }
        for (int thread = 1; thread < threads; thread++) {
            for (int i = 0; i < REQUESTS; i++) {
                taking[0][i].add(taking[thread][i]);
            }
        }
        return new Requests(List.of(taking[0]), shootdowns, targets);
    }

    private static long[][] pages(int threads, boolean isHigh) {
        int all = threads * REQUESTS;
        long[] order = new long[all];
        for (int i = 0; i < all; i++) {
            // The pages are not adjacent, so that each request splits the mapping.
            order[i] = BASE + (long) i * (TABLE / REQUESTS) * CpuThreads.PAGE;
        }
        if (isHigh) {
            SplittableRandom random = new SplittableRandom(7);
            for (int i = all - 1; i > 0; i--) {
                int j = random.nextInt(i + 1);
                long swapped = order[i];
                order[i] = order[j];
                order[j] = swapped;
            }
        }
        long[][] pages = new long[threads][];
        Arrays.setAll(pages, i -> Arrays.copyOfRange(order, i * REQUESTS, (i + 1) * REQUESTS));
        return pages;
    }
}
