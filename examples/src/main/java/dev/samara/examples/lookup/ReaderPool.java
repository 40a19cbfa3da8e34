// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lookup;

import dev.samara.core.LayoutSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A fixed number of threads that read one space after the other. For one writer at a time. */
public final class ReaderPool implements AutoCloseable {
    private static final int CAPACITY = 1 << 12;

    private final int readers;
    private final ExecutorService threads;

    /**
     * Starts the threads.
     *
     * @param readers how many, positive
     */
    public ReaderPool(int readers) {
        this.readers = readers;
        threads = Executors.newFixedThreadPool(readers, task -> {
            Thread thread = new Thread(task, "reader");
            // A writer that dies must not leave a JVM behind that never ends.
            thread.setDaemon(true);
            return thread;
        });
    }

    /**
     * Lets every thread look up in a space, and returns when each is about to.
     *
     * @param lookup the space
     * @param first its layout now
     * @return the session, to be told about each operation and to be finished
     */
    public ReadingSession open(Lookup lookup, LayoutSnapshot first) {
        VersionRing ring = new VersionRing(CAPACITY, readers, first);
        CountDownLatch ready = new CountDownLatch(readers);
        List<Future<Tally>> tallies = new ArrayList<>();
        for (int i = 0; i < readers; i++) {
            tallies.add(threads.submit(new Reader(i, ring, lookup, ready)));
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
