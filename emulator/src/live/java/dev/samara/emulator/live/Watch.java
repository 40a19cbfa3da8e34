// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Ends scripts that hang. */
final class Watch implements AutoCloseable {
    private static final int MOST_SECONDS = 60;

    /** For one script that is made again: it was made before, and parts of it are left out. */
    private static final int MOST_AGAIN = 5;

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watch over scripts");
        thread.setDaemon(true);
        return thread;
    });
    private volatile int most = MOST_SECONDS;

    private final Map<Side, ScheduledFuture<?>> ends = new ConcurrentHashMap<>();

    /** Has the scripts to come end after less time, or again after more. */
    void hurry(boolean isAgain) {
        most = isAgain ? MOST_AGAIN : MOST_SECONDS;
    }

    void begun(Side side, long process) {
        ends.put(side, timer.schedule(() -> side.kill(process), most, TimeUnit.SECONDS));
    }

    /** Returns whether this ended the script. */
    boolean ended(Side side) {
        ScheduledFuture<?> end = ends.remove(side);
        return end != null && !end.cancel(false);
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
