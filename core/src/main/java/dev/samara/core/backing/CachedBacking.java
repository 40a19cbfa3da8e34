// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A backing whose subclass only implements the reading of a page. It keeps each page in a page cache, and offers the
 * cached pages to later faults.
 *
 * <p>Two opens of one file are two objects with the same cache. The cache can be {@linkplain PageCache#close closed}
 * when the file is not needed any more; the machine closes a cache that is mapped nowhere and is unreachable. The last
 * {@code munmap} ends nothing.
 *
 * <p>Before an access fails with {@link Fault#OOM}, the machine reclaims pages that are clean, unpinned and unmapped;
 * they are read again when they are needed. A page becomes dirty when it is written through a mapping, or through a pin
 * that {@code unpin} reports as written. {@link #read} must therefore be able to read each page again at any time. A
 * write to a frame through its store, without a pin, may be lost.
 */
public abstract class CachedBacking implements Backing {
    private final String name;
    private final PageCache cache;

    /**
     * Makes one open of a file.
     *
     * @param name the displayed name, not empty
     * @param cache the pages of the file, made by the machine whose spaces will map it
     */
    protected CachedBacking(String name, PageCache cache) {
        this.name = Objects.requireNonNull(name, "name");
        this.cache = Objects.requireNonNull(cache, "cache");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: a backing must have a name to show");
        }
        ((FilePages) cache).allowReclaim();
    }

    /**
     * Reads a page. May block; an exception makes the fault a SIGBUS.
     *
     * @param page number of the page in the file
     * @param frame a frame filled with zeros, which no other thread has
     * @param store the store with the bytes of the frame
     * @return true if the page was read; otherwise the fault is a SIGBUS
     */
    protected abstract boolean read(long page, int frame, FrameStore store);

    @Override
    public int fault(PageRequest request) {
        int known = cache.frameAt(request.page());
        if (known >= 0) {
            return known;
        }
        int frame = cache.allocate();
        if (frame < 0) {
            return -Fault.OOM;
        }
        boolean isRead = false;
        try {
            isRead = read(request.page(), frame, cache.store());
        } finally {
            if (!isRead) {
                cache.free(frame);
            }
        }
        request.major();
        int inserted = isRead ? cache.insert(request.page(), frame) : -1;
        return inserted >= 0 ? inserted : -Fault.ADRERR;
    }

    @Override
    public final @Nullable PageCache pageCache() {
        return cache;
    }

    @Override
    public int major() {
        return 0;
    }

    @Override
    public int minor() {
        return 1;
    }

    @Override
    public long inode() {
        return 0;
    }

    @Override
    public final String name() {
        return name;
    }

    @Override
    public String toString() {
        return name;
    }
}
