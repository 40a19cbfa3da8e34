// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.SpaceUsers;
import dev.samara.core.internal.sync.Gate;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * How long the parts of one space live: three counts, each of which keeps the next.
 *
 * <pre>
 *     users        {@code mm_users}   VMAs, pages, faults      the last put tears down, then releases
 *     page table   {@code mm_count}   root and TLB context     the last release frees the root, then drops
 *     identity     -          number, name, charge     the last drop forgets the embedder's object
 * </pre>
 *
 * <p>The users together have one page table reference, and the page table has one reference to the identity. So a space
 * ends in this order, whichever thread gives up the last reference of each kind. No count leaves 0 again.
 */
public final class Lifetime {
    private final Layout layout;
    private final SpaceEnd end;
    private final SpaceUsers users;
    private final Identity identity;
    private final AtomicInteger pageTable = new AtomicInteger(1);

    Lifetime(Layout layout, @Nullable String name) {
        this.layout = layout;
        end = new SpaceEnd(layout);
        users = new SpaceUsers(end);
        identity = new Identity(name, layout.geometry().pageSize());
    }

    /** Returns the users of the space. */
    public SpaceUsers users() {
        return users;
    }

    /** Returns what outlives the space. */
    public Identity identity() {
        return identity;
    }

    /** Gives up one of the users' references. After the last user the space is torn down. */
    public void put() {
        if (users.put()) {
            users.end();
        }
    }

    /**
     * Takes a reference to the page table ({@code mmgrab}), if there is one.
     *
     * @return whether the caller now has a reference
     */
    public boolean tryHold() {
        int known = pageTable.get();
        while (known != 0 && !pageTable.compareAndSet(known, known + 1)) {
            known = pageTable.get();
        }
        return known != 0;
    }

    /** Gives up a reference to the page table ({@code mmdrop}). Does not wait. */
    public void release() {
        if (pageTable.decrementAndGet() == 0) {
            layout.freePageTable();
            identity.drop();
        }
    }

    /** Returns the number of page table references at some instant of this call; that of the users is one. */
    public int held() {
        return pageTable.get();
    }

    /** Returns what opens once the space is torn down. */
    Gate over() {
        return end.over();
    }
}
