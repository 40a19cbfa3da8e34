// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.limit.GuestLimits;

/** The pipes of a guest, and the pages that they may have: as many as one user's ({@code pipe-user-pages-soft}). */
public final class PipeCount {
    /** The pages of a new pipe ({@code PIPE_DEF_BUFFERS}), and of one that is made when there are too many. */
    private static final int NEW_PAGES = 16;

    private static final int LEAST_PAGES = 2;

    private int pipes;
    private int pages;

    public PipeCount() {}

    /** Counts a new pipe; returns how many pages it may have, 0 if there are as many pipes as may be. */
    synchronized int add() {
        if (pipes >= GuestLimits.PIPES) {
            return 0;
        }
        pipes++;
        int given = pages + NEW_PAGES > GuestLimits.PIPE_PAGES ? LEAST_PAGES : NEW_PAGES;
        pages += given;
        return given;
    }

    /** Counts other pages of a pipe; returns whether it may have them. */
    synchronized boolean change(int before, int after) {
        if (after > before && pages - before + after > GuestLimits.PIPE_PAGES) {
            return false;
        }
        pages += after - before;
        return true;
    }

    synchronized int pipes() {
        return pipes;
    }

    synchronized void remove(int ofPipe) {
        pipes--;
        pages -= ofPipe;
    }
}
