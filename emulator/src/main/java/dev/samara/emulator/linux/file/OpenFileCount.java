// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.core.vma.PageCache;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Counts the open files of a guest ({@code nr_files}). A file that is closed and still mapped counts, too, since the
 * library keeps it open. Thread-safe.
 */
public final class OpenFileCount {
    private final int most;
    private int open;

    /** The pages of closed files that had a mapping when that was last asked; several opens of a file are one. */
    private final Set<PageCache> mapped = new HashSet<>();

    /**
     * Makes a count.
     *
     * @param most the maximum number of files
     */
    public OpenFileCount(int most) {
        this.most = most;
    }

    /** Returns whether there may be no other file: ENFILE. */
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

    /** Counts a file; returns whether there may be one more. */
    synchronized boolean add() {
        if (isFull()) {
            return false;
        }
        open++;
        return true;
    }

    /** A file was closed, which may be mapped. */
    synchronized void remove(@Nullable PageCache pages) {
        open--;
        if (pages != null && pages.mappings() > 0) {
            mapped.add(pages);
        }
    }
}
