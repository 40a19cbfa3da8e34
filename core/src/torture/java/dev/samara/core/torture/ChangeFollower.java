// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
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

    /**
     * The VMAs by start address. Written by one thread at a time; each thread's stores are ordered before those of the
     * next thread.
     */
    private final TreeMap<Long, Vma> vmas = new TreeMap<>();

    private long sequence;
    private boolean lost;

    /** Follows a space that is empty and was never changed. */
    ChangeFollower(AddressSpace space, Checker checker) {
        this.space = space;
        this.checker = checker;
        space.addListener(this);
    }

    @Override
    public void changed(LayoutListener.Change change) {
        if (sequence != 0 && change.sequence() != sequence + 1) {
            // The listener was too slow: lost changes cannot be replayed.
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

    /** Compares the final layouts, after all changes were delivered. */
    void finish() {
        List<Vma> told = new ArrayList<>(vmas.values());
        checker.check(lost || told.equals(space.snapshot().vmas()), "told of another layout than there is");
    }
}
