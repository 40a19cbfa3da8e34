// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.util.concurrent.atomic.AtomicInteger;

/** A file of which each page has to be read once: it begins with 0x500 and its number. */
public class PagedFile extends CachedBacking {
    public static final long STAMP = 0x500;

    /** How often a page was read. */
    public final AtomicInteger reads = new AtomicInteger();

    public final PageCache cache;

    public PagedFile(SpaceFixture fixture, long pages) {
        this(fixture.machine.newPageCache(SpaceFixture.GEOMETRY, pages * SpaceFixture.PAGE));
    }

    private PagedFile(PageCache cache) {
        super("/paged", cache);
        this.cache = cache;
    }

    @Override
    protected boolean read(long page, int frame, FrameStore store) {
        reads.incrementAndGet();
        store.put(frame, 0, 8, STAMP + page);
        return true;
    }
}
