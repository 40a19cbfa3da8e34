// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.RcuReader;
import dev.samara.core.internal.tlb.Memory;
import org.jspecify.annotations.Nullable;

/** What a thread needs to work on pages. Used by one thread at a time. */
public final class PageTableContext {
    private final RcuReader reader;
    private final Magazine magazine;
    private final int owner;

    /** The next one of those that {@link Memory} has put aside; belongs to it from then until the worker is lent. */
    public @Nullable PageTableContext next;

    public PageTableContext(RcuReader reader, Magazine magazine, int owner) {
        this.reader = reader;
        this.magazine = magazine;
        this.owner = owner;
    }

    /**
     * Returns the word in which the thread notes its reader sections.
     *
     * @return always the same
     */
    public RcuReader reader() {
        return reader;
    }

    /**
     * Returns the free frames that it has at hand.
     *
     * @return always the same
     */
    public Magazine magazine() {
        return magazine;
    }

    /**
     * Returns the number by which entries name it.
     *
     * @return always the same
     */
    public int owner() {
        return owner;
    }
}
