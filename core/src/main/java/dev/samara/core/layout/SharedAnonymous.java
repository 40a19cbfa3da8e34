// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.cache.FilePages;
import dev.samara.core.page.Frames;
import dev.samara.core.page.Memory;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The object behind an anonymous shared mapping, which Linux shows as a deleted {@code /dev/zero}.
 *
 * <p>Its memory is charged while at least one VMA, in whichever space, maps it.
 */
final class SharedAnonymous implements Backing {
    private final Host host;
    private final long inode;
    private final long bytes;
    private final long length;

    /** Replaced when the last mapping has gone: then the content ends. */
    private volatile @Nullable FilePages pages;

    /** Number of VMAs that map it. Guarded by this. */
    private long mappings;

    /** Makes an object of some length, which is charged so many bytes while it is mapped. */
    SharedAnonymous(Host host, @Nullable Memory memory, long length, long bytes) {
        this.host = host;
        this.inode = host.nextInode();
        this.bytes = bytes;
        this.length = length;
        pages = memory == null ? null : new FilePages(memory, length, true);
    }

    Host host() {
        return host;
    }

    /**
     * Counts VMAs that come or go: with the first, its memory is to be charged, whatever the limit, and with the last
     * given back. Whoever kept the object may map it again.
     *
     * @return the bytes that the caller is to charge, or with a negative sign to give back
     */
    synchronized long count(long change) {
        boolean held = mappings != 0;
        mappings += change;
        boolean holds = mappings != 0;
        return held == holds ? 0 : holds ? bytes : -bytes;
    }

    /**
     * Keeps the object that a fork's child will map, if it will, whatever the parent unmaps meanwhile. What the parent unmaps must
     * not be complete yet.
     *
     * @param parents a VMA of the parent
     * @param kept takes the object, to be {@linkplain #letGo let go} of when the child maps it
     */
    static void keep(Vma parents, List<SharedAnonymous> kept) {
        if (parents.has(VmaFlags.SHARED)
                && parents.backing() instanceof SharedAnonymous object
                && !parents.has(VmaFlags.DONTCOPY)) {
            kept.add(object);
            object.count(1);
        }
    }

    /** Ends a keeping. */
    void letGo() {
        long owed = count(-1);
        if (owed != 0) {
            host.uncharge(-owed);
        }
        boolean isMapped;
        synchronized (this) {
            isMapped = mappings != 0;
        }
        if (!isMapped) {
            forgetUnlessMapped();
        }
    }

    /** Mappings of it have ended, and their pages are retired; if they were the last, its content ends. */
    void forgetUnlessMapped() {
        host.background().execute(this::forget);
    }

    private void forget() {
        FilePages old;
        synchronized (this) {
            old = pages;
            if (mappings != 0 || old == null) {
                return;
            }
            // Who has kept the object and maps it again finds it empty.
            pages = new FilePages(old.memory(), length, true);
        }
        old.remove(0, old.pages());
    }

    @Override
    public @Nullable PageCache pageCache() {
        return pages;
    }

    @Override
    public boolean punchesHoles() {
        return true;
    }

    @Override
    public int fault(PageRequest request) {
        // That of the mapping: the object may have another one by now.
        FilePages cache = Objects.requireNonNull(Retiring.fileOf(request.vma()));
        int frame = cache.frameFor(request.page());
        if (frame >= 0 && pages != cache) {
            // The last mapping has gone, and forget() may have looked before this page was put in. Pairs with its
            // replacing of the cache, before it takes the pages out under the lock that this one was put in under.
            cache.remove(request.page(), 1);
        }
        return frame == FilePages.NO_MEMORY ? -Fault.OOM : frame == Frames.NONE ? -Fault.ADRERR : frame;
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
        return inode;
    }

    @Override
    public String name() {
        return "/dev/zero (deleted)";
    }
}
