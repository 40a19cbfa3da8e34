// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

/**
 * Stocks of free frames between the magazines of page-table contexts and the shared pool. Each serves a group of
 * threads (Bonwick's depot, one for each group). A thread often frees frames by another context than it
 * allocates them by. By these magazines it gets its own frames back, so the bytes and the record of a frame stay in the
 * caches of one processor. Thread-safe.
 *
 * <p>A frame that moves between a magazine of these and that of a context moves under both locks. So a thread that has
 * {@linkplain #lockAll locked all} of these, and then looks at the others one by one, misses no frame that stays free.
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

    /** Returns the magazine of the calling thread and some others. */
    private Magazine own() {
        return magazines[(int) Thread.currentThread().getId() & COUNT - 1];
    }

    /**
     * Takes a frame, and moves others to a magazine of a context.
     *
     * @return the frame; {@link Magazine#NONE} if threads like the calling one have put none here
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
            // Last: an overflow of the stack above has taken nothing.
            return from.take();
        } finally {
            from.unlock();
        }
    }

    /**
     * Moves frames here from a full magazine of a context, and puts another one into that.
     *
     * @param frame a free frame, in no magazine
     * @return false, without a change, if there is no room here
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

    /** Locks all of these. The caller has no lock of a magazine. If this fails, none is locked. */
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

    /** Unlocks all of these. Needs no more stack than {@link #lockAll}. */
    void unlockAll() {
        for (Magazine magazine : magazines) {
            magazine.unlock();
        }
    }

    /** Takes any frame, or returns {@link Magazine#NONE}. The caller has {@linkplain #lockAll locked all}. */
    int takeAny() {
        for (Magazine magazine : magazines) {
            if (!magazine.isEmpty()) {
                return magazine.take();
            }
        }
        return Magazine.NONE;
    }

    /** Returns the number of frames here. The caller has {@linkplain #lockAll locked all}. */
    int size() {
        int size = 0;
        for (Magazine magazine : magazines) {
            size += magazine.size();
        }
        return size;
    }
}
