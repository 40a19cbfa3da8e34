// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.PageTableCount;
import dev.samara.core.internal.cpu.SpaceUsers;
import dev.samara.core.internal.sync.Gate;
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
 * ends in this order, whichever thread gives up the last reference of each kind. No count leaves 0 again. A CPU is a
 * user, too: it is counted by {@link SpaceUsers}, and leaves without a call of this class.
 */
public final class Lifetime {
    private final Layout layout;
    private final SpaceEnd end;
    private final SpaceUsers users;
    private final Identity identity;
    private final PageTableCount pageTable = new PageTableCount(this::pageTableReleased);

    Lifetime(Layout layout, @Nullable String name) {
        this.layout = layout;
        end = new SpaceEnd(layout);
        users = new SpaceUsers(end);
        identity = new Identity(name, layout.geometry().pageSize());
    }

    /** The machine has listed the space, which no other thread knows yet, and has given it a number. */
    void registered(Spaces.RegisteredSpace entry, long number) {
        identity.number(number);
        if (layout.memoryOrNull() != null) {
            layout.pages().context().numberSpace(number);
        }
        end.registered(entry);
    }

    /** Returns the users of the space. */
    public SpaceUsers users() {
        return users;
    }

    /** Returns what outlives the space. */
    public Identity identity() {
        return identity;
    }

    /**
     * Gives up one of the users' references. After the last user the space is torn down. After the last reference its
     * borrowers are asked to let go.
     */
    public void put() {
        if (users.put()) {
            users.end();
        } else {
            askIfAlone();
        }
    }

    /** Gives up a reference as {@link #put} does, and leaves a teardown to a thread of the machine. */
    public void putLater() {
        if (users.put()) {
            users.endLater();
        } else {
            askIfAlone();
        }
    }

    /**
     * Gives up the user of a CPU that has borrowed another space, after it has come back. After the last user the space
     * is torn down.
     */
    public void putHome() {
        // The number of references is as before: nobody is to be asked.
        if (users.putHome()) {
            users.end();
        }
    }

    /** Gives a user up as {@link #putHome} does, and leaves a teardown to a thread of the machine. */
    public void putHomeLater() {
        if (users.putHome()) {
            users.endLater();
        }
    }

    private void askIfAlone() {
        // After the count. Pairs with Borrowers.BorrowPlace.begin.
        if (users.references() == 0) {
            layout.host().borrowers().ask(this);
        }
    }

    /**
     * Takes a reference to the page table ({@code mmgrab}), if there is one.
     *
     * @return whether the caller now has a reference
     */
    public boolean tryHold() {
        return pageTable.tryHold();
    }

    /** Gives up a reference to the page table ({@code mmdrop}). Does not wait. */
    public void release() {
        pageTable.release();
    }

    /** Returns the references to the page table; that of the users is one. */
    public PageTableCount pageTable() {
        return pageTable;
    }

    private void pageTableReleased() {
        try {
            layout.freePageTable();
        } finally {
            identity.drop();
        }
    }

    /** Returns what opens once the space is torn down. */
    Gate over() {
        return end.over();
    }
}
