// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

/**
 * Stocks of free frames between the magazines of page table contexts and the shared pool. Each serves a group of
 * threads (Bonwick's depot, one for each group). A thread often frees frames through another context than the one
 * through which it allocated them. Through these magazines it gets its own frames back, so the bytes and the record of
 * a frame stay in the caches of one processor. Thread-safe.
 *
 * <p>A frame moves between one of these magazines and the magazine of a context under the locks of both. So a thread
 * that {@linkplain #lockAll locked all} near magazines, and then scans the contexts' magazines one by one, misses no
 * frame that stays free.
 */
final class NearMagazines {
    /** A power of two. */
    private static final int COUNT = 8;

    private final Magazine[] magazines = new Magazine[COUNT];

    NearMagazines() {
        for (int i = 0; i < COUNT; i++) {
            magazines[i] = new Magazine();
        }
    }

    /** Returns the magazine that the calling thread shares with some other threads. */
    private Magazine own() {
        return magazines[(int) Thread.currentThread().getId() & COUNT - 1];
    }

    /**
     * Takes a frame, and moves more frames to a context's magazine.
     *
     * @return the frame; {@link Magazine#NONE} if the calling thread's near magazine is empty
     */
    int take(Magazine target) {
        Magazine from = own();
        from.lock();
        try {
            if (from.isEmpty()) {
                return Magazine.NONE;
            }
            target.lock();
            try {
                for (int i = 1; i < Magazine.BLOCK && from.size() > 1 && !target.isFull(); i++) {
                    target.put(from.take());
                }
            } finally {
                target.unlock();
            }
            // Taken last, so that a stack overflow above loses no frame.
            return from.take();
        } finally {
            from.unlock();
        }
    }

    /**
     * Moves frames from a context's full magazine to a near magazine, and puts another frame into the context's
     * magazine.
     *
     * @param frame a free frame that is not in a magazine
     * @return false, without a change, if the near magazine has no room
     */
    boolean put(int frame, Magazine source) {
        Magazine to = own();
        to.lock();
        try {
            if (to.size() > Magazine.CAPACITY - Magazine.BLOCK) {
                return false;
            }
            source.lock();
            try {
                for (int i = 0; i < Magazine.BLOCK && !source.isEmpty(); i++) {
                    to.put(source.take());
                }
                source.put(frame);
            } finally {
                source.unlock();
            }
            return true;
        } finally {
            to.unlock();
        }
    }

    /** Locks all near magazines. The caller holds no magazine's lock. If this fails, none is locked. */
    void lockAll() {
        int locked = 0;
        try {
            while (locked < COUNT) {
                magazines[locked].lock();
                locked++;
            }
        } finally {
            for (int i = 0; locked < COUNT && i < locked; i++) {
                magazines[i].unlock();
            }
        }
    }

    /** Unlocks all near magazines. Needs no more stack than {@link #lockAll}. */
    void unlockAll() {
        for (Magazine magazine : magazines) {
            magazine.unlock();
        }
    }

    /**
     * Takes any frame, or returns {@link Magazine#NONE}. The caller {@linkplain #lockAll locked all} near magazines.
     */
    int takeAny() {
        for (Magazine magazine : magazines) {
            if (!magazine.isEmpty()) {
                return magazine.take();
            }
        }
        return Magazine.NONE;
    }

    /** Returns the number of frames in all near magazines. The caller {@linkplain #lockAll locked all} of them. */
    int size() {
        int size = 0;
        for (Magazine magazine : magazines) {
            size += magazine.size();
        }
        return size;
    }
}
