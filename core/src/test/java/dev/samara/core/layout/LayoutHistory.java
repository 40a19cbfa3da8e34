// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.LayoutSnapshot;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The layouts of one space after each of its calls, in order. Layouts are compared page by page, by their hashes. The
 * bounds of VMAs do not matter, because equal neighbours may be merged late.
 */
final class LayoutHistory {
    private final int pageShift;
    private final List<Long> layouts = new ArrayList<>();
    private final Set<Long> pages = new HashSet<>();

    LayoutHistory(int pageShift) {
        this.pageShift = pageShift;
    }

    void add(LayoutSnapshot snapshot) {
        layouts.add(hash(snapshot));
        for (Vma vma : snapshot.vmas()) {
            for (long page = 0; page < pages(vma); page++) {
                pages.add(hash(vma, page));
            }
        }
    }

    private long pages(Vma vma) {
        return vma.length() >>> pageShift;
    }

    private long hash(LayoutSnapshot snapshot) {
        long hash = 1;
        for (Vma vma : snapshot.vmas()) {
            for (long page = 0; page < pages(vma); page++) {
                hash = mix(hash, hash(vma, page));
            }
        }
        return hash;
    }

    /** Returns a hash of a page: its address, and its properties in the VMA. */
    private long hash(Vma vma, long page) {
        long hash = mix((vma.start() >>> pageShift) + page, vma.pageOffset() + page);
        return mix(
                mix(hash, vma.flags()),
                vma.backing() == null ? 0 : vma.backing().hashCode());
    }

    /** The finalizer of a 64-bit hash. */
    private static long mix(long hash, long more) {
        long mixed = (hash ^ more * 0x9E3779B97F4A7C15L) * 0xBF58476D1CE4E5B9L;
        return mixed ^ mixed >>> 31;
    }

    /** Returns whether every page of a VMA was ever in a layout. */
    boolean has(Vma vma) {
        for (long page = 0; page < pages(vma); page++) {
            if (!pages.contains(hash(vma, page))) {
                return false;
            }
        }
        return true;
    }

    /** Returns the index of a layout in this history, searching from {@code from}. */
    int indexOf(LayoutSnapshot snapshot, int from) {
        long layout = hash(snapshot);
        for (int i = from; i < layouts.size(); i++) {
            if (layouts.get(i) == layout) {
                return i;
            }
        }
        throw new AssertionError(
                "there was never, or not since layout " + from + ", a layout\n" + String.join("\n", snapshot.maps()));
    }

    int last() {
        return layouts.size() - 1;
    }
}
