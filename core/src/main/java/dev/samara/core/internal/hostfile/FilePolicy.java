// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.event.Report;
import dev.samara.core.internal.file.SavedPages;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/**
 * The settings that a machine has for all its files of the host. They are made before the first file is opened.
 */
final class FilePolicy {
    /** The bytes that one call reads or writes at most. */
    static final int BUFFER = 1 << 20;

    final TransferBuffers buffers = new TransferBuffers(BUFFER);

    /** Evicts pages of all files, for a page of one of them; see {@link CacheLimit#makeRoom}. */
    final Consumer<SavedPages> makeRoom;

    /** Has pages written if too many are dirty; see {@link DirtyLimit#balance}. */
    final Runnable balanceDirty;

    /**
     * The fewest bytes of pages that are not in memory, one after the other, for which a read goes past the cache. So
     * small reads, and reads here and there, fill the cache.
     */
    int leastUncached = 64 << 10;

    /** Whether a page whose write has failed is clean. */
    boolean dropsFailedWrites;

    /** Whether a save at the close of a file forces it. */
    boolean forcesOnClose = true;

    /** Is told of failures that no caller is given. */
    final Consumer<Report> reporter;

    /** Runs what may block. */
    final Executor tasks;

    FilePolicy(Consumer<SavedPages> makeRoom, Runnable balanceDirty, Consumer<Report> reporter, Executor tasks) {
        this.makeRoom = makeRoom;
        this.balanceDirty = balanceDirty;
        this.reporter = reporter;
        this.tasks = tasks;
    }
}
