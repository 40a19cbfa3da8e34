// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import java.util.Arrays;
import java.util.List;
import org.HdrHistogram.Histogram;

/**
 * Pages that are discarded and written again: will-it-scale's tlb_flush2, and a pool of frames that one space reuses.
 */
final class ReuseWork {
    private static final long BASE = 0x1000_0000_0000L;

    /** The number of pages of tlb_flush2's mapping. */
    static final int PAGES = 256;

    private ReuseWork() {}

    /** The CPUs of a run. */
    enum Setting {
        /** One CPU. */
        ALONE("alone", 1),
        /** Two CPUs, each with its own mapping. */
        TWO("two", 2),
        /** One CPU, and another that reads each page before it is discarded, and polls. */
        WATCHED("watched", 2);

        static final List<String> NAMES =
                Arrays.stream(values()).map(Setting::toString).toList();

        private final String text;
        private final int cpus;

        Setting(String text, int cpus) {
            this.text = text;
            this.cpus = cpus;
        }

        int cpus() {
            return cpus;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * The times of each phase, per page; the times to map and to unmap are per mapping.
     *
     * @param pages the number of discarded pages
     */
    record Phases(
            long pages,
            Histogram mapping,
            Histogram writing,
            Histogram discarding,
            Histogram reading,
            Histogram unmapping,
            CpuThreads.ShootdownCounts counts) {}

    private static Phases newPhases(long pages, CpuThreads.ShootdownCounts counts) {
        return new Phases(
                pages,
                new Histogram(3),
                new Histogram(3),
                new Histogram(3),
                new Histogram(3),
                new Histogram(3),
                counts);
    }

    /**
     * Maps 256 pages, writes each page, discards it and reads zero from it, and unmaps all pages.
     *
     * @param iterations the number of iterations on each CPU
     */
    static Phases flush(Setting setting, int iterations) throws InterruptedException {
        CpuThreads.ShootdownCounts none = new CpuThreads.ShootdownCounts(0, 0, 0, 0);
        Phases[] parts = {newPhases(0, none), newPhases(0, none)};
        Machine machine = CpuThreads.machine(2 * PAGES);
        AddressSpace space = machine.newSpace(CpuThreads.GEOMETRY);
        boolean isWatched = setting == Setting.WATCHED;
        CpuThreads.ShootdownCounts counts = CpuThreads.play(machine, space, setting.cpus(), member -> {
            for (int i = 0; i < iterations; i++) {
                if (isWatched && member.number() > 0) {
                    watch(member);
                } else {
                    flush(member, parts[member.number()], isWatched);
                }
            }
        });
        space.validate();
        space.close();
        int working = isWatched ? 1 : setting.cpus();
        Phases all = newPhases((long) working * iterations * PAGES, counts);
        for (Phases part : parts) {
            all.mapping.add(part.mapping);
            all.writing.add(part.writing);
            all.discarding.add(part.discarding);
            all.reading.add(part.reading);
            all.unmapping.add(part.unmapping);
        }
        return all;
    }

    private static void flush(CpuThreads.CpuThread member, Phases phases, boolean isWatched) {
        AddressSpace space = member.space();
        long start = BASE + member.number() * CpuThreads.MIB;
        phases.mapping.recordValue(
                member.operate(start, () -> space.mmap(start, CpuThreads.MIB, READ | WRITE, MapWork.HERE, null, 0)));
        for (int i = 0; i < PAGES; i++) {
            long page = start + i * CpuThreads.PAGE;
            long began = System.nanoTime();
            member.write(page, 1);
            phases.writing.recordValue(System.nanoTime() - began);
            if (isWatched) {
                member.together();
                member.together();
            }
            phases.discarding.recordValue(
                    member.operate(page, () -> space.madvise(page, CpuThreads.PAGE, Mman.DONTNEED)));
            began = System.nanoTime();
            long number = member.read(page);
            phases.reading.recordValue(System.nanoTime() - began);
            if (number != 0) {
                throw new IllegalStateException("a page that was discarded has " + number);
            }
        }
        phases.unmapping.recordValue(member.operate(start, () -> space.munmap(start, CpuThreads.MIB)));
        if (isWatched) {
            member.together();
        }
    }

    /** Reads each page after the first CPU wrote it. */
    private static void watch(CpuThreads.CpuThread member) {
        for (int i = 0; i < PAGES; i++) {
            member.together();
            if (member.read(BASE + i * CpuThreads.PAGE) != 1) {
                throw new IllegalStateException("a page that was written has nothing");
            }
            member.together();
        }
        member.together();
    }

    /**
     * The outcome of a pool.
     *
     * @param recycled the number of evicted pages
     * @param evictions the number of operations that evicted them
     * @param evicting the times of the evictions in nanoseconds
     * @param refaulting the times of the first write to each page in nanoseconds
     */
    record Recycled(
            long recycled,
            long evictions,
            Histogram evicting,
            Histogram refaulting,
            CpuThreads.ShootdownCounts counts) {}

    /**
     * Writes the pages of a mapping in turn, and discards the least recently written pages. The number of frames in use
     * never exceeds the size of the pool.
     *
     * @param frames the size of the pool
     * @param batch the number of pages evicted at a time, a divisor of {@code frames}
     * @param isRead whether another CPU reads each page before its eviction
     */
    static Recycled recycle(int frames, int batch, boolean isRead, int laps) throws InterruptedException {
        int pages = 2 * frames;
        Machine machine = CpuThreads.machine(frames);
        AddressSpace space = machine.newSpace(CpuThreads.GEOMETRY);
        CpuThreads.done(space.mmap(BASE, pages * CpuThreads.PAGE, READ | WRITE, MapWork.HERE, null, 0));
        Histogram evicting = new Histogram(3);
        Histogram refaulting = new Histogram(3);
        CpuThreads.ShootdownCounts counts = CpuThreads.play(machine, space, isRead ? 2 : 1, member -> {
            for (int next = 0; next < laps * pages; next += batch) {
                long written = BASE + next % pages * CpuThreads.PAGE;
                if (member.number() == 0) {
                    if (next >= frames) {
                        long oldest = BASE + (next - frames) % pages * CpuThreads.PAGE;
                        evicting.recordValue(member.operate(
                                oldest, () -> space.madvise(oldest, batch * CpuThreads.PAGE, Mman.DONTNEED)));
                    }
                    for (int i = 0; i < batch; i++) {
                        long began = System.nanoTime();
                        member.write(written + i * CpuThreads.PAGE, next);
                        refaulting.recordValue(System.nanoTime() - began);
                    }
                }
                member.together();
                if (member.number() == 1) {
                    for (int i = 0; i < batch; i++) {
                        if (member.read(written + i * CpuThreads.PAGE) != next) {
                            throw new IllegalStateException("a page has what another had");
                        }
                    }
                }
                member.together();
            }
        });
        if (machine.statistics().framesInUse() > frames) {
            throw new IllegalStateException("more frames are in use than the pool has");
        }
        space.validate();
        space.close();
        long evictions = evicting.getTotalCount();
        return new Recycled(evictions * batch, evictions, evicting, refaulting, counts);
    }
}
