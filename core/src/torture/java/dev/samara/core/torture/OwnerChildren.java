// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.MachineInternals;
import java.util.ArrayDeque;
import java.util.Deque;

/** The children of a {@link PageOwner}, oldest first. No mapping and no page table may be left of an ended child. */
final class OwnerChildren {
    private static final int MOST = 2;

    private final Deque<TortureMachine.View> views = new ArrayDeque<>();
    private final Checker leaks;

    OwnerChildren(Checker leaks) {
        this.leaks = leaks;
    }

    void add(TortureMachine.View child) {
        views.add(child);
    }

    void makeRoom() {
        if (views.size() == MOST) {
            endOldest();
        }
    }

    /** Ends the oldest child, sometimes with pages in flight. */
    void endOldest() {
        TortureMachine.View child = views.poll();
        if (child != null) {
            child.of.validate();
            child.of.close();
            child.leave();
            leaks.check(MachineInternals.layoutOf(child.of).usage()[0] == 0, "a child is not empty after close");
            int tables = TortureMachine.tablesLeft(child.of);
            leaks.check(tables == 0, tables + " page tables of a child are left after close");
        }
    }

    void endAll() {
        while (!views.isEmpty()) {
            endOldest();
        }
    }
}
