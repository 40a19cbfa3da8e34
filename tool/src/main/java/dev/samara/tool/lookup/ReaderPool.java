// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.LayoutSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A fixed number of threads that read one space after another. For one writer at a time. */
public final class ReaderPool implements AutoCloseable {
    private static final int CAPACITY = 1 << 12;

    private final int readers;
    private final ExecutorService threads;

    /**
     * Starts the threads.
     *
     * @param readers the number of threads, positive
     */
    public ReaderPool(int readers) {
        this.readers = readers;
        threads = Executors.newFixedThreadPool(readers, task -> {
            Thread thread = new Thread(task, "reader");
            // The threads must not keep the JVM alive after a writer that has failed.
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Starts lookups of every thread in a space. Returns when each thread is about to look up.
     *
     * @param lookup the space
     * @param first its layout now
     * @return the session; the caller reports each operation to it and finishes it
     */
    public ReadingSession open(MappingLookup lookup, LayoutSnapshot first) {
        VersionRing ring = new VersionRing(CAPACITY, readers, first);
        CountDownLatch ready = new CountDownLatch(readers);
        List<Future<Tally>> tallies = new ArrayList<>();
        for (int i = 0; i < readers; i++) {
            tallies.add(threads.submit(new LookupThread(i, ring, lookup, ready)));
        }
        try {
            ready.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while the readers were starting", e);
        }
        return new ReadingSession(ring, tallies);
    }

    @Override
    public void close() {
        threads.shutdown();
    }
}
