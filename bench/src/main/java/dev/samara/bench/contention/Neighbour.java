// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.PRIVATE;
import static dev.samara.core.mman.Protection.READ;

import dev.samara.core.vma.Backing;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The thread that runs concurrently with the measured threads, until it is stopped. If it maps, it uses its own range.
 */
final class Neighbour {
    /** A range that no measured thread uses. */
    private static final long RANGE = Ground.own(1000);

    private static final long CLOSE_MILLIS = 100;

    /** The default pause after a slow close. It is as long as a close, so a close is in progress half of the time. */
    static final long PAUSE_MILLIS = CLOSE_MILLIS;

    private final Contender contender;
    private final long pauseMillis;
    private final long started = System.nanoTime();
    private final @Nullable Thread thread;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean over;

    /** The last snapshot, stored so that the compiler cannot remove the call. */
    @SuppressWarnings("UnusedVariable") // written only
    private volatile @Nullable Object last;

    /** The number of rounds: each maps and unmaps once, or takes one snapshot. Read after the thread ended. */
    private long rounds;

    /**
     * Starts the thread.
     *
     * @param pauseMillis the pause after each slow close
     */
    Neighbour(Beside beside, Contender contender, long pauseMillis) {
        this.contender = contender;
        this.pauseMillis = pauseMillis;
        thread = switch (beside) {
            case NOBODY -> null;
            case WRITER -> new Thread(() -> run(this::mapAndUnmap), "writer");
            case SNAPSHOTS -> new Thread(() -> run(this::takeSnapshots), "snapshots");
            case SLOW_CLOSE -> new Thread(() -> run(this::closeSlowly), "slow-close");
        };
        if (thread != null) {
            thread.setDaemon(true);
            thread.start();
        }
    }

    /** Work that may be interrupted. */
    private interface Work {
        void run() throws InterruptedException;
    }

    private void run(Work work) {
        try {
            work.run();
        } catch (Throwable thrown) {
            failure.set(thrown);
        }
    }

    private void mapAndUnmap() {
        while (!over) {
            Ground.done(contender.mmap(RANGE, Ground.LENGTH, READ, Ground.HERE, null));
            Ground.done(contender.munmap(RANGE, Ground.LENGTH));
            rounds++;
        }
    }

    private void takeSnapshots() {
        while (!over) {
            last = contender.snapshot();
            rounds++;
        }
    }

    /**
     * Unmaps files whose close is slow. The next round waits for the close even if {@code munmap} does not, so that all
     * contenders make the same number of closes.
     */
    private void closeSlowly() throws InterruptedException {
        Semaphore closed = new Semaphore(0);
        while (!over) {
            Backing file = contender.open(() -> {
                sleep(CLOSE_MILLIS);
                closed.release();
            });
            Ground.done(contender.mmap(RANGE, Ground.LENGTH, READ, PRIVATE | FIXED, file));
            Ground.done(contender.munmap(RANGE, Ground.LENGTH));
            closed.acquire();
            rounds++;
            sleep(pauseMillis);
        }
    }

    private static void sleep(long millis) {
        try {
            // Simulates a slow close, or the time between two closes; it is not a wait for a condition.
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted, which nothing here does", e);
        }
    }

    /** Ends the thread, and returns the number of its rounds per second. */
    double stop() throws InterruptedException {
        over = true;
        if (thread != null) {
            thread.join();
        }
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new IllegalStateException("the thread beside has failed", thrown);
        }
        return rounds * 1e9 / (System.nanoTime() - started);
    }
}
