// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;

/** A snapshot and a fork contain the parent's layout at one instant. Later changes of the parent do not affect them. */
public final class ForkSnapshot {
    private ForkSnapshot() {}

    /**
     * Prints the mappings of a space, of its snapshot and of its fork, while the space and then the fork are changed.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Geometry geometry = Geometry.LINUX_X86_64;
        long page = geometry.pageSize();
        try (AddressSpace parent = Machine.builder().build().newSpace(geometry)) {
            long start = parent.throwing().mmap(0, 3 * page, Mman.READ, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            LayoutSnapshot snapshot = parent.snapshot();
            try (AddressSpace child = parent.fork()) {
                parent.throwing().munmap(start + page, page);
                print("The parent unmapped its middle page:", parent.snapshot().maps());
                print("The snapshot is as it was:", snapshot.maps());
                print("So is the child:", child.snapshot().maps());

                // A child is a space like any other. The parent does not see the child's changes.
                child.throwing().mprotect(start, 3 * page, Mman.NONE);
                print("The child protected all three:", child.snapshot().maps());
                print("The parent did not notice:", parent.snapshot().maps());
            }
        }
    }

    private static void print(String heading, List<String> maps) {
        System.out.println(heading);
        maps.forEach(line -> System.out.println("  " + line));
    }
}
