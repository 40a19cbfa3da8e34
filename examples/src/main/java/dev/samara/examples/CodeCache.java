// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static dev.samara.core.mman.Protection.EXEC;
import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.vma.Geometry;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * Code that an emulator has decoded, by page and CPU. It is dropped when any thread unmaps the page or changes its
 * rights, and when any CPU writes into the page.
 */
public final class CodeCache {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();

    /**
     * The pages of a space from which some CPU has decoded code. Each is watched for stores since before its code was
     * decoded.
     */
    static final class CodePages {
        private final AddressSpace space;
        private final ConcurrentMap<Long, Page> watched = new ConcurrentHashMap<>();

        CodePages(AddressSpace space) {
            this.space = space;
        }

        /** Never called in GUEST: setting a watchpoint may have to wait for other CPUs. */
        private Page page(long address) {
            return watched.computeIfAbsent(address, key -> {
                Page page = new Page();
                // From here on, every store into the page is reported.
                page.watchpoint = space.watch(address, PAGE, (first, length) -> drop(address, page));
                return page;
            });
        }

        /**
         * Called on the thread of the CPU that has stored. The other CPUs find the mark when they look for their code.
         */
        private void drop(long address, Page page) {
            page.isWritten = true;
            if (watched.remove(address, page) && page.watchpoint != null) {
                page.watchpoint.close();
            }
        }
    }

    /** The content of a page during a period of time. */
    private static final class Page {
        /** Set before any other thread finds the page in the map. */
        private @Nullable Watchpoint watchpoint;

        /**
         * @words {@code isWritten}, {@code areChanged} of {@code CodeCache}, {@code TranslationCache}
         * @written the thread of the CPU that has stored to the code (volatile)
         * @read each thread that is about to run the code (volatile)
         * @invariant stays set: the code is dropped, and made again
         */
        private volatile boolean isWritten;
    }

    /** Stands for the code of a page; in an emulator, for the blocks that begin in it. */
    private record Decoded(String text, Page from) {}

    private final CodePages pages;
    private final Cpu cpu;
    private final GuestMemory memory;

    /** Used by this CPU only. */
    private final TreeMap<Long, Decoded> decoded = new TreeMap<>(Long::compareUnsigned);

    CodeCache(CodePages pages, Cpu cpu) {
        this.pages = pages;
        this.cpu = cpu;
        memory = cpu.memory();
        cpu.switchTo(pages.space);
        // Called for changes of any thread, on this thread, before the CPU acknowledges its flush: no lock is needed.
        cpu.onFlush((start, end, reason, generation) -> {
            if (reason != MmuNotifier.Reason.OBSERVED) {
                decoded.subMap(start & -PAGE, true, end, false).clear();
            }
        });
    }

    /** Runs the code at an address, decoded now or before. */
    String run(long address) {
        long start = address & -PAGE;
        cpu.enterGuest();
        try {
            // After entering GUEST, which drops the code that is no longer valid.
            Decoded known = decoded.get(start);
            if (known != null && !known.from.isWritten) {
                return known.text + " as decoded before";
            }
        } finally {
            cpu.leaveGuest();
        }
        Page page = pages.page(start);
        cpu.enterGuest();
        try {
            int fault = memory.fetch(address, Long.BYTES);
            if (fault != Fault.NONE) {
                return Fault.toString(fault);
            }
            Decoded block = new Decoded("block " + memory.value(), page);
            decoded.put(start, block);
            return block.text + " decoded";
        } finally {
            cpu.leaveGuest();
        }
    }

    /**
     * Prints the code that runs.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Machine machine = Machine.builder().memory(1 << 20).build();
        try (AddressSpace space = machine.newSpace(GEOMETRY);
                Cpu cpu = machine.claimCpu();
                Cpu other = machine.claimCpu()) {
            int flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
            long code = space.throwing().mmap(0, 2 * PAGE, READ | WRITE | EXEC, flags, null, 0);
            CodeCache cache = new CodeCache(new CodePages(space), cpu);
            GuestMemory memory = cpu.memory();
            other.switchTo(space);
            memory.store(code, Long.BYTES, 1);
            memory.store(code + PAGE, Long.BYTES, 2);
            System.out.println("First: " + cache.run(code) + ", " + cache.run(code + PAGE));
            System.out.println("Again: " + cache.run(code) + ", " + cache.run(code + PAGE));
            memory.store(code, Long.BYTES, 3);
            System.out.println("After a store into the first: " + cache.run(code) + ", " + cache.run(code + PAGE));
            other.memory().store(code + PAGE, Long.BYTES, 4);
            System.out.println(
                    "After another CPU's into the second: " + cache.run(code) + ", " + cache.run(code + PAGE));
            space.throwing().mprotect(code + PAGE, PAGE, READ);
            System.out.println("After mprotect of the second: " + cache.run(code) + ", " + cache.run(code + PAGE));
            space.throwing().munmap(code, PAGE);
            System.out.println("After munmap of the first: " + cache.run(code));
        }
    }
}
