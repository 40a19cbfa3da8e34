// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.limit.GuestLimits;

/**
 * Counts the pipes of a guest and the pages of their buffers. All pipes belong to one user, so the limits for one user
 * apply ({@code pipe-user-pages-soft}).
 */
public final class PipeCount {
    /**
     * The number of pages of a new pipe ({@code PIPE_DEF_BUFFERS}), followed by the number of pages of a new pipe when
     * too many pages are in use.
     */
    private static final int NEW_PAGES = 16;

    private static final int LEAST_PAGES = 2;

    private int pipes;
    private int pages;

    public PipeCount() {}

    /** Counts a new pipe; returns how many pages it may have, or 0 if the maximum number of pipes is reached. */
    synchronized int add() {
        if (pipes >= GuestLimits.PIPES) {
            return 0;
        }
        pipes++;
        int given = pages + NEW_PAGES > GuestLimits.PIPE_PAGES ? LEAST_PAGES : NEW_PAGES;
        pages += given;
        return given;
    }

    /** Changes the number of pages of a pipe; returns whether the limit permits it. */
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
