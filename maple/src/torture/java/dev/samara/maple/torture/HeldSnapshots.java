// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.Cursor;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.Snapshot;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Random;

/**
 * Takes snapshots, records their contents immediately, keeps them for thousands of edits, and compares. Snapshots that
 * are kept until the end are compared then.
 */
final class HeldSnapshots implements Actor {
    private static final int MOST = 24;
    private static final long EDITS = 3000;

    private final TortureTree setup;
    private final Checker checker;
    private final Deque<Holding> held = new ArrayDeque<>();

    /** A snapshot, its contents, and the number of edits before it was taken. */
    private record Holding(Snapshot<Mark> snapshot, List<RangeEntry<Mark>> entries, long edits) {}

    HeldSnapshots(TortureTree setup, Checker checker) {
        this.setup = setup;
        this.checker = checker;
    }

    @Override
    public void step(Random random) {
        if (held.size() < MOST) {
            Snapshot<Mark> snapshot = setup.tree.snapshot();
            held.add(new Holding(snapshot, snapshot.entries(), setup.edits()));
        }
        Holding oldest = held.element();
        if (setup.edits() - oldest.edits >= EDITS) {
            held.remove();
            compare(oldest);
        }
    }

    @Override
    public void finish() {
        held.forEach(this::compare);
    }

    private void compare(Holding holding) {
        List<RangeEntry<Mark>> then = holding.entries;
        checker.check(then.equals(holding.snapshot.entries()), "other entries than when it was taken");
        checker.check(isWalkedTo(holding), "a walk that differs from the first one");
        for (int n = 0; n < then.size(); n += 7) {
            RangeEntry<Mark> entry = then.get(n);
            checker.check(holding.snapshot.get(entry.last()) == entry.value(), "another value than when it was taken");
        }
        if (setup.edits() - holding.edits >= EDITS) {
            checker.overlapped();
        }
    }

    private static boolean isWalkedTo(Holding holding) {
        Cursor<Mark> cursor = holding.snapshot.cursor();
        Mark value = cursor.previous();
        for (int n = holding.entries.size() - 1; n >= 0; n--) {
            RangeEntry<Mark> entry = holding.entries.get(n);
            if (!Objects.equals(value, entry.value())
                    || cursor.first() != entry.first()
                    || cursor.last() != entry.last()) {
                return false;
            }
            value = cursor.previous();
        }
        return value == null;
    }
}
