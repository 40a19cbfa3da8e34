// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.LayoutChange;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Follows a space through the changes that a listener receives. Each change must fit the state after all earlier
 * changes.
 */
final class ChangeFollower implements LayoutListener {
    private final AddressSpace space;
    private final Checker checker;

    /** By their starts. Written by one thread at a time; the stores of one are ordered before those of the next. */
    private final TreeMap<Long, Vma> vmas = new TreeMap<>();

    private long sequence;
    private boolean lost;

    /** Follows a space that is empty and has not been changed yet. */
    ChangeFollower(AddressSpace space, Checker checker) {
        this.space = space;
        this.checker = checker;
        space.addListener(this);
    }

    @Override
    public void changed(LayoutChange change) {
        if (sequence != 0 && change.sequence() != sequence + 1) {
            // Too slow: changes that were lost cannot be replayed.
            checker.check(change.sequence() > sequence, "told of an older change");
            lost = true;
        }
        sequence = change.sequence();
        if (lost) {
            return;
        }
        for (Vma gone : change.before()) {
            checker.check(vmas.remove(gone.start()) == gone, "told of the end of a VMA that was not there");
        }
        for (Vma come : change.after()) {
            checker.check(vmas.put(come.start(), come) == null, "told of two at one place");
        }
    }

    /** After everything has been delivered. */
    void finish() {
        List<Vma> told = new ArrayList<>(vmas.values());
        checker.check(lost || told.equals(space.snapshot().vmas()), "told of another layout than there is");
    }
}
