// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Ends scripts that hang. */
final class Watch implements AutoCloseable {
    private static final int MOST_SECONDS = Integer.getInteger("live.hang", 60);

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watch over scripts");
        thread.setDaemon(true);
        return thread;
    });
    private final Map<Side, ScheduledFuture<?>> ends = new ConcurrentHashMap<>();

    void begun(Side side, long process) {
        ends.put(side, timer.schedule(() -> side.kill(process), MOST_SECONDS, TimeUnit.SECONDS));
    }

    /** Returns whether the script was ended by this. */
    boolean ended(Side side) {
        ScheduledFuture<?> end = ends.remove(side);
        return end != null && !end.cancel(false);
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
