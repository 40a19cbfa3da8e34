// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.io.PrintStream;

/** A part of the profile {@code interleave}. */
public interface ProfilePart {
    /** Explores until everything is explored or the time is over, and prints what was found. */
    void run(Deadline deadline, PrintStream out) throws InterruptedException;

    /** Returns what was explored by now, and of how much, in one line. Any thread may call it. */
    String progress();

    int passed();

    int failed();

    /** Returns whether everything was explored. */
    boolean isComplete();
}
