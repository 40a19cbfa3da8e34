// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.mman.Errno;
import java.util.concurrent.locks.LockSupport;

/**
 * The waits of a shared memory ({@code memory.atomic.wait32}, {@code wait64} and {@code notify}), in the machine's
 * futex table. The calling thread is in the memory's space, and leaves GUEST while it sleeps.
 */
final class MemoryWaits {
    /* The results of a wait, as WebAssembly defines them. */
    private static final int WOKEN = 0;
    private static final int NOT_EQUAL = 1;
    private static final int TIMED_OUT = 2;

    private final LinearMemory memory;

    MemoryWaits(LinearMemory memory) {
        this.memory = memory;
    }

    private FutexTable futexes() {
        return memory.space().machine().futexes();
    }

    /** Waits if a four-byte word has the expected value. With a negative timeout, the wait has no time limit. */
    int await(int address, int expected, long nanos) {
        check(address, Integer.BYTES);
        FutexWaiter waiter = newWaiter();
        try {
            return isQueued(waiter, address, expected) ? sleep(waiter, nanos) : NOT_EQUAL;
        } finally {
            waiter.unqueue();
        }
    }

    /** Waits if an eight-byte word has the expected value. With a negative timeout, the wait has no time limit. */
    int await(int address, long expected, long nanos) {
        check(address, Long.BYTES);
        FutexWaiter waiter = newWaiter();
        try {
            // The table compares only the low half of the word. From here on, a thread that changes the word and
            // notifies finds this waiter.
            if (!isQueued(waiter, address, (int) expected)) {
                return NOT_EQUAL;
            }
            if (memory.atomicReadLong(address) != expected) {
                // If a notification counted this thread as woken, the result must be WOKEN.
                return waiter.unqueue() ? WOKEN : NOT_EQUAL;
            }
            return sleep(waiter, nanos);
        } finally {
            waiter.unqueue();
        }
    }

    /**
     * Wakes at most {@code most} threads that wait on a word, and returns the number of woken threads. A negative
     * {@code most} wakes all of them.
     */
    int wake(int address, int most) {
        checkAligned(address, Integer.BYTES);
        if (!memory.shared() || most == 0) {
            return 0;
        }
        int count = most < 0 ? Integer.MAX_VALUE : most;
        long woken = futexes().wake(memory.entered().memory(), address, false, count, FutexTable.ANY);
        if (woken < 0) {
            throw memory.exceptions.failed("notify at " + address + ": " + Errno.of(woken));
        }
        return (int) woken;
    }

    private void check(int address, int size) {
        if (!memory.shared()) {
            throw memory.exceptions.trap("expected shared memory");
        }
        checkAligned(address, size);
    }

    private void checkAligned(int address, int size) {
        memory.checkInside(address, size);
        if ((address & size - 1) != 0) {
            throw memory.exceptions.trap("unaligned atomic at address " + address + ", size " + size);
        }
    }

    private FutexWaiter newWaiter() {
        Thread waiting = Thread.currentThread();
        return futexes().newWaiter(FutexTable.ANY, () -> LockSupport.unpark(waiting));
    }

    private boolean isQueued(FutexWaiter waiter, int address, int expected) {
        long result = waiter.queue(memory.entered().memory(), address, false, expected);
        if (result < 0 && Errno.of(result) != Errno.EAGAIN) {
            throw Errno.of(result) == Errno.EINTR
                    ? memory.exceptions.interrupted()
                    : memory.exceptions.failed("wait at " + address + ": " + Errno.of(result));
        }
        return result == 0;
    }

    private int sleep(FutexWaiter waiter, long nanos) {
        return memory.leave(() -> park(waiter, nanos));
    }

    private int park(FutexWaiter waiter, long nanos) {
        long end = System.nanoTime() + nanos;
        while (waiter.isQueued()) {
            long left = end - System.nanoTime();
            if (nanos >= 0 && left <= 0) {
                return waiter.unqueue() ? WOKEN : TIMED_OUT;
            }
            if (Thread.currentThread().isInterrupted()) {
                if (waiter.unqueue()) {
                    return WOKEN;
                }
                throw memory.exceptions.interrupted();
            }
            if (nanos < 0) {
                LockSupport.park(waiter);
            } else {
                LockSupport.parkNanos(waiter, left);
            }
        }
        return waiter.isWoken() ? WOKEN : TIMED_OUT;
    }
}
