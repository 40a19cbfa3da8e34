// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.RcuReader;
import org.jspecify.annotations.Nullable;

/** A thread's means to change page tables: a reader, a magazine and an owner number. Used by one thread at a time. */
public final class PageTableContext {
    private final RcuReader reader;
    private final Magazine magazine;
    final int owner;

    /** Whether the number has been released. Used by {@link PteOwners} only. */
    boolean isReleased;

    /** The next context put aside. Used by {@link PageTableContexts} only, until this is lent again. */
    @Nullable
    PageTableContext next;

    PageTableContext(RcuReader reader, Magazine magazine, int owner) {
        this.reader = reader;
        this.magazine = magazine;
        this.owner = owner;
    }

    public RcuReader reader() {
        return reader;
    }

    public Magazine magazine() {
        return magazine;
    }

    /** Returns its number in busy entries. */
    public int owner() {
        return owner;
    }

    /** Returns its number, so that a map of contexts has an order that repeats from run to run. */
    @Override
    public int hashCode() {
        return owner;
    }
}
