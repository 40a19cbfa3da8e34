// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.VmaRef;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/**
 * A new mapping replaces part of an existing one. Some calls wait until the replacement is complete, and other calls do
 * not.
 */
public final class MapFixed {
    private static final int READ_WRITE = Mman.READ | Mman.WRITE;
    private static final int HERE = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final Executor THREAD = task -> new Thread(task).start();

    private MapFixed() {}

    /**
     * Prints which calls complete while a page in the middle of three is being replaced.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Geometry geometry = Geometry.LINUX_X86_64;
        long page = geometry.pageSize();
        long start = 0x10000;
        long middle = start + page;
        try (AddressSpace space = Machine.builder().build().newSpace(geometry)) {
            space.throwing().mmap(start, 3 * page, READ_WRITE, HERE, null, 0);

            // An embedder must discard its own data about the old page before any thread uses the new page. The mmap is
            // in flight until this callback returns.
            CompletableFuture<Void> dropped = new CompletableFuture<>();
            space.addNotifier((first, end, reason) -> {
                if (first == middle) {
                    dropped.join();
                }
            });
            CompletableFuture<Long> mapped = space.mmapAsync(middle, page, Mman.READ, HERE, null, 0);
            System.out.println("These do not wait:");
            System.out.println("  find, which has the new mapping: " + space.find(middle));
            try (VmaRef reference = Objects.requireNonNull(space.acquire(middle))) {
                System.out.println("  the VMA of a reference: " + reference.vma());
            }
            System.out.println("  an access next to it: " + Fault.toString(space.resolve(start, Mman.WRITE)));
            System.out.println("  mprotect next to it: " + space.mprotect(start, page, Mman.NONE));
            long elsewhere = space.throwing().mmap(0x20000, page, READ_WRITE, HERE, null, 0);
            System.out.println("  mmap elsewhere: " + Long.toHexString(elsewhere));

            CompletableFuture<Integer> access =
                    CompletableFuture.supplyAsync(() -> space.resolve(middle, Mman.READ), THREAD);
            CompletableFuture<Long> protect =
                    CompletableFuture.supplyAsync(() -> space.mprotect(middle, page, READ_WRITE), THREAD);
            System.out.println("These wait, so none of them is done:");
            System.out.println("  the mmap itself: " + mapped.isDone());
            System.out.println("  an access to the page: " + access.isDone());
            System.out.println("  mprotect of the page: " + protect.isDone());

            dropped.complete(null);
            System.out.println("Now they are:");
            System.out.println("  the mmap itself: " + Long.toHexString(mapped.join()));
            System.out.println("  an access to the page: " + Fault.toString(access.join()));
            System.out.println("  mprotect of the page: " + protect.join());
            space.snapshot().maps().forEach(line -> System.out.println("  " + line));
        }
    }
}
