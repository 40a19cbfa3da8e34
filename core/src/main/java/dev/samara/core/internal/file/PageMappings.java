// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.Addresses;
import java.util.ArrayList;
import java.util.List;

/**
 * Counts the page table entries that map a page of a file ({@code folio_mapcount}). Because frames of a page cache do
 * not count their mappings, it checks each mapping of the file. Acquires no lock and does not wait. Mappings that are
 * added after the creation of this object are not counted. For one thread.
 */
public final class PageMappings {
    private final List<ReverseMap.Link> links = new ArrayList<>();

    /** Finds the mappings of the pages from {@code first} to {@code last}, inclusive. */
    PageMappings(ReverseMap mappings, long first, long last) {
        mappings.visit(first, last, links::add);
    }

    /** Returns whether at most one mapping contains pages of the range, so that no page is mapped by two entries. */
    public boolean isSole() {
        return links.size() <= 1;
    }

    /** Returns the number of found mappings that are still linked. */
    int linked() {
        int count = 0;
        for (int i = 0; i < links.size(); i++) {
            count += links.get(i).isUnlinked() ? 0 : 1;
        }
        return count;
    }

    /**
     * Returns the number of entries that map a page, but at most {@code most}.
     *
     * @param page a page of the range
     * @param frame the page's frame
     * @param most the number at which the count stops
     */
    public int count(long page, int frame, int most) {
        int count = 0;
        for (int i = 0; i < links.size() && count < most; i++) {
            ReverseMap.Link link = links.get(i);
            PageTable table = link.table();
            long distance = (page - link.vma().pageOffset()) << table.pageShift();
            // The comparison is unsigned, so a page before the mapping is treated like one beyond its end.
            if (Addresses.isBelow(distance, link.vma().length()) && !link.isUnlinked()) {
                long pte = table.get(link.vma().start() + distance);
                boolean hasPage = Pte.kindOf(pte) != Pte.NO_PAGE && Pte.isCached(pte) && Pte.frame(pte) == frame;
                count += hasPage ? 1 : 0;
            }
        }
        return count;
    }
}
