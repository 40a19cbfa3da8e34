// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.LayoutSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A fixed number of threads that read one space after another. Used by one writer at a time. */
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
            // The threads must not keep the JVM alive if the writer has failed.
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Starts the lookups of all threads in a space. Returns when each thread is about to make its first lookup.
     *
     * @param lookup the space
     * @param first the present layout of the space
     * @return the session, to which the caller must report each operation, and which it must finish
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
