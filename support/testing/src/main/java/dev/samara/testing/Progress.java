// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.PrintStream;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Prints a line on the console every {@value #SECONDS} s, so that a long run does not look hung. */
final class Progress {
    private static final int SECONDS = 60;

    private final String label;
    private final PrintStream console;
    private final AtomicInteger tests = new AtomicInteger();
    private final long begun = System.nanoTime();

    /** The current test class. Written by the thread that runs the tests, read by the thread that prints. */
    private volatile String current = "";

    Progress(String label, PrintStream console) {
        this.label = label;
        this.console = console;
        new Timer("progress", true).schedule(new Line(), SECONDS * 1000L, SECONDS * 1000L);
    }

    void started(String testClass) {
        current = testClass.substring(testClass.lastIndexOf('.') + 1);
    }

    void finished() {
        tests.incrementAndGet();
    }

    String line() {
        long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begun);
        return label + ": " + tests + " tests in " + seconds + " s, now " + current;
    }

    private final class Line extends TimerTask {
        @Override
        public void run() {
            console.println(line());
        }
    }
}
