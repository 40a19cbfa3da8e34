// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.PagemapQuery;
import dev.samara.core.mman.PageCategory;
import org.jspecify.annotations.Nullable;

/**
 * A question for {@link AddressSpace#pagemapScan}, with the place where its answer has ended ({@code struct
 * pm_scan_arg}). It may be asked again and again, of any space. Not thread-safe: one thread uses it at a time.
 *
 * <p>A page matches if its categories, of which those of {@link #inverted} are exchanged, have all of {@link #all} and,
 * unless that is 0, one of {@link #any}. Pages between two mappings never match. Unless set, each page of a mapping
 * matches, and no category is told.
 */
public final class PageScan {
    private final PagemapQuery query = new PagemapQuery();

    /** Creates a question for no page, until {@link #range} is called. */
    public PageScan() {}

    /**
     * Sets the range. {@link AddressSpace#pagemapScan} checks it.
     *
     * @param start the first address, a page boundary
     * @param end the end, exclusive; rounded up to a page boundary
     * @return this
     */
    public PageScan range(long start, long end) {
        query.start = start;
        query.end = end;
        return this;
    }

    /**
     * Sets the categories that count as absent where they are present, and as present where they are absent, when
     * {@link #all} and {@link #any} are compared ({@code category_inverted}). The told categories are not inverted.
     *
     * @param categories bits of {@link PageCategory}; 0 unless set
     * @return this
     */
    public PageScan inverted(long categories) {
        query.inverted = categories;
        return this;
    }

    /**
     * Sets the categories of which a page must have all ({@code category_mask}).
     *
     * @param categories bits of {@link PageCategory}; 0 unless set
     * @return this
     */
    public PageScan all(long categories) {
        query.mask = categories;
        return this;
    }

    /**
     * Sets the categories of which a page must have one ({@code category_anyof_mask}).
     *
     * @param categories bits of {@link PageCategory}; 0 for no condition, which it is unless set
     * @return this
     */
    public PageScan any(long categories) {
        query.anyOf = categories;
        return this;
    }

    /**
     * Sets the categories that are told of a region ({@code return_mask}). Neighbouring pages are one region if these
     * categories are equal.
     *
     * @param categories bits of {@link PageCategory}; 0 unless set
     * @return this
     */
    public PageScan told(long categories) {
        query.told = categories;
        return this;
    }

    /**
     * Sets the most pages of an answer ({@code max_pages}).
     *
     * @param pages the number of pages, unsigned; 0 for no limit, which it is unless set
     * @return this
     */
    public PageScan maxPages(long pages) {
        query.maxPages = pages;
        return this;
    }

    /**
     * Returns the address at which the last answer has ended ({@code walk_end}): the end of the range, or the first
     * matching page that the answer has no room for. To go on, ask from there. After an error of the arguments it is
     * that of the answer before.
     *
     * @return an address; 0 before the first answer
     */
    public long walkEnd() {
        return query.walkEnd;
    }

    /** Returns the range as text. */
    @Override
    public String toString() {
        return "scan from 0x" + Long.toHexString(query.start) + " to 0x" + Long.toHexString(query.end);
    }

    long ask(Layout layout, long @Nullable [] regions) {
        return query.ask(layout, regions);
    }
}
