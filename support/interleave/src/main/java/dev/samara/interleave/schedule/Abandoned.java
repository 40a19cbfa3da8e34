// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

/** Ends the threads of a run that is over: from then on, each of their steps throws this error. */
final class Abandoned extends Error {
    private static final long serialVersionUID = 1;

    Abandoned() {
        super("the run is over", null, false, false);
    }
}
