// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import java.util.Arrays;
import java.util.List;

/** The thread that runs concurrently with the measured threads, called their neighbour. */
enum Beside {
    /** No neighbour. */
    NOBODY("nobody"),
    /** A thread that maps and unmaps without pause. */
    WRITER("writer"),
    /** A thread that takes snapshots without pause. */
    SNAPSHOTS("snapshots"),
    /** A thread that repeatedly unmaps a file whose close takes 100 ms. */
    SLOW_CLOSE("slow-close");

    static final List<String> NAMES =
            Arrays.stream(values()).map(Beside::toString).toList();

    private final String text;

    Beside(String text) {
        this.text = text;
    }

    static Beside named(String text) {
        for (Beside beside : values()) {
            if (beside.text.equals(text)) {
                return beside;
            }
        }
        throw new IllegalArgumentException("no disturbance is called " + text);
    }

    @Override
    public String toString() {
        return text;
    }
}
