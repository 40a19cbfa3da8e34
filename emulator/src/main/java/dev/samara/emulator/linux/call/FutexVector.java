// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitingThread;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** {@code futex_waitv}: waits on several words until one of them is woken. */
final class FutexVector {
    private static final int MOST = 128;
    private static final int ENTRY = 24;
    private static final int SIZE_OF_INT = 2;
    private static final int PRIVATE = 128;
    private static final int REALTIME = 0;
    private static final int MONOTONIC = 1;

    private final GuestThread thread;
    private final CallMemory memory;

    FutexVector(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    /** A word to wait on ({@code struct futex_waitv}). */
    private record WaitedWord(long address, int expected, boolean isPrivate) {}

    private FutexTable table() {
        return thread.process().system().futexes();
    }

    /** Returns the index of a word that was woken, or an errno. */
    long await(long vector, long count, long flags, long timeAddress, long clock) {
        int words = (int) count;
        if ((int) flags != 0 || words <= 0 || words > MOST || vector == 0) {
            return LinuxErrno.EINVAL;
        }
        long deadline = WaitingThread.NEVER;
        if (timeAddress != 0) {
            boolean isWall = (int) clock == REALTIME;
            long time = isWall || (int) clock == MONOTONIC ? memory.getTime(timeAddress) : -1;
            if (time < 0) {
                return LinuxErrno.EINVAL;
            }
            deadline = TimeCalls.deadline(time, isWall);
        }
        List<WaitedWord> waited = new ArrayList<>();
        for (int i = 0; i < words; i++) {
            ByteBuffer entry = memory.getBuffer(vector + (long) ENTRY * i, ENTRY);
            long expected = entry.getLong(0);
            int kind = entry.getInt(16);
            if ((kind & ~PRIVATE) != SIZE_OF_INT || entry.getInt(20) != 0 || expected >>> Integer.SIZE != 0) {
                return LinuxErrno.EINVAL;
            }
            waited.add(new WaitedWord(entry.getLong(8), (int) expected, (kind & PRIVATE) != 0));
        }
        return await(waited, deadline);
    }

    private long await(List<WaitedWord> words, long deadline) {
        List<FutexWaiter> waiters = new ArrayList<>();
        long result = LinuxErrno.EINTR;
        int woken = -1;
        try {
            result = begin(words, waiters);
            if (result == 0) {
                result = thread.await(new WaitList(), () -> waiters.stream().anyMatch(FutexWaiter::isWoken), deadline);
            }
        } finally {
            for (int i = 0; i < waiters.size(); i++) {
                woken = waiters.get(i).unqueue() ? i : woken;
            }
        }
        return woken >= 0 ? woken : result;
    }

    /** Starts to wait on each word; returns EAGAIN if a word does not have its expected value. */
    private long begin(List<WaitedWord> words, List<FutexWaiter> waiters) {
        // The keys of all words are computed first, as in futex_wait_multiple_setup.
        for (WaitedWord each : words) {
            if ((each.address & 3) != 0) {
                return LinuxErrno.EINVAL;
            }
            memory.futexKey(each.address, each.isPrivate);
        }
        for (WaitedWord each : words) {
            FutexWaiter waiter = table().newWaiter(FutexTable.ANY, thread::wake);
            // Added to the list before it is queued, so that it is removed from the table even if an exception is
            // thrown.
            waiters.add(waiter);
            long queued = memory.call(guest -> waiter.queue(guest, each.address, !each.isPrivate, each.expected));
            if (queued != 0) {
                return queued;
            }
        }
        return 0;
    }
}
