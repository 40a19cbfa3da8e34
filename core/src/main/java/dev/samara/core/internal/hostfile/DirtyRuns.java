// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFile.DirtyRange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Runs of consecutive dirty pages of one file, in ascending order. For one thread. */
final class DirtyRuns {
    private final HostInode inode;

    /** The first page of each run, and the page after its last page. */
    private long[] bounds = new long[16];

    private int size;

    private DirtyRuns(HostInode inode) {
        this.inode = inode;
    }

    /**
     * Finds the dirty pages from {@code first} to {@code last}, inclusive. Waits for write-backs and other changes of
     * the file.
     */
    static DirtyRuns of(HostInode inode, long first, long last) {
        DirtyRuns runs = new DirtyRuns(inode);
        inode.findDirty(first, last, runs::add);
        return runs;
    }

    private void add(long page) {
        if (size > 0 && bounds[size - 1] == page) {
            bounds[size - 1]++;
            return;
        }
        if (size == bounds.length) {
            bounds = Arrays.copyOf(bounds, 2 * size);
        }
        bounds[size++] = page;
        bounds[size++] = page + 1;
    }

    /** Returns the number of dirty pages. */
    long pages() {
        long pages = 0;
        for (int i = 0; i < size; i += 2) {
            pages += bounds[i + 1] - bounds[i];
        }
        return pages;
    }

    /** Returns the offset in bytes of the first page of a run. */
    long start(int run) {
        return bounds[2 * run] * pageSize();
    }

    private int pageSize() {
        return inode.pages().memory().frames().pageSize();
    }

    /** Returns the runs as byte ranges of the file. */
    List<DirtyRange> ranges() {
        List<DirtyRange> ranges = new ArrayList<>(size / 2);
        long length = inode.pages().size();
        for (int i = 0; i < size; i += 2) {
            long start = bounds[i] * pageSize();
            // The file may end within the last page, and may have been truncated since the pages were found.
            long end = Math.min(bounds[i + 1] * pageSize(), length);
            if (start < end) {
                ranges.add(new DirtyRange(start, end));
            }
        }
        return ranges;
    }
}
