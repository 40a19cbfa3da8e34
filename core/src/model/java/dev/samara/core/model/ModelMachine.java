// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.vma.Backing;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** The state that model spaces share: settings, and the charges of all spaces, which are recounted for each query. */
final class ModelMachine {
    final int maxMaps;
    final long guardGap;
    final long commitLimit;

    private final List<ModelSpace> spaces = new ArrayList<>();
    private final IdentityHashMap<Backing, Long> sharedPages = new IdentityHashMap<>();

    /**
     * Creates a machine.
     *
     * @param commitLimit bytes, or -1 for none
     */
    ModelMachine(int maxMaps, long guardGap, long commitLimit) {
        this.maxMaps = maxMaps;
        this.guardGap = guardGap;
        this.commitLimit = commitLimit;
    }

    boolean isStrict() {
        return commitLimit >= 0;
    }

    void add(ModelSpace space) {
        spaces.add(space);
    }

    void remove(ModelSpace space) {
        spaces.remove(space);
    }

    /** Charges a new shared object for its size, as long as any space maps a page of it. */
    void charge(Backing shared, long pages) {
        sharedPages.put(shared, pages);
    }

    long committedPages() {
        long pages = 0;
        for (ModelSpace space : spaces) {
            pages += space.pages.accounted();
        }
        for (Map.Entry<Backing, Long> shared : sharedPages.entrySet()) {
            Backing object = shared.getKey();
            boolean mapped = spaces.stream().anyMatch(space -> space.pages.count(page -> page.backing() == object) > 0);
            pages += mapped ? shared.getValue() : 0;
        }
        return pages;
    }

    boolean canCommit(long pages, int pageShift) {
        return !isStrict() || committedPages() + pages <= commitLimit >>> pageShift;
    }
}
