// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import java.util.Arrays;

/**
 * A bounded number of runs of pages of one file. If the bound is exceeded, runs are merged, and include the pages
 * between them. For one thread.
 */
final class PageRuns {
    /**
     * The maximum number of elements of {@link #runs}. It is needed because a guest that never saves may write any
     * number of runs.
     */
    private static final int MOST = 1 << 7;

    /** The first and the last page of each run. */
    private long[] runs = {};

    private int size;

    void add(long first, long last) {
        if (size > 0 && runs[size - 1] + 1 == first) {
            runs[size - 1] = last;
            return;
        }
        if (size == MOST) {
            join();
        } else if (size == runs.length) {
            runs = Arrays.copyOf(runs, Math.max(8, 2 * size));
        }
        runs[size++] = first;
        runs[size++] = last;
    }

    /** Adds all runs of {@code other}. */
    void addAll(PageRuns other) {
        for (int i = 0; i < other.size; i += 2) {
            add(other.runs[i], other.runs[i + 1]);
        }
    }

    void clear() {
        size = 0;
    }

    /** Marks the pages of all runs that are in memory as dirty. */
    void setDirty(FilePages pages) {
        for (int i = 0; i < size; i += 2) {
            pages.setDirty(runs[i], runs[i + 1]);
        }
    }

    /**
     * Merges all runs into one. This is correct: if a force fails, pages between the runs are only written once more.
     */
    private void join() {
        for (int i = 2; i < size; i += 2) {
            runs[0] = Math.min(runs[0], runs[i]);
            runs[1] = Math.max(runs[1], runs[i + 1]);
        }
        size = 2;
    }
}
