// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that start at the same time. */
final class ThreadsTogether {
    private ThreadsTogether() {}

    /** The work of each thread. */
    interface ThreadBody {
        /** Does the work of the thread with a number, counted from 0. */
        void run(int thread) throws Exception;
    }

    /** Runs a body on several threads, and passes on the first failure. */
    static void run(int threads, ThreadBody body) {
        CyclicBarrier start = new CyclicBarrier(threads);
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                int thread = i;
                running.add(pool.submit(() -> {
                    start.await();
                    body.run(thread);
                    return null;
                }));
            }
            for (Future<?> one : running) {
                one.get();
            }
        } catch (InterruptedException | ExecutionException failed) {
            throw new AssertionError(failed);
        } finally {
            pool.shutdownNow();
        }
    }
}
