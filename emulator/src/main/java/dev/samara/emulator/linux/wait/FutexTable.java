// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import dev.samara.core.mman.PagemapWord;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.BadAddress;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.ProcessMemory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The threads that wait at words of memory. A word is known by the object that is mapped there, where it is shared, and
 * by its address in its memory where it is private. One lock guards the lists, and the comparison of a word with what a
 * waiter expects. A waker changes the word before it takes the lock.
 */
public final class FutexTable {
    /** A word: of shared pages at an offset, or of a memory at an address. */
    record WordKey(Object owner, long place) {}

    /** A thread that waits; guarded by the table. */
    public static final class FutexWaiter {
        private final FutexThread thread;
        private final int bits;
        private WordKey key;
        private boolean isWoken;

        FutexWaiter(FutexThread thread, int bits, WordKey key) {
            this.thread = thread;
            this.bits = bits;
            this.key = key;
        }
    }

    private static final int PAGE_SHIFT = 12;

    private final Map<WordKey, List<FutexWaiter>> waiters = new HashMap<>();

    public FutexTable() {}

    /**
     * Returns the key of a word ({@code get_futex_key}). One that may be shared is touched, as a write where that is
     * possible, so a private page of a file that can be written is a copy by then.
     *
     * @param isWritten whether the word is to be written
     * @throws BadAddress if a word that may be shared cannot be accessed
     */
    static WordKey key(FutexThread thread, long address, boolean isPrivate, boolean isWritten) {
        ProcessMemory memory = thread.processMemory();
        if (isPrivate) {
            if (address < 0 || address >= ProgramLoader.GEOMETRY.limit()) {
                // The only condition that is checked.
                throw thread.memory().badAddress();
            }
            return new WordKey(memory.identity(), address);
        }
        boolean isFixed = !touches(thread, address, isWritten);
        Vma vma = memory.space().find(address);
        Backing backing = vma == null ? null : vma.backing();
        PageCache pages = backing == null ? null : backing.pageCache();
        boolean isOfFile = vma != null && (vma.has(VmaFlags.MAYSHARE) || (isFixed && isPageOfFile(memory, address)));
        if (vma == null || pages == null || !isOfFile) {
            if (isFixed) {
                // A private page that cannot be written never changes.
                throw thread.memory().badAddress();
            }
            return new WordKey(memory.identity(), address);
        }
        return new WordKey(pages, (vma.pageOffset() << PAGE_SHIFT) + address - vma.start());
    }

    /** Returns whether a word can be written; throws if it cannot be read either, or is to be written and cannot. */
    private static boolean touches(FutexThread thread, long address, boolean isWritten) {
        CallMemory memory = thread.memory();
        int found = memory.getInt(address);
        try {
            // It has the same bits afterwards, whatever it has now.
            memory.compareAndExchange(address, found, found);
            return true;
        } catch (BadAddress fixed) {
            if (isWritten) {
                throw fixed;
            }
            return false;
        }
    }

    private static boolean isPageOfFile(ProcessMemory memory, long address) {
        long[] word = new long[1];
        long page = address & -(1L << PAGE_SHIFT);
        return memory.space().pagemap(page, 1L << PAGE_SHIFT, word) == 1 && (word[0] & PagemapWord.PM_FILE) != 0;
    }

    /** Begins to wait if the word has the expected number; null if it has not. */
    public synchronized @Nullable FutexWaiter begin(
            FutexThread thread, long address, boolean isPrivate, int expected, int bits) {
        WordKey key = key(thread, address, isPrivate, false);
        if (thread.memory().getInt(address) != expected) {
            return null;
        }
        FutexWaiter waiter = new FutexWaiter(thread, bits, key);
        waiters.computeIfAbsent(key, none -> new ArrayList<>()).add(waiter);
        return waiter;
    }

    public synchronized boolean isWoken(FutexWaiter waiter) {
        return waiter.isWoken;
    }

    /** Ends a wait; returns whether the waiter was woken before. */
    public synchronized boolean end(FutexWaiter waiter) {
        if (!waiter.isWoken) {
            remove(waiter.key, waiter);
        }
        return waiter.isWoken;
    }

    private void remove(WordKey key, FutexWaiter waiter) {
        List<FutexWaiter> list = waiters.get(key);
        if (list != null && list.remove(waiter) && list.isEmpty()) {
            waiters.remove(key);
        }
    }

    /** Wakes a waiter at a word that any process may share. */
    public void wakeOne(FutexThread thread, long address) {
        // A thread's end does not know which kind of waiters there are.
        if (wake(thread, address, true, 1, -1) == 0) {
            wake(thread, address, false, 1, -1);
        }
    }

    public synchronized int wake(FutexThread thread, long address, boolean isPrivate, int count, int bits) {
        return wake(key(thread, address, isPrivate, false), count, bits);
    }

    private int wake(WordKey key, int count, int bits) {
        List<FutexWaiter> list = waiters.get(key);
        int woken = 0;
        if (list != null) {
            for (Iterator<FutexWaiter> each = list.iterator(); each.hasNext() && woken < count; ) {
                FutexWaiter waiter = each.next();
                if ((waiter.bits & bits) != 0) {
                    each.remove();
                    waiter.isWoken = true;
                    waiter.thread.wake();
                    woken++;
                }
            }
            if (list.isEmpty()) {
                waiters.remove(key);
            }
        }
        return woken;
    }

    /** Returns when a word can be accessed. */
    public synchronized void check(FutexThread thread, long address, boolean isPrivate) {
        key(thread, address, isPrivate, false);
    }

    /** Returns when both words of a wake with an operation can be accessed, and the second one written. */
    public synchronized void check(FutexThread thread, long address, long other, boolean isPrivate) {
        key(thread, address, isPrivate, false);
        key(thread, other, isPrivate, true);
    }

    /** Wakes waiters, and has others wait at another word; EAGAIN if the first word has not the expected number. */
    public synchronized long requeue(
            FutexThread thread,
            long from,
            long to,
            boolean isPrivate,
            int wakes,
            int moves,
            @Nullable Integer expected) {
        WordKey first = key(thread, from, isPrivate, false);
        WordKey second = key(thread, to, isPrivate, false);
        if (expected != null && thread.memory().getInt(from) != expected) {
            return LinuxErrno.EAGAIN;
        }
        int woken = wake(first, wakes, -1);
        List<FutexWaiter> list = waiters.get(first);
        int moved = 0;
        if (list != null && !first.equals(second)) {
            List<FutexWaiter> target = waiters.computeIfAbsent(second, none -> new ArrayList<>());
            while (moved < moves && !list.isEmpty()) {
                FutexWaiter waiter = list.remove(0);
                waiter.key = second;
                target.add(waiter);
                moved++;
            }
            if (list.isEmpty()) {
                waiters.remove(first);
            }
            if (target.isEmpty()) {
                waiters.remove(second);
            }
        }
        return expected == null ? woken : woken + moved;
    }
}
