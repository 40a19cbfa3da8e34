// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** While an munmap is in flight, lookups find nothing in its range, and allocations avoid the range. */
public final class MunmapInFlight {
    private static final int ANYWHERE = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final int HERE = ANYWHERE | Mman.FIXED;
    private static final Executor THREAD = task -> new Thread(task).start();

    private MunmapInFlight() {}

    /**
     * Prints the results of lookups and allocations in a range while its unmapping is in flight.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Geometry geometry = Geometry.LINUX_X86_64;
        long size = 2 * geometry.pageSize();
        try (AddressSpace space = Machine.builder().build().newSpace(geometry)) {
            long start = space.throwing().mmap(0, size, Mman.READ, ANYWHERE, null, 0);

            // Here, an embedder drops the code that it translated from this memory, before the range is reused. This
            // callback blocks; the munmap is in flight until the callback returns.
            CompletableFuture<Void> dropped = new CompletableFuture<>();
            space.addNotifier((first, end, reason) -> dropped.join());
            CompletableFuture<Long> unmapped = space.munmapAsync(start, size);

            System.out.println("In flight: the munmap is complete: " + unmapped.isDone());
            System.out.println("  A lookup finds " + space.find(start));
            System.out.println("  An access ends at once in " + Fault.toString(space.resolve(start, Mman.READ)));
            long other = space.throwing().mmap(0, size, Mman.READ, ANYWHERE, null, 0);
            System.out.println("  A mapping of that size is placed at " + Long.toHexString(other) + ", not at "
                    + Long.toHexString(start));
            CompletableFuture<Long> again = CompletableFuture.supplyAsync(
                    () -> space.throwing().mmap(start, size, Mman.WRITE, HERE, null, 0), THREAD);
            System.out.println("  A mapping that must be there is done: " + again.isDone());

            dropped.complete(null);
            System.out.println("Complete: munmap returned " + unmapped.join());
            System.out.println("  The mapping that had to be there is at " + Long.toHexString(again.join()));
            space.snapshot().maps().forEach(line -> System.out.println("  " + line));
        }
    }
}
