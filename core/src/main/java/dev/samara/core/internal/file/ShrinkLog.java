// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import org.jspecify.annotations.Nullable;

/**
 * A record of each time that a file was made smaller: a chain. An operation may hold pages of the file where no walk
 * finds them. It remembers the link of the time when it took them. It learns of later truncations by following the
 * chain. Links that no operation remembers are garbage.
 */
public final class ShrinkLog {
    /** The record that the file was made smaller. */
    public static final class Shrink {
        private final long pages;
        private volatile @Nullable Shrink next;

        Shrink(long pages) {
            this.pages = pages;
        }
    }

    /** The last link of the chain. */
    private volatile Shrink last = new Shrink(Long.MAX_VALUE);

    /** The last shrink whose walk is over. Later ones may still walk, and may have passed the place of a page. */
    private volatile Shrink walked = last;

    /** Adds a link. The caller holds the inode lock and the lock of the content, and has not begun its walk. */
    void add(Shrink shrink) {
        last.next = shrink;
        last = shrink;
    }

    /** Records that the walk of the last shrink is over. The caller holds the inode lock. */
    void setWalked() {
        walked = last;
    }

    /** Returns the last shrink whose walk is over. */
    Shrink walked() {
        return walked;
    }

    /** Returns the smallest size of the file in pages after a shrink, or the largest number if there was none. */
    static long lowestSince(Shrink from) {
        long lowest = Long.MAX_VALUE;
        for (Shrink next = from.next; next != null; next = next.next) {
            lowest = Math.min(lowest, next.pages);
        }
        return lowest;
    }
}
