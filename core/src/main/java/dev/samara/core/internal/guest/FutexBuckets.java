// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Protection;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * The futex table of a machine ({@code kernel/futex/waitwake.c}, {@code requeue.c}).
 *
 * <p>A waiter reads its word, compares it, and is queued in its bucket, all under the bucket's lock. A waker stores to
 * the word before it acquires the lock. So either the waiter reads the new value, or the waker finds the waiter. A word
 * is read under the lock only if its page is present; if not, the page is faulted in without the lock, and the wait is
 * retried. A CPU enters GUEST before it acquires a lock, and leaves GUEST after it has released the lock, so that no
 * flush listener runs with the lock held.
 */
public final class FutexBuckets extends FutexTable {
    /**
     * The number of buckets, a power of two: enough for the threads of a guest, but little memory in a machine without
     * waiters.
     */
    private static final int BUCKETS = 64;

    /** Used instead of the unsigned number that a requeue expects, if it does not compare. */
    private static final long UNCOMPARED = -2L;

    private final FutexBucket[] buckets = new FutexBucket[BUCKETS];
    private final MachineState machine;
    private final Consumer<Throwable> failed;

    /**
     * Creates a table without waiters.
     *
     * @param machine the machine whose words the table serves
     * @param failed is called with what a waiter's callback throws
     */
    public FutexBuckets(MachineState machine, Consumer<Throwable> failed) {
        this.machine = machine;
        this.failed = failed;
        for (int i = 0; i < BUCKETS; i++) {
            buckets[i] = new FutexBucket(i);
        }
    }

    /** Checks that a CPU is in a space of this table's machine, and returns its memory. */
    CpuMemory checked(GuestMemory memory) {
        CpuMemory cpu = (CpuMemory) memory;
        if (cpu.loaded().layout().spaces().host() != machine) {
            throw new IllegalArgumentException(cpu + " has a space of another machine than the futex table");
        }
        return cpu;
    }

    /** Returns the bucket of the waiters of a word. */
    FutexBucket bucketOf(FutexKey key) {
        long mixed = (key.place() >>> 2) * 0x9e37_79b9_7f4a_7c15L ^ key.object() * 0xd6e8_feb8_6659_fd93L;
        return buckets[(int) (mixed >>> 40) & BUCKETS - 1];
    }

    /**
     * Queues a waiter if its word contains the expected number.
     *
     * @return the number, unsigned; {@link FutexWords#ABSENT}, with nothing changed, if the page is not present
     */
    long queueIf(FutexEntry entry, CpuMemory cpu, FutexKey key, long address, int expected) {
        TranslatedMemory memory = cpu.loaded();
        FutexBucket bucket = bucketOf(key);
        boolean entered = memory.enter();
        try {
            bucket.lock();
            try {
                long number = FutexWords.number(cpu, memory, address);
                if (number != FutexWords.ABSENT && (int) number == expected) {
                    entry.key = key;
                    Identity space = memory.layout().lifetime().identity();
                    space.noteWait();
                    entry.space = space;
                    bucket.add(entry);
                    entry.entered(bucket);
                }
                return number;
            } finally {
                bucket.unlock();
            }
        } finally {
            memory.leave(entered);
        }
    }

    @Override
    public String toString() {
        return "futex table";
    }

    @Override
    public FutexWaiter newWaiter(int bits, Runnable resume) {
        return new QueuedWaiter(this, bits, Objects.requireNonNull(resume, "resume"));
    }

    @Override
    public long await(GuestMemory memory, long address, boolean isShared, int expected, int bits, long nanos) {
        Cpus.checkMayWait("a wait at a futex");
        long since = System.nanoTime();
        Thread thread = Thread.currentThread();
        QueuedWaiter waiter = new QueuedWaiter(this, bits, () -> LockSupport.unpark(thread));
        long result;
        boolean isWoken;
        try {
            result = waiter.queue(memory, address, isShared, expected);
            while (waiter.isQueued() && result == 0) {
                result = park(nanos, since);
            }
        } finally {
            isWoken = waiter.unqueue();
        }
        return isWoken ? 0 : result;
    }

    /**
     * Parks until the thread is unparked, interrupted or timed out; returns 0, or why the wait must end. The timeout is
     * checked first, as in Linux.
     */
    private long park(long nanos, long since) {
        long left = nanos == FOREVER ? Long.MAX_VALUE : Math.max(nanos, 0) - (System.nanoTime() - since);
        if (left <= 0) {
            return Errno.ETIMEDOUT.result();
        }
        if (Thread.currentThread().isInterrupted()) {
            return Errno.EINTR.result();
        }
        if (nanos == FOREVER) {
            LockSupport.park(this);
        } else {
            LockSupport.parkNanos(this, left);
        }
        return 0;
    }

    @Override
    public long wake(GuestMemory memory, long address, boolean isShared, int count, int bits) {
        if (bits == 0) {
            return Errno.EINVAL.result();
        }
        CpuMemory cpu = checked(memory);
        FutexKey key = FutexWords.key(cpu, address, isShared, Protection.READ);
        return key == null ? FutexWords.errno(cpu) : wake(key, count, bits);
    }

    @Override
    public long wake(FutexKey key, int count, int bits) {
        if (bits == 0) {
            return Errno.EINVAL.result();
        }
        FutexBucket bucket = bucketOf(key);
        WokenWaiters woken = new WokenWaiters();
        try {
            bucket.lock();
            try {
                return bucket.wake(key, Math.max(count, 1), bits, woken);
            } finally {
                bucket.unlock();
            }
        } finally {
            woken.resume(failed);
        }
    }

    @Override
    public long requeue(GuestMemory memory, long address, long other, boolean isShared, int wakes, int moves) {
        return requeue(memory, address, other, isShared, wakes, moves, UNCOMPARED);
    }

    @Override
    public long compareAndRequeue(
            GuestMemory memory, long address, long other, boolean isShared, int wakes, int moves, int expected) {
        return requeue(memory, address, other, isShared, wakes, moves, Integer.toUnsignedLong(expected));
    }

    private long requeue(
            GuestMemory of, long address, long other, boolean isShared, int wakes, int moves, long expected) {
        if (wakes < 0 || moves < 0) {
            return Errno.EINVAL.result();
        }
        CpuMemory cpu = checked(of);
        TranslatedMemory memory = cpu.loaded();
        for (; ; ) {
            FutexKey from = FutexWords.key(cpu, address, isShared, Protection.READ);
            FutexKey to = from == null ? null : FutexWords.key(cpu, other, isShared, Protection.READ);
            if (from == null || to == null) {
                return FutexWords.errno(cpu);
            }
            FutexBucket source = bucketOf(from);
            FutexBucket target = bucketOf(to);
            WokenWaiters woken = new WokenWaiters();
            long result;
            boolean entered = memory.enter();
            try {
                result = locked(source, target, () -> {
                    long number = expected == UNCOMPARED ? expected : FutexWords.number(cpu, memory, address);
                    if (number == FutexWords.ABSENT) {
                        return number;
                    }
                    if (number != expected) {
                        return Errno.EAGAIN.result();
                    }
                    long first = source.wake(from, wakes, ANY, woken);
                    return first + source.move(from, to, target, moves);
                });
            } finally {
                try {
                    memory.leave(entered);
                } finally {
                    woken.resume(failed);
                }
            }
            if (result != FutexWords.ABSENT) {
                return result;
            }
            if (!FutexWords.makePresent(cpu, memory, address, Protection.READ)) {
                return FutexWords.errno(cpu);
            }
        }
    }

    @Override
    public long wakeOp(
            GuestMemory of, long address, long other, boolean isShared, int wakes, int otherWakes, int encoded) {
        CpuMemory cpu = checked(of);
        TranslatedMemory memory = cpu.loaded();
        WakeOp operation = new WakeOp(encoded);
        for (; ; ) {
            FutexKey key = FutexWords.key(cpu, address, isShared, Protection.READ);
            FutexKey changed = key == null ? null : FutexWords.key(cpu, other, isShared, Protection.WRITE);
            if (key == null || changed == null) {
                return FutexWords.errno(cpu);
            }
            if (!operation.isChange()) {
                return Errno.ENOSYS.result();
            }
            FutexBucket bucket = bucketOf(key);
            FutexBucket second = bucketOf(changed);
            WokenWaiters woken = new WokenWaiters();
            long[] seen = {FutexWords.ABSENT};
            long result;
            boolean entered = memory.enter();
            try {
                result = locked(bucket, second, () -> {
                    long old = FutexWords.change(cpu, memory, other, operation);
                    seen[0] = old;
                    if (old == FutexWords.ABSENT) {
                        return old;
                    }
                    if (!operation.isComparison()) {
                        return Errno.ENOSYS.result();
                    }
                    long first = bucket.wake(key, Math.max(wakes, 1), ANY, woken);
                    return operation.holds((int) old)
                            ? first + second.wake(changed, Math.max(otherWakes, 1), ANY, woken)
                            : first;
                });
            } finally {
                try {
                    memory.leave(entered);
                } finally {
                    woken.resume(failed);
                }
            }
            if (result != FutexWords.ABSENT) {
                FutexWords.tellChange(cpu, memory, other, seen[0]);
                return result;
            }
            if (!FutexWords.makePresent(cpu, memory, other, Protection.WRITE)) {
                return FutexWords.errno(cpu);
            }
        }
    }

    /** Runs a section with the locks of two buckets, which may be the same. */
    private static long locked(FutexBucket one, FutexBucket other, LongSupplier section) {
        FutexBucket first = one.index <= other.index ? one : other;
        FutexBucket second = first == one ? other : one;
        first.lock();
        try {
            return first == second ? section.getAsLong() : locked(second, section);
        } finally {
            first.unlock();
        }
    }

    private static long locked(FutexBucket bucket, LongSupplier section) {
        bucket.lock();
        try {
            return section.getAsLong();
        } finally {
            bucket.unlock();
        }
    }

    /**
     * Removes the waiters of a space that has no users any more and is torn down. Locks all buckets in turn. A move
     * that acquires a lock after this method has released it leaves the waiters of the space in their bucket, so no
     * waiter gets into a bucket that was already processed.
     */
    public void drop(Identity space) {
        if (!space.hasWaited()) {
            return;
        }
        // Recorded before the first bucket is locked, so that a move that locks a bucket later finds the record.
        space.noteWithoutUsers();
        WokenWaiters ended = new WokenWaiters();
        try {
            for (FutexBucket each : buckets) {
                each.lock();
                try {
                    each.drop(space, ended);
                } finally {
                    each.unlock();
                }
            }
        } finally {
            ended.resume(failed);
        }
    }

    @Override
    public int waiters() {
        int waiters = 0;
        for (FutexBucket each : buckets) {
            each.lock();
            try {
                waiters += each.size();
            } finally {
                each.unlock();
            }
        }
        return waiters;
    }
}
