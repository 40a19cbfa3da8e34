// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a small address space, one by one, and for each border between two pages whether a VMA starts or ends
 * there. All queries are linear scans.
 */
final class Pages {
    private final Geometry geometry;
    private final @Nullable Page[] page;
    private final boolean[] border;

    Pages(Geometry geometry) {
        this.geometry = geometry;
        page = new Page[(int) geometry.pages(geometry.limit())];
        border = new boolean[page.length + 1];
    }

    /** Returns the number of pages of the space. */
    int size() {
        return page.length;
    }

    /** Returns the page number of an address, capped at the end of the space. */
    int clip(long address) {
        return (int) Long.min(address >>> geometry.pageShift(), page.length);
    }

    boolean isMapped(int at) {
        return at >= 0 && at < page.length && page[at] != null;
    }

    /** Returns the page at a mapped place. */
    Page at(int at) {
        return Objects.requireNonNull(page[at]);
    }

    /** Returns the first mapped page at or after a place, or {@link #size()}. */
    int nextMapped(int from) {
        int at = from;
        while (at < page.length && page[at] == null) {
            at++;
        }
        return at;
    }

    /** Returns the last mapped page before a place, or -1. */
    int previousMapped(int before) {
        int at = before - 1;
        while (at >= 0 && page[at] == null) {
            at--;
        }
        return at;
    }

    int startOf(int at) {
        int start = at;
        while (!border[start]) {
            start--;
        }
        return start;
    }

    int endOf(int at) {
        int end = at + 1;
        while (!border[end]) {
            end++;
        }
        return end;
    }

    boolean isFree(long from, long to) {
        for (long at = from; at < Math.min(to, page.length); at++) {
            if (page[(int) at] != null) {
                return false;
            }
        }
        return true;
    }

    /** Splits the VMA at a place. */
    void cut(int at) {
        border[at] = border[at] || isMapped(at) || isMapped(at - 1);
    }

    void clear(int from, int to) {
        for (int at = from; at < to; at++) {
            page[at] = null;
            border[at] = false;
        }
        border[from] = isMapped(from - 1);
        border[to] = isMapped(to);
    }

    /** Maps a free range as a separate VMA. */
    void put(int from, int to, Page first) {
        for (int at = from; at < to; at++) {
            page[at] = first.further(at - from);
            border[at] = false;
        }
        border[from] = true;
        border[to] = true;
    }

    /** Sets the flags of each page of a range whose ends are borders. */
    void setFlags(int from, int to, long flags) {
        for (int at = from; at < to; at++) {
            page[at] = at(at).withFlags(flags);
        }
    }

    void setName(int from, int to, @Nullable String name) {
        for (int at = from; at < to; at++) {
            page[at] = at(at).withName(name);
        }
    }

    void setIdentity(int from, int to, @Nullable AnonVma identity) {
        for (int at = from; at < to; at++) {
            page[at] = at(at).withIdentity(identity);
        }
    }

    boolean canJoin(int at) {
        return isMapped(at - 1) && isMapped(at) && at(at - 1).continuesAs(at(at));
    }

    /** Removes a border if the pages on both sides continue each other. */
    boolean join(int at) {
        if (!canJoin(at)) {
            return false;
        }
        AnonVma left = at(at - 1).identity();
        AnonVma identity = left != null ? left : at(at).identity();
        long flags = at(at - 1).flags() | at(at).flags();
        border[at] = false;
        setIdentity(startOf(at), endOf(at), identity);
        setFlags(startOf(at), endOf(at), flags);
        return true;
    }

    /**
     * Joins a new range with its neighbours. If the backing counts its mappings, the range is not joined on both sides,
     * because a VMA of such a backing must not vanish.
     */
    void joinNew(int from, int to) {
        boolean left = join(from);
        if (!left || !at(from).countsMappings()) {
            join(to);
        }
    }

    /** Extends a VMA downwards, as a growing stack does. */
    void growDown(int start, int newStart) {
        Page first = at(start);
        border[start] = false;
        for (int at = newStart; at < start; at++) {
            page[at] = first.further(at - start);
        }
        border[newStart] = true;
    }

    int maps() {
        int maps = 0;
        for (int at = 0; at < page.length; at++) {
            if (page[at] != null && border[at]) {
                maps++;
            }
        }
        return maps;
    }

    long count(Predicate<Page> wanted) {
        return count(0, page.length, wanted);
    }

    long count(int from, int to, Predicate<Page> wanted) {
        long count = 0;
        for (int at = from; at < to; at++) {
            Page here = page[at];
            if (here != null && wanted.test(here)) {
                count++;
            }
        }
        return count;
    }

    long count(long flag) {
        return count(here -> here.has(flag));
    }

    long accounted() {
        return count(VmaFlags.ACCOUNT);
    }

    /** Returns the VMAs as descriptions. */
    List<Vma> vmas() {
        List<Vma> vmas = new ArrayList<>();
        for (int at = nextMapped(0); at < page.length; at = nextMapped(endOf(at))) {
            Page first = at(at);
            vmas.add(VmArea.describe(
                    (long) at << geometry.pageShift(),
                    (long) endOf(at) << geometry.pageShift(),
                    first.flags(),
                    first.offset(),
                    first.backing(),
                    first.name(),
                    first.identity()));
        }
        return vmas;
    }
}
