// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Semaphore;

/**
 * Files in memory that no longer have a descriptor, but may still be mapped. The library frees such a file only on
 * request. So this checks which files are still mapped when another file loses its last descriptor, and when a process
 * ends.
 */
public final class UnnamedMemory {
    private static final int FEW = 16;

    /** How many files may still be created. Each file that is freed releases a permit. */
    private final Semaphore room;

    private final List<MappedFile> files = new ArrayList<>();
    private int enough = FEW;

    /**
     * The number of forks in progress. Until its fork has ended, a child may have mappings that are not counted yet.
     */
    private int forks;

    /** A file and its page cache, which counts its mappings. */
    private record MappedFile(MemoryFile file, PageCache pages) {}

    /**
     * Creates an empty list.
     *
     * @param room a permit is released for each file that is freed
     */
    public UnnamedMemory(Semaphore room) {
        this.room = room;
    }

    /** Adds a file whose last descriptor was closed. No call can map it any more, but a fork can copy a mapping. */
    public void add(MemoryFile file) {
        PageCache pages = Objects.requireNonNull(file.openReadOnly().pageCache(), "pages");
        synchronized (files) {
            files.add(new MappedFile(file, pages));
        }
        freeSome();
    }

    /** Called before a process copies its memory. No file is freed until {@link #endFork}. */
    public void beginFork() {
        synchronized (files) {
            forks++;
        }
    }

    /** Called after the copy was made or has failed. */
    public void endFork() {
        synchronized (files) {
            forks--;
        }
        freeSome();
    }

    /**
     * Frees files without mappings. Does nothing if there are many files, and at least half of them were still mapped
     * at the last check.
     */
    public void freeSome() {
        boolean isTime;
        synchronized (files) {
            isTime = files.size() <= FEW || files.size() >= enough;
        }
        if (isTime) {
            free();
        }
    }

    /** Frees all files without mappings. */
    public void free() {
        List<MemoryFile> unused = new ArrayList<>();
        synchronized (files) {
            if (forks > 0) {
                return;
            }
            for (Iterator<MappedFile> each = files.iterator(); each.hasNext(); ) {
                MappedFile file = each.next();
                if (file.pages.mappings() == 0) {
                    unused.add(file.file);
                    each.remove();
                }
            }
            enough = 2 * files.size();
        }
        close(unused.iterator());
    }

    /**
     * Closes files that were removed from the list. An exception from one file does not keep the remaining files open.
     */
    private void close(Iterator<MemoryFile> unused) {
        while (unused.hasNext()) {
            boolean isClosed = false;
            try {
                unused.next().close();
                isClosed = true;
            } finally {
                room.release();
                if (!isClosed) {
                    close(unused);
                }
            }
        }
    }
}
