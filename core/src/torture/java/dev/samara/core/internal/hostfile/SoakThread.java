// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.hostfile.HostFileSoak.Settings;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/** One thread of a {@link HostFileSoak}, with its own space. It owns one number on each page of each file. */
final class SoakThread extends Thread {
    private static final int BATCH = 64;
    private static final int MOST_HITS = 1 << 16;
    private static final int RIGHTS = Mman.READ | Mman.WRITE;

    /** The number of host reads of pages by the current thread. */
    private static final ThreadLocal<int[]> READS = ThreadLocal.withInitial(() -> new int[1]);

    private final Machine machine;
    private final List<HostFile> files;
    private final ReentrantReadWriteLock working;
    private final int number;
    private final AddressSpace space;
    private final Random random;

    /* Indexed by mapping. */

    private final int[] mappedFile;
    private final int[] mappedPage;
    private final long[] mappedAt;

    /** The last stored number, by file and page. */
    private final long[] stored;

    /** A sample of the durations of faults whose page was in memory, in nanoseconds. */
    private final long[] hits = new long[MOST_HITS];

    private long hitCount;
    private long accesses;
    private volatile boolean isOver;
    private volatile @Nullable Throwable failure;

    SoakThread(Machine machine, List<HostFile> files, ReentrantReadWriteLock working, Settings settings, int number) {
        super("soak " + number);
        this.machine = machine;
        this.files = files;
        this.working = working;
        this.number = number;
        space = machine.newSpace(GEOMETRY);
        random = new Random(settings.seed() * 31 + number);
        int mappings = settings.mappings() / settings.threads();
        mappedFile = new int[mappings];
        mappedPage = new int[mappings];
        mappedAt = new long[mappings];
        stored = new long[files.size() * HostFileSoak.PAGES];
    }

    static void noteRead() {
        READS.get()[0]++;
    }

    void end() {
        isOver = true;
    }

    long accesses() {
        return accesses;
    }

    long[] hits() {
        return Arrays.copyOf(hits, (int) Math.min(hitCount, MOST_HITS));
    }

    void checkAlive() {
        Throwable thrown = failure;
        if (thrown != null) {
            throw new AssertionError(this + " has failed", thrown);
        }
    }

    void closeSpace() {
        checkAlive();
        space.close();
    }

    @Override
    public void run() {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (int i = 0; i < mappedAt.length; i++) {
                map(i);
            }
            while (!isOver) {
                working.readLock().lock();
                try {
                    for (int i = 0; i < BATCH; i++) {
                        step(cpu);
                    }
                } finally {
                    working.readLock().unlock();
                }
            }
        } catch (Throwable thrown) {
            failure = thrown;
        }
    }

    /** Maps some pages of some file. */
    private void map(int mapping) {
        int file = random.nextInt(files.size());
        int page = random.nextInt(HostFileSoak.PAGES - HostFileSoak.MAPPED + 1);
        long length = HostFileSoak.MAPPED * PAGE;
        long at = space.mmap(0, length, RIGHTS, Mman.SHARED, files.get(file), page * PAGE);
        mappedFile[mapping] = file;
        mappedPage[mapping] = page;
        mappedAt[mapping] = at;
    }

    private static void check(long result, String what) {
        if (result != 0) {
            throw new AssertionError(what + " has returned " + result);
        }
    }

    private void step(Cpu cpu) {
        int mapping = random.nextInt(mappedAt.length);
        int choice = random.nextInt(10_000);
        if (choice < 2_000) {
            check(space.munmap(mappedAt[mapping], HostFileSoak.MAPPED * PAGE), "munmap");
            map(mapping);
            loadFresh(cpu, mapping);
        } else if (choice < 4_000) {
            store(cpu, mapping);
        } else if (choice < 4_010) {
            check(space.msync(mappedAt[mapping], HostFileSoak.MAPPED * PAGE, Mman.SYNC), "msync");
        } else if (choice < 4_012) {
            check(files.get(mappedFile[mapping]).fsync(), "fsync");
        } else if (choice < 4_022) {
            advise(mapping, Mman.PAGEOUT);
        } else if (choice < 4_032) {
            advise(mapping, Mman.DONTNEED);
        } else if (choice < 4_033) {
            space.fork().close();
        } else if (choice < 4_053) {
            interrupted(cpu, mapping);
        } else {
            load(cpu, mapping, random.nextInt(HostFileSoak.MAPPED));
        }
        accesses++;
    }

    private void advise(int mapping, int advice) {
        check(space.madvise(mappedAt[mapping], HostFileSoak.MAPPED * PAGE, advice), "madvise");
    }

    /**
     * Reads and writes pages, possibly from the host, while an interrupt is pending. The interrupt must not end a call,
     * and must not be lost.
     */
    private void interrupted(Cpu cpu, int mapping) {
        interrupt();
        store(cpu, mapping);
        loadFresh(cpu, mapping);
        if (!Thread.interrupted()) {
            throw new AssertionError("an interrupt was lost");
        }
    }

    /** Returns the index of the number of a page. */
    private int at(int mapping, int page) {
        return mappedFile[mapping] * HostFileSoak.PAGES + mappedPage[mapping] + page;
    }

    private long address(int mapping, int page) {
        return mappedAt[mapping] + page * PAGE + (long) number * Long.BYTES;
    }

    private void store(Cpu cpu, int mapping) {
        int page = random.nextInt(HostFileSoak.MAPPED);
        long value = stored[at(mapping, page)] + 1;
        check(cpu.memory().store(address(mapping, page), 8, value) - Fault.NONE, "a store");
        stored[at(mapping, page)] = value;
    }

    private void load(Cpu cpu, int mapping, int page) {
        check(cpu.memory().load(address(mapping, page), 8) - Fault.NONE, "a load");
        long loaded = cpu.memory().value();
        if (loaded != stored[at(mapping, page)]) {
            throw new AssertionError("stored " + stored[at(mapping, page)] + ", loaded " + loaded);
        }
    }

    /** Loads from a mapping without a mapped page, and records the duration if the page was in memory. */
    private void loadFresh(Cpu cpu, int mapping) {
        int page = random.nextInt(HostFileSoak.MAPPED);
        int before = READS.get()[0];
        long begin = System.nanoTime();
        load(cpu, mapping, page);
        long nanos = System.nanoTime() - begin;
        if (READS.get()[0] == before) {
            hits[(int) (hitCount++ % MOST_HITS)] = nanos;
        }
    }

    /** Checks the numbers of this thread in a file. */
    void checkFile(int file, ByteBuffer bytes) {
        for (int page = 0; page < HostFileSoak.PAGES; page++) {
            long found = bytes.getLong(page * (int) PAGE + number * Long.BYTES);
            long last = stored[file * HostFileSoak.PAGES + page];
            if (found != last) {
                throw new AssertionError("page " + page + " of file " + file + " has " + found + ", not " + last);
            }
        }
    }
}
