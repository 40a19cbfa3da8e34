// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import java.util.Arrays;
import java.util.List;

/** The operations of the measured threads. */
enum Activity {
    /** Lookups at random addresses, timed in batches. */
    LOOK_UP("lookup", 32) {
        @Override
        int batch(Contender contender, long[] picks, int from, long own) {
            int found = 0;
            for (int i = from; i < from + 32; i++) {
                if (contender.find(picks[i]) != null) {
                    found++;
                }
            }
            return found;
        }
    },
    /**
     * Maps in the thread's own range, changes the rights of one half, and unmaps. The three calls are timed together.
     */
    OPERATION("operation", 3) {
        @Override
        int batch(Contender contender, long[] picks, int from, long own) {
            Ground.done(contender.mmap(own, Ground.LENGTH, READ | WRITE, Ground.HERE, null));
            Ground.done(contender.mprotect(own, Ground.LENGTH / 2, READ));
            Ground.done(contender.munmap(own, Ground.LENGTH));
            return 3;
        }
    };

    static final List<String> NAMES =
            Arrays.stream(values()).map(Activity::toString).toList();

    final int perBatch;

    private final String text;

    Activity(String text, int perBatch) {
        this.text = text;
        this.perBatch = perBatch;
    }

    /**
     * Runs one batch.
     *
     * @param from the first of 32 picks
     * @return the number of successful operations; all must succeed
     */
    abstract int batch(Contender contender, long[] picks, int from, long own);

    @Override
    public String toString() {
        return text;
    }
}
