// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.io.PrintStream;

/** A part of the profile {@code interleave}. */
public interface ProfilePart {
    /** Explores until everything is explored or the deadline passes, and prints the findings. */
    void run(Deadline deadline, PrintStream out) throws InterruptedException;

    /** Returns, in one line, how much was explored so far, and how much there is in total. Any thread may call it. */
    String progress();

    int passed();

    int failed();

    /** Returns whether everything was explored. */
    boolean isComplete();
}
