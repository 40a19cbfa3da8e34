// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.MachineInternals;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Spaces that were closed by their owner. Once all CPUs are offline, nothing may be left of these spaces, regardless of
 * earlier use by CPUs and borrowers.
 */
final class EndedSpaces {
    private static final int MOST = 256;

    /** Guarded by itself. */
    private final Deque<AddressSpace> latest = new ArrayDeque<>();

    /**
     * Earlier spaces whose page table was not freed yet, possibly because a LAZY CPU keeps it. Guarded by {@link
     * #latest}.
     */
    private final List<AddressSpace> earlier = new ArrayList<>();

    /** Adds a space whose owner closed its reference. */
    void add(AddressSpace closed) {
        synchronized (latest) {
            if (latest.size() == MOST) {
                AddressSpace oldest = latest.removeFirst();
                if (bytes(oldest) != 0) {
                    earlier.add(oldest);
                }
            }
            latest.addLast(closed);
        }
    }

    private static long bytes(AddressSpace closed) {
        return MachineInternals.layoutOf(closed).pages().bytes();
    }

    /**
     * Checks that the latest spaces, and earlier spaces that still had tables, ended and have neither tables nor
     * references of any kind. Must be called after the last CPU went offline.
     */
    void judge(Checker leaks) {
        synchronized (latest) {
            latest.forEach(each -> judge(each, leaks));
            earlier.forEach(each -> judge(each, leaks));
        }
    }

    private static void judge(AddressSpace closed, Checker leaks) {
        int users = closed.users();
        int tables = TortureMachine.tablesLeft(closed);
        long bytes = bytes(closed);
        boolean holds =
                users == 0 && tables == 0 && bytes == 0 && closed.references().isEmpty();
        leaks.check(
                holds,
                holds
                        ? ""
                        : closed + " is left with " + users + " users, " + tables + " tables, " + bytes
                                + " bytes of page table, and " + closed.references());
    }
}
