// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.page.Pte;
import dev.samara.core.page.PteOwners;

/** What is in the page table of a space and in the memory of a machine, for tests of other packages. */
public final class PagesOf {
    private PagesOf() {}

    /** Whether an entry is in transit. */
    public static boolean isInTransit(AddressSpace space, long address) {
        return Pte.isInTransit(space.layout().pages().get(address));
    }

    /** Whether an entry is in transit because its page is copied. */
    public static boolean isCopied(AddressSpace space, long address) {
        long pte = space.layout().pages().get(address);
        return Pte.isInTransit(pte) && Pte.has(pte, Pte.COPY);
    }

    /** The number of tables, the topmost not counted. */
    public static int tables(AddressSpace space) {
        return space.layout().pages().tables();
    }

    /** How many operations are at entries, of any space of the machine. */
    public static int owners(AddressSpace space) {
        PteOwners all = space.layout().memory().owners();
        int owners = 0;
        for (int number = 0; number < 1 << 14; number++) {
            long pte = Pte.inTransit(Pte.present(1, 0), number, false);
            owners += all.gateOf(pte) == null ? 0 : 1;
        }
        return owners;
    }
}
