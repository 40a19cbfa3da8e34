// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.page.Pte;

/** The entries of a space's page table and the memory of a machine, for tests of other packages. */
public final class PageContents {
    private PageContents() {}

    /** Whether an entry is busy. */
    public static boolean isBusy(AddressSpace space, long address) {
        return Pte.isBusy(space.own.pages().get(address));
    }

    /** Whether an entry is busy because its page is copied. */
    public static boolean isCopied(AddressSpace space, long address) {
        long pte = space.own.pages().get(address);
        return Pte.isBusy(pte) && Pte.has(pte, Pte.COPY);
    }

    /** The number of tables, the topmost not counted. */
    public static int tables(AddressSpace space) {
        return space.own.pages().tables();
    }
}
