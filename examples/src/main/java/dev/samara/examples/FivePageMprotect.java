// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;

/**
 * Rights belong to pages, so protecting the middle page of a mapping of five pages splits the mapping into three.
 * Restoring the rights joins the three mappings again.
 */
public final class FivePageMprotect {
    private static final int READ_WRITE = Mman.READ | Mman.WRITE;

    private FivePageMprotect() {}

    /**
     * Prints the mappings before the middle page is protected, while it is protected, and afterwards.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Geometry geometry = Geometry.LINUX_X86_64;
        long page = geometry.pageSize();
        try (AddressSpace space = Machine.builder().build().newSpace(geometry)) {
            long start = space.throwing().mmap(0, 5 * page, READ_WRITE, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            print("Five pages that may be read and written are one mapping:", space);

            long middle = start + 2 * page;
            space.throwing().mprotect(middle, page, Mman.READ);
            print("The one in the middle may only be read now, so there are three:", space);

            space.throwing().mprotect(middle, page, READ_WRITE);
            print("All five are alike again, and one mapping again:", space);
        }
    }

    private static void print(String heading, AddressSpace space) {
        System.out.println(heading);
        space.snapshot().maps().forEach(line -> System.out.println("  " + line));
    }
}
