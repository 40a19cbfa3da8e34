// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.PageCache;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Counts the open files of a guest ({@code nr_files}). A closed file that is still mapped is also counted, because the
 * library keeps it open. Thread-safe.
 */
public final class OpenFileCount {
    private final int most;
    private int open;

    /** The page caches of closed files that were still mapped at the last check. Several opens of a file count once. */
    private final Set<PageCache> mapped = new HashSet<>();

    /**
     * Creates the count of a guest.
     *
     * @param most the maximum number of files
     */
    public OpenFileCount(int most) {
        this.most = most;
    }

    /** Returns whether the maximum is reached, so that another open fails with ENFILE. */
    public synchronized boolean isFull() {
        if (open + mapped.size() >= most) {
            mapped.removeIf(pages -> pages.mappings() == 0);
        }
        return open + mapped.size() >= most;
    }

    /** Returns the number of files that are counted as open. */
    public synchronized int number() {
        return open;
    }

    /** Counts a file; returns false, and does not count it, if the maximum is reached. */
    synchronized boolean add() {
        if (isFull()) {
            return false;
        }
        open++;
        return true;
    }

    /** Removes a file that was closed, but may still be mapped. */
    synchronized void remove(@Nullable PageCache pages) {
        open--;
        if (pages != null && pages.mappings() > 0) {
            mapped.add(pages);
        }
    }
}
