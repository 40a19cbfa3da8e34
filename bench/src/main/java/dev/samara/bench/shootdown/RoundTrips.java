// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.core.internal.tlb.CpuTlb;
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
}
