// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.MapFlags.FIXED;
import static dev.samara.core.mman.MapFlags.PRIVATE;
import static dev.samara.core.mman.Protection.READ;

import dev.samara.core.vma.Backing;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** The thread beside the measured ones. It works until it is stopped, in a range of its own if it maps. */
final class Neighbour {
    /** No measured thread has this number. */
    private static final long RANGE = Ground.own(1000);

    private static final long CLOSE_MILLIS = 100;

    /** The default pause after a slow close: the file is being closed half of the time. */
    static final long PAUSE_MILLIS = CLOSE_MILLIS;

    private final Contender contender;
    private final long pauseMillis;
    private final long started = System.nanoTime();
    private final @Nullable Thread thread;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean over;

    /** The last snapshot: the compiler does not drop those that are kept. */
    @SuppressWarnings("UnusedVariable") // written only
    private volatile @Nullable Object last;

    /** The number of times that it has mapped and unmapped, or has taken a snapshot; read after its end. */
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
     * The next round waits for the close even where munmap does not, so that all contenders have equally many closes.
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
            // Simulates a close that takes long, or the time between two: it is the load, not a wait for a condition.
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
