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
 * Ends scripts that hang. If the kernel shows for a while that all tasks of a script sleep, the script waits for
 * something that never happens. It is ended early then, and the other side gets a few seconds more for it.
 */
final class Watch implements AutoCloseable {
    static final int MOST_SECONDS = 60;

    /** For one script that is made again: it was made before, and parts of it are left out. */
    private static final int MOST_AGAIN = 5;

    /** For each of the many trials that shorten a script, most of which may hang. The shortest script is run again. */
    private static final int MOST_OF_TRIAL = 1;

    private static final long PERIOD_MILLIS = 250;

    /** For how many looks all tasks sleep: longer than most waits of scripts, and less than what a test can pay. */
    private static final int ASLEEP = 12;

    /** After how many looks a script is ended that waits for ever on the other side. Nearly all wait here too. */
    private static final int MOST_OF_WAITING = 20;

    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "watch over scripts");
        thread.setDaemon(true);
        return thread;
    });
    private final int mostAtFirst;
    private final long periodMillis;
    private volatile int most;

    /** Whether a trial seemed to hang that only took longer. Used by the thread of the comparison. */
    private boolean isPatient;

    private final Map<Watched, RunningScript> running = new ConcurrentHashMap<>();

    /** The scripts that wait for ever on one side. */
    private final Set<String> waiting = ConcurrentHashMap.newKeySet();

    /** A side that runs scripts. */
    interface Watched {
        /** Ends a process of a script that hangs. */
        void kill(long process);

        /** Returns whether no task of a script can run before something happens to it; false if that is not known. */
        boolean isAsleep(long process);
    }

    /**
     * Makes a watch.
     *
     * @param seconds for a script that is made for the first time, usually {@link #MOST_SECONDS}
     */
    Watch(int seconds) {
        this(seconds, PERIOD_MILLIS);
    }

    /** Makes a watch that looks at scripts with some time in between. */
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

        /** Used by the timer, as the next two. */
        private int seen = -1;

        private int asleep;
        private int waited;

        /** Guarded by this, as the next one. */
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

    /** Starts with scripts whose names others may have had before. */
    void startScripts() {
        waiting.clear();
    }

    /** Notes that a side has begun a script, in a process. */
    void begun(Watched side, long process, String script) {
        running.put(side, new RunningScript(side, process, script));
    }

    /** Notes that the script of a side has answered. */
    void answered(Watched side) {
        RunningScript found = running.get(side);
        if (found != null) {
            found.answers.incrementAndGet();
        }
    }

    /** Notes the end of a side's script; returns whether this ended it. */
    boolean ended(Watched side) {
        RunningScript found = running.remove(side);
        return found != null && found.end();
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
