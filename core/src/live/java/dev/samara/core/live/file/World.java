// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** The opens and mappings of a script, according to the kernel's results. */
final class World implements Scene {
    /**
     * A page of a mapping.
     *
     * @param twin the file
     * @param page the number of the page in the file
     * @param isPrivate whether the mapping is private
     * @param isSaved whether {@code msync} saves the page; a mapping of a read-only open is as good as private
     */
    record MappedPage(Twin twin, long page, boolean isPrivate, boolean isSaved) {}

    private final Map<Long, Twin> twins = new HashMap<>();
    private final @Nullable Twin[] slots = new Twin[Places.SLOTS];
    private final boolean[] areWritable = new boolean[Places.SLOTS];
    private final @Nullable MappedPage[][][] pages = new MappedPage[Places.SPACES][Places.REGIONS][Places.PAGES];

    Collection<Twin> twins() {
        return twins.values();
    }

    @Nullable
    Twin twin(long inode) {
        return twins.get(inode);
    }

    /** Returns the file that is open in a slot, or null. */
    @Nullable
    Twin at(int slot) {
        return slots[slot];
    }

    @Override
    public long sizeAt(int slot) {
        Twin twin = slots[slot];
        return twin == null ? -1 : twin.size();
    }

    @Override
    public boolean isWritable(int slot) {
        return areWritable[slot];
    }

    void open(int slot, long inode, boolean isWritable, LongFunction<Twin> maker) {
        slots[slot] = twins.computeIfAbsent(inode, maker::apply);
        areWritable[slot] = isWritable;
    }

    void close(int slot) {
        slots[slot] = null;
    }

    /** Returns a slot with an open file, or -1. */
    int slotOf(Twin twin) {
        for (int i = 0; i < slots.length; i++) {
            if (slots[i] == twin) {
                return i;
            }
        }
        return -1;
    }

    boolean isMapped(Twin twin) {
        for (int space = 0; space < Places.SPACES; space++) {
            for (int region = 0; region < Places.REGIONS; region++) {
                for (MappedPage page : pages[space][region]) {
                    if (page != null && page.twin == twin) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    boolean isUsed(Twin twin) {
        return slotOf(twin) >= 0 || isMapped(twin);
    }

    @Nullable
    MappedPage page(int space, int region, long page) {
        return page < 0 || page >= Places.PAGES ? null : pages[space][region][(int) page];
    }

    @Override
    public long mappedBytes(int space, int region) {
        MappedPage page = page(space, region, 0);
        return page == null ? 0 : Math.max(0, page.twin.size() - page.page * Places.PAGE);
    }

    @Override
    public boolean isMapped(int space, int region) {
        for (MappedPage page : pages[space][region]) {
            if (page != null) {
                return true;
            }
        }
        return false;
    }

    void map(Step step, Twin twin) {
        boolean isPrivate = (step.get(Kind.MAPPING) & Mman.SHARED_VALIDATE) == Mman.PRIVATE;
        boolean isSaved = !isPrivate && isWritable(step.number(Kind.SLOT));
        for (int i = 0; i < step.get(Kind.PAGES) && i < Places.PAGES; i++) {
            pages[step.number(Kind.SPACE)][step.number(Kind.REGION)][i] =
                    new MappedPage(twin, step.get(Kind.OFFSET) / Places.PAGE + i, isPrivate, isSaved);
        }
    }

    void unmap(Step step) {
        for (long i = 0; i < step.get(Kind.PAGES); i++) {
            long page = step.get(Kind.FIRST) + i;
            if (page < Places.PAGES) {
                pages[step.number(Kind.SPACE)][step.number(Kind.REGION)][(int) page] = null;
            }
        }
    }

    /** Returns the mapped pages that the bytes of a step touch, with their places in the region. */
    List<MappedPage> touched(Step step) {
        List<MappedPage> touched = new ArrayList<>();
        long offset = step.get(Kind.OFFSET);
        long length = step.has(Kind.WIDTH) ? step.get(Kind.WIDTH) : step.get(Kind.LENGTH);
        for (long page = Math.floorDiv(offset, (long) Places.PAGE);
                page < Places.PAGES && page * Places.PAGE < offset + length;
                page++) {
            MappedPage mapped = page(step.number(Kind.SPACE), step.number(Kind.REGION), page);
            if (mapped != null) {
                touched.add(mapped);
            }
        }
        return touched;
    }
}
