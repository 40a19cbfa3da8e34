// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.event.Report;
import dev.samara.core.internal.file.FilePages;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/** The settings of a machine for all its host files. They are set before the first file is opened. */
final class FilePolicy {
    /** The maximum number of bytes that one call of the host reads or writes. */
    static final int BUFFER = 1 << 20;

    final TransferBuffers buffers = new TransferBuffers(BUFFER);

    /** Evicts pages of all files, to make room for a page of one of them; see {@link CacheLimit#makeRoom}. */
    final Consumer<FilePages> makeRoom;

    /** Makes sure that pages are written if too many are dirty; see {@link DirtyLimit#balance}. */
    final Runnable balanceDirty;

    /**
     * The minimum number of consecutive bytes in pages that are not in memory for which a read bypasses the cache. So
     * small reads, and reads at random offsets, fill the cache.
     */
    int leastUncached = 64 << 10;

    /** Whether a page becomes clean although its write failed. */
    boolean dropsFailedWrites;

    /** Whether the save at the close of a file forces the file. */
    boolean forcesOnClose = true;

    /** Receives reports of failures that are not returned to a caller. */
    final Consumer<Report> reporter;

    /** Runs tasks that may block. */
    final Executor tasks;

    FilePolicy(Consumer<FilePages> makeRoom, Runnable balanceDirty, Consumer<Report> reporter, Executor tasks) {
        this.makeRoom = makeRoom;
        this.balanceDirty = balanceDirty;
        this.reporter = reporter;
        this.tasks = tasks;
    }
}
