// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Pagemap.PagemapQuery;
import dev.samara.core.mman.PagemapFlags;
import org.jspecify.annotations.Nullable;

/**
 * A query for {@link AddressSpace#pagemapScan}, with the address at which the last scan ended ({@code struct
 * pm_scan_arg}). It is reusable, for any space. Not thread-safe: one thread may use it at a time.
 *
 * <p>A page matches if its categories, after those of {@link #inverted} are negated, include all of {@link #all} and,
 * unless {@link #any} is 0, at least one of {@link #any}. Pages between mappings never match. By default every page of
 * a mapping matches, and no category is reported.
 */
public final class PageScan {
    private final PagemapQuery query = new PagemapQuery();

    /** Creates a query that matches no page until {@link #range} is called. */
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
     * Sets the categories that are negated before {@link #all} and {@link #any} are applied ({@code
     * category_inverted}). The reported categories are not negated.
     *
     * @param categories {@code PAGE_IS_*} bits of {@link PagemapFlags}; 0 unless set
     * @return this
     */
    public PageScan inverted(long categories) {
        query.inverted = categories;
        return this;
    }

    /**
     * Sets the categories that a matching page must all have ({@code category_mask}).
     *
     * @param categories {@code PAGE_IS_*} bits of {@link PagemapFlags}; 0 unless set
     * @return this
     */
    public PageScan all(long categories) {
        query.mask = categories;
        return this;
    }

    /**
     * Sets the categories of which a matching page must have at least one ({@code category_anyof_mask}).
     *
     * @param categories {@code PAGE_IS_*} bits of {@link PagemapFlags}; 0, the default, for no condition
     * @return this
     */
    public PageScan any(long categories) {
        query.anyOf = categories;
        return this;
    }

    /**
     * Sets the categories that are reported for a region ({@code return_mask}). Neighbouring pages form one region if
     * these categories are equal.
     *
     * @param categories {@code PAGE_IS_*} bits of {@link PagemapFlags}; 0 unless set
     * @return this
     */
    public PageScan told(long categories) {
        query.told = categories;
        return this;
    }

    /**
     * Sets the maximum number of pages that a scan reports ({@code max_pages}).
     *
     * @param pages the number of pages, unsigned; 0, the default, for no limit
     * @return this
     */
    public PageScan maxPages(long pages) {
        query.maxPages = pages;
        return this;
    }

    /**
     * Returns the address at which the last scan ended ({@code walk_end}): the end of the range, or the first matching
     * page for which no room was left. To continue, start the next scan there. An argument error leaves it unchanged.
     *
     * @return an address; 0 before the first scan
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
