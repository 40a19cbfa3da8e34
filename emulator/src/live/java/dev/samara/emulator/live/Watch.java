// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Ends scripts that hang. If the kernel shows for some time that all tasks of a script are asleep, the script waits for
 * something that never happens. It is then ended early, and the other side gets only a few more seconds for the script.
 */
final class Watch implements AutoCloseable {
    static final int MOST_SECONDS = 60;

    /** The limit for a script that is repeated: it was run before, and parts of it are left out. */
    private static final int MOST_AGAIN = 5;

    /**
     * The limit for each of the many trials that shorten a script, most of which may hang. The shortest script is run
     * again.
     */
    private static final int MOST_OF_TRIAL = 1;

    private static final long PERIOD_MILLIS = 250;

    /**
     * After how many checks that find all tasks asleep a script is ended: longer than most waits in scripts, and short
     * enough for a test.
     */
    private static final int ASLEEP = 12;

    /**
     * After how many checks a script is ended that waits for ever on the other side. Almost all such scripts wait on
     * this side, too.
     */
    private static final int MOST_OF_WAITING = 20;

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watch over scripts");
        thread.setDaemon(true);
        return thread;
    });
    private final int mostAtFirst;
    private final long periodMillis;
    private volatile int most;

    /** Whether a trial that only took longer was considered hanging. Used only by the thread of the comparison. */
    private boolean isPatient;

    private final Map<Watched, RunningScript> running = new ConcurrentHashMap<>();

    /** The scripts that wait for ever on one side. */
    private final Set<String> waiting = ConcurrentHashMap.newKeySet();

    /** A side that runs scripts. */
    interface Watched {
        /** Kills a process of a script that hangs. */
        void kill(long process);

        /** Returns whether all tasks of a script wait for external events; false if that is unknown. */
        boolean isAsleep(long process);
    }

    /**
     * Creates a watch.
     *
     * @param seconds the time limit for a script that runs for the first time, usually {@link #MOST_SECONDS}
     */
    Watch(int seconds) {
        this(seconds, PERIOD_MILLIS);
    }

    /** Creates a watch with a custom interval between checks. */
    Watch(int seconds, long periodMillis) {
        mostAtFirst = seconds;
        most = seconds;
        this.periodMillis = periodMillis;
    }

    /** A script that one side runs. */
    private final class RunningScript {
        private final Watched side;
        private final long process;
        private final String script;
        private final ScheduledFuture<?> looks;
        private final ScheduledFuture<?> end;
        private final AtomicInteger answers = new AtomicInteger();

        /** Only the timer uses this field and the next two. */
        private int seen = -1;

        private int asleep;
        private int waited;

        /** Guarded by this, like the next field. */
        private boolean isOver;

        private boolean isKilled;

        RunningScript(Watched side, long process, String script) {
            this.side = side;
            this.process = process;
            this.script = script;
            end = timer.schedule(this::kill, most, TimeUnit.SECONDS);
            looks = timer.scheduleWithFixedDelay(this::look, periodMillis, periodMillis, TimeUnit.MILLISECONDS);
        }

        private void look() {
            int now = answers.get();
            asleep = now == seen && side.isAsleep(process) ? asleep + 1 : 0;
            seen = now;
            waited += waiting.contains(script) ? 1 : 0;
            if (asleep == ASLEEP) {
                waiting.add(script);
            }
            if (asleep == ASLEEP || waited == MOST_OF_WAITING) {
                kill();
            }
        }

        private synchronized void kill() {
            if (!isOver && !isKilled) {
                isKilled = true;
                side.kill(process);
            }
        }

        synchronized boolean end() {
            isOver = true;
            end.cancel(false);
            looks.cancel(false);
            return isKilled;
        }
    }

    /** Reduces the time limit of later scripts, because each is a trial to shorten another script. */
    void tries() {
        most = isPatient ? MOST_AGAIN : MOST_OF_TRIAL;
    }

    /** Reduces the time limit of later scripts, because they were run before. */
    void repeats() {
        most = MOST_AGAIN;
    }

    /** Resets the time limit of later scripts. */
    void waits() {
        most = mostAtFirst;
    }

    /** Records that trials got too little time, because the machine is slow. */
    void bePatient() {
        isPatient = true;
    }

    /** Starts new scripts, whose names earlier scripts may have used. */
    void startScripts() {
        waiting.clear();
    }

    /** Records that a side started a script, in a process. */
    void begun(Watched side, long process, String script) {
        running.put(side, new RunningScript(side, process, script));
    }

    /** Records an answer from a side's script. */
    void answered(Watched side) {
        RunningScript found = running.get(side);
        if (found != null) {
            found.answers.incrementAndGet();
        }
    }

    /** Records the end of a side's script; returns whether this watch ended it. */
    boolean ended(Watched side) {
        RunningScript found = running.remove(side);
        return found != null && found.end();
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
