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
 * Files in memory that have no descriptor left, but may still be mapped. The library frees such a file when it is told
 * to, so its mappings are counted when another file begins to have no name, and when a process ends.
 */
public final class UnnamedMemory {
    private static final int FEW = 16;

    /** The files that may still be made: each one that is freed is one more. */
    private final Semaphore room;

    private final List<MappedFile> files = new ArrayList<>();
    private int enough = FEW;

    /** The number of forks under way. A child may get a mapping that is counted nowhere until its fork has ended. */
    private int forks;

    /** A file and its pages, which know of its mappings. */
    private record MappedFile(MemoryFile file, PageCache pages) {}

    /**
     * Makes an empty list.
     *
     * @param room gets a permit for each file that is freed
     */
    public UnnamedMemory(Semaphore room) {
        this.room = room;
    }

    /** The last descriptor of a file was closed. No call can map it any more; a fork can copy a mapping. */
    public void add(MemoryFile file) {
        PageCache pages = Objects.requireNonNull(file.openReadOnly().pageCache(), "pages");
        synchronized (files) {
            files.add(new MappedFile(file, pages));
        }
        freeSome();
    }

    /** A process begins to copy its memory: no file is freed before {@link #endFork}. */
    public void beginFork() {
        synchronized (files) {
            forks++;
        }
    }

    /** The copy is there, or has failed. */
    public void endFork() {
        synchronized (files) {
            forks--;
        }
        freeSome();
    }

    /** Looks for files without mappings, unless there are many files and most of them had one a short time ago. */
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

    /** Closes files that were removed from the list. A failure of one does not keep the others open. */
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
