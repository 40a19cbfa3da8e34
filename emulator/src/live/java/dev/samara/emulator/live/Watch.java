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
    static final int MOST_SECONDS = 60;

    /** For one script that is made again: it was made before, and parts of it are left out. */
    private static final int MOST_AGAIN = 5;

    /** For each of the many trials that shorten a script, most of which may hang. The shortest script is run again. */
    private static final int MOST_OF_TRIAL = 1;

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watch over scripts");
        thread.setDaemon(true);
        return thread;
    });
    private final int mostAtFirst;
    private volatile int most;

    /** Whether a trial seemed to hang that only took longer. Used by the thread of the comparison. */
    private boolean isPatient;

    private final Map<Side, ScheduledFuture<?>> ends = new ConcurrentHashMap<>();

    /**
     * Makes a watch.
     *
     * @param seconds for a script that is made for the first time, usually {@link #MOST_SECONDS}
     */
    Watch(int seconds) {
        mostAtFirst = seconds;
        most = seconds;
    }

    /** Has the scripts to come end after less time, since each one is a trial to shorten another one. */
    void tries() {
        most = isPatient ? MOST_AGAIN : MOST_OF_TRIAL;
    }

    /** Has the scripts to come end after less time, since they were made before. */
    void repeats() {
        most = MOST_AGAIN;
    }

    /** Has the scripts to come end after the usual time. */
    void waits() {
        most = mostAtFirst;
    }

    /** Notes that trials were given too little time: the machine is slow. */
    void bePatient() {
        isPatient = true;
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
