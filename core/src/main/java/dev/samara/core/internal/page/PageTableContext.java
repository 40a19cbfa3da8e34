// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.Rcu;
import org.jspecify.annotations.Nullable;

/**
 * What a thread needs to change page tables: a reader, a magazine and an owner number. Used by one thread at a time.
 */
public final class PageTableContext {
    private final Rcu.Reader reader;
    private final Magazine magazine;
    final int owner;

    /** Whether the owner number was released. Used only by {@link PteOwners}. */
    boolean isReleased;

    /** The next context that was put aside. Used only by {@link PageTableContexts}, until the context is lent again. */
    @Nullable
    PageTableContext next;

    PageTableContext(Rcu.Reader reader, Magazine magazine, int owner) {
        this.reader = reader;
        this.magazine = magazine;
        this.owner = owner;
    }

    public Rcu.Reader reader() {
        return reader;
    }

    public Magazine magazine() {
        return magazine;
    }

    /** Returns the owner number that busy entries contain. */
    public int owner() {
        return owner;
    }

    /** Returns the owner number, so that the iteration order of a map of contexts is the same in each run. */
    @Override
    public int hashCode() {
        return owner;
    }
}
