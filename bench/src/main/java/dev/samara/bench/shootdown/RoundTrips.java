// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.tlb.TlbGather;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Round trips between two threads: a shootdown of one page and the peer's acknowledgement, or a word and its answer.
 *
 * <p>Each kind is measured twice. Batches provide a mean that excludes the cost of reading the clock. Single trips,
 * each between two readings of the clock, provide the percentiles.
 */
final class RoundTrips {
    private static final int BATCH = 256;

    /** How many times the peer polls before it checks whether it must stop. */
    private static final int TURNS = 64;

    private static final int PAD = 16;

    private final Peer peer;
    private final Pair pair = new Pair();
    private final AtomicLongArray word = new AtomicLongArray(2 * PAD + 1);
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean isReady;
    private volatile boolean isOver;
    private long sent;

    /** The peers of a round trip. */
    enum Peer {
        /** A thread that answers each word with the next number: the minimum cost for two threads. */
        PING_PONG("ping-pong", 0),
        /** A CPU that is not in GUEST: the cost of a shootdown that waits for no CPU. */
        NOBODY("nobody", 0),
        /** A CPU that only polls. */
        SPINNING("spinning", 0),
        /** A CPU that polls after every 16 loads. */
        EVERY_16("every-16", 16),
        /** A CPU that polls after every 64 loads. */
        EVERY_64("every-64", 64);

        static final List<String> NAMES =
                Arrays.stream(values()).map(Peer::toString).toList();

        private final String text;
        private final int loads;

        Peer(String text, int loads) {
            this.text = text;
            this.loads = loads;
        }

        static Peer named(String text) {
            return values()[NAMES.indexOf(text)];
        }

        /** Returns the number of loads between polls. */
        int loads() {
            return loads;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * The results of round trips.
     *
     * @param batches the mean time of a trip in each batch, in nanoseconds
     * @param single the times of single trips in nanoseconds, including a reading of the clock
     * @param targets the number of CPUs that all trips together waited for
     */
    record Trips(List<Double> batches, Histogram single, long targets) {}

    private RoundTrips(Peer peer) {
        this.peer = peer;
    }

    /**
     * Measures round trips between the calling thread and a new one.
     *
     * @param batches the number of batches of 256; as many single trips follow
     */
    static Trips measure(Peer peer, int batches) throws InterruptedException {
        return new RoundTrips(peer).measure(batches);
    }

    private Trips measure(int count) throws InterruptedException {
        Thread other = new Thread(this::answer, "peer");
        other.start();
        while (!isReady) {
            Thread.onSpinWait();
        }
        List<Double> batches = new ArrayList<>(count);
        Histogram single = new Histogram(3);
        long targets = pair.targets();
        try {
            requireNoFailure();
            for (int i = 0; i < count; i++) {
                long began = System.nanoTime();
                for (int j = 0; j < BATCH; j++) {
                    trip();
                }
                batches.add((double) (System.nanoTime() - began) / BATCH);
            }
            long last = System.nanoTime();
            for (int i = 0; i < count * BATCH; i++) {
                trip();
                long now = System.nanoTime();
                single.recordValue(now - last);
                last = now;
            }
        } finally {
            isOver = true;
            other.join();
        }
        requireNoFailure();
        return new Trips(batches, single, pair.targets() - targets);
    }

    private void requireNoFailure() {
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new IllegalStateException("the peer has failed", thrown);
        }
    }

    private void trip() {
        if (peer == Peer.PING_PONG) {
            sent += 2;
            word.set(PAD, sent - 1);
            while (word.get(PAD) != sent) {
                // Spins without a pause, so that the baseline is not slower than the fastest shootdown.
            }
        } else {
            pair.shoot();
        }
    }

    private void answer() {
        try {
            if (peer == Peer.PING_PONG) {
                isReady = true;
                while (!isOver) {
                    long got = word.get(PAD);
                    if ((got & 1) != 0) {
                        word.set(PAD, got + 1);
                    }
                }
                return;
            }
            CpuTlb cpu = pair.claim();
            try {
                acknowledge(cpu);
            } finally {
                cpu.close();
            }
        } catch (Throwable thrown) {
            failure.set(thrown);
            isReady = true;
        }
    }

    private void acknowledge(CpuTlb cpu) {
        if (peer == Peer.NOBODY) {
            isReady = true;
            while (!isOver) {
                Thread.onSpinWait();
            }
            return;
        }
        cpu.enterGuest();
        isReady = true;
        long sum = 0;
        while (!isOver) {
            for (int i = 0; i < TURNS; i++) {
                sum += pair.loads(cpu, i * peer.loads, peer.loads);
                cpu.poll();
            }
        }
        cpu.leaveGuest();
        if (sum != 0) {
            throw new IllegalStateException("pages without stores have the sum " + sum);
        }
    }

    /**
     * A page table below the facade, for a thread that shoots down a page and a peer that caches the page's
     * translation. It runs only the shootdown protocol, without an operation.
     */
    private static final class Pair {
        /** The page that is shot down. The peer loaded its translation once. */
        private static final long SHOT = 0x1000_0000_0000L;

        /** The pages that the peer reads; all of them stay in its TLB. */
        private static final int PAGES = 8;

        private static final int PAGE_SHIFT = 12;
        private static final int OFFSETS = (1 << PAGE_SHIFT) - 1;
        private static final int CHUNK_SHIFT = 10;
        private static final int MOST_FRAMES = 1 << CHUNK_SHIFT;
        private static final int TLB_ENTRIES = 256;

        private final MachineMemory memory;
        private final PageTable table = new PageTable(CpuThreads.GEOMETRY);
        private final long[] leaf = table.leafFromReserve(SHOT, TableReserve.NONE);
        private final DirectFrames store;

        /** Installs the pages. */
        Pair() {
            store = new DirectFrames(PAGE_SHIFT, CHUNK_SHIFT, MOST_FRAMES + 1);
            Frames frames = new Frames(store, PAGE_SHIFT, CHUNK_SHIFT, MOST_FRAMES, false);
            Rcu rcu = new Rcu(new Rcu.Settings(
                    Runnable::run,
                    new Housekeeping(null, Runnable::run, moved -> {}),
                    1 << 16,
                    Rcu.AtBound.WAIT,
                    Long.MAX_VALUE,
                    message -> {}));
            memory = new MachineMemory(
                    frames,
                    rcu,
                    new Shootdowns(
                            new Cpus(LazyContext.Shootdown::new),
                            Long.MAX_VALUE,
                            message -> {},
                            ShootdownDelivery.POLLED,
                            thrown -> {},
                            false),
                    1,
                    MachineMemory.UNCHECKED,
                    null,
                    new MachineMemory.IndexBudget(Long.MAX_VALUE));
            PageTableContext filler = memory.contexts.newContext("filler");
            Leaf.lock(leaf);
            try {
                for (int i = 0; i <= PAGES; i++) {
                    int frame = frames.allocate(filler.magazine);
                    Leaf.fill(leaf, i, Pte.present(frame, Pte.OWN | Pte.EXCLUSIVE | Pte.READ));
                }
            } finally {
                Leaf.unlock(leaf);
            }
            memory.contexts.discard(filler);
        }

        /**
         * Claims a CPU for the calling thread, outside of GUEST. Later shootdowns wait for this CPU whenever it is in
         * GUEST.
         */
        CpuTlb claim() {
            CpuTlb cpu = new CpuTlb(
                    memory.cpus,
                    new CpuOwner(memory, message -> {}),
                    memory,
                    1,
                    new SoftTlb(PAGE_SHIFT, TLB_ENTRIES),
                    memory.frames,
                    thrown -> {
                        throw new IllegalStateException(thrown);
                    });
            cpu.switchTo(table);
            cpu.enterGuest();
            for (int i = 0; i <= PAGES; i++) {
                if (cpu.walk(SHOT + ((long) i << PAGE_SHIFT), Pte.READ) == SoftTlb.MISS) {
                    throw new IllegalStateException("a page is not there");
                }
            }
            cpu.leaveGuest();
            return cpu;
        }

        /** Shoots down the page: makes each CPU in GUEST that ever loaded the translation drop it. */
        void shoot() {
            TlbGather.flushPage(memory, table, leaf, SHOT);
        }

        /** Returns how many CPUs shootdowns waited for. */
        long targets() {
            return memory.shootdowns.targets();
        }

        /**
         * Reads, in GUEST and through the TLB, from all pages except the one that is shot down.
         *
         * @param from the number of the first load; numbering continues from the previous call
         * @return the sum, always 0
         */
        long loads(CpuTlb cpu, int from, int count) {
            SoftTlb tlb = cpu.tlb;
            long sum = 0;
            for (int i = from; i < from + count; i++) {
                long page = 1L + (i & (PAGES - 1));
                long address = SHOT + (page << PAGE_SHIFT) + ((long) i * Long.BYTES & OFFSETS);
                long physical = tlb.probe(address, Long.BYTES, Pte.READ);
                if (physical == SoftTlb.MISS) {
                    physical = cpu.walk(address, Pte.READ);
                }
                sum += store.get(physical, Long.BYTES);
            }
            return sum;
        }
    }
}
