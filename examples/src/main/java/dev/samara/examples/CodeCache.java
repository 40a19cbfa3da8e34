// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static dev.samara.core.mman.Mman.EXEC;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * The code that an emulator decoded for one CPU, by page. The code of a page is dropped when any thread unmaps the page
 * or changes its rights, and when any CPU writes into the page.
 */
public final class CodeCache {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();

    /**
     * The pages of a space from which any CPU decoded code. A watchpoint for stores is set on a page before its code is
     * decoded.
     */
    static final class CodePages {
        private final AddressSpace space;
        private final ConcurrentMap<Long, Page> watched = new ConcurrentHashMap<>();

        CodePages(AddressSpace space) {
            this.space = space;
        }

        /** Never called in GUEST, because setting a watchpoint may have to wait for other CPUs. */
        private Page page(long address) {
            return watched.computeIfAbsent(address, key -> {
                Page page = new Page();
                // From here on, every store into the page is reported.
                page.watchpoint = space.watch(address, PAGE, (first, length) -> drop(address, page));
                return page;
            });
        }

        /**
         * Called on the thread of the CPU that made the store. The other CPUs see {@code isWritten} when they look up
         * their code.
         */
        private void drop(long address, Page page) {
            page.isWritten = true;
            if (watched.remove(address, page) && page.watchpoint != null) {
                page.watchpoint.close();
            }
        }
    }

    /** The content of a page until the next store into the page. */
    private static final class Page {
        /** Set before any other thread finds the page in the map. */
        private @Nullable Watchpoint watchpoint;

        /**
         * Words: {@code isWritten}, {@code areChanged} of {@code CodeCache}, {@code TranslationCache}.
         * Written: the thread of the CPU that stored into the code (volatile).
         * Read: each thread that is about to run the code (volatile).
         * Invariant: stays set, because the code is dropped and then decoded or translated again.
         */
        private volatile boolean isWritten;
    }

    /** Stands for the decoded code of a page. In an emulator, this would be the blocks that start in the page. */
    private record Decoded(String text, Page from) {}

    private final CodePages pages;
    private final Cpu cpu;
    private final GuestMemory memory;

    /** Used only by this CPU. */
    private final TreeMap<Long, Decoded> decoded = new TreeMap<>(Long::compareUnsigned);

    CodeCache(CodePages pages, Cpu cpu) {
        this.pages = pages;
        this.cpu = cpu;
        memory = cpu.memory();
        cpu.switchTo(pages.space);
        // Called on this thread for the changes of all threads, before the CPU acknowledges its flush, so no lock is
        // needed.
        cpu.onFlush((start, end, reason, generation) -> {
            // Neither reason says that bytes of code have changed.
            if (reason != MmuNotifier.Reason.OBSERVED && reason != MmuNotifier.Reason.WRITE_PROTECTED) {
                decoded.subMap(start & -PAGE, true, end, false).clear();
            }
        });
    }

    /** Runs the code at an address, and first decodes it if it was not decoded before. */
    String run(long address) {
        long start = address & -PAGE;
        cpu.enterGuest();
        try {
            // The lookup comes after entering GUEST, because entering drops the code that is no longer valid.
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
     * Prints which code runs, and when it is decoded again.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        Machine machine = Machine.builder().memory(1 << 20).build();
        try (AddressSpace space = machine.newSpace(GEOMETRY);
                Cpu cpu = machine.claimCpu();
                Cpu other = machine.claimCpu()) {
            int flags = Mman.PRIVATE | Mman.ANONYMOUS;
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
