// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.guest.CpuMemory.AtomicUpdate;
import dev.samara.core.internal.guest.CpuMemory.TranslatedMemory;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.sync.SpinLock;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The futex table of a machine ({@code kernel/futex/core.c}, {@code waitwake.c}, {@code requeue.c}). */
public final class FutexBuckets extends FutexTable {
    /*
     * Algorithmic notes.
     *
     * 1. Keys (get_futex_key). Two words are the same futex if they have the same key. The key of a private word is its
     *    address in its space. The key of a shared word follows from the page in its entry, and not from the mapping,
     *    which may change between two checks.
     *
     * 2. Waiting. A waiter reads its word, compares it, and is queued in its bucket, all under the bucket's lock. A
     *    waker stores to the word before it acquires the lock. So either the waiter reads the new value, or the waker
     *    finds the waiter.
     *
     * 3. Pages that are not present. A word is read or changed under the lock only if its page is present. If not, the
     *    section reports ABSENT, the page is faulted in without the lock, and the call starts over with a new key.
     *
     * 4. GUEST and locks. A CPU enters GUEST before it acquires a lock, and leaves GUEST after it has released the
     *    lock, so that no flush listener runs with the lock held. The locks of two buckets are acquired in the order of
     *    their indexes. The callbacks of woken waiters run after the release (wake_q), and so do notifications of
     *    watchers.
     *
     * 5. The end of a space. drop records that the space has no users, and then locks each bucket in turn. A move that
     *    locks a bucket later reads the record, and moves no waiter of that space, so no waiter gets into a bucket that
     *    was already processed.
     */

    /**
     * The number of buckets, a power of two: enough for the threads of a guest, but little memory in a machine without
     * waiters.
     */
    private static final int BUCKETS = 64;

    /** Used instead of the unsigned number that a requeue expects, if it does not compare. */
    private static final long UNCOMPARED = -2L;

    /** The size of a word in bytes. */
    private static final int SIZE = Integer.BYTES;

    /** Returned if the page of a word is not present; all numbers of words are at least 0. */
    private static final long ABSENT = -1;

    /** The pause between two accesses while the machine takes pages of a space. */
    private static final long PAUSE_NANOS = 20_000;

    /* The argument of FUTEX_WAKE_OP (FUTEX_OP in linux/futex.h). */
    private static final int LAST_CHANGE = 4;
    private static final int LAST_COMPARISON = 5;

    /** If set, the argument of the change is 1 shifted left by the given argument ({@code FUTEX_OP_OPARG_SHIFT}). */
    private static final int IS_SHIFT = 8;

    private final Bucket[] buckets = new Bucket[BUCKETS];
    private final MachineState machine;
    private final Consumer<Throwable> failed;

    /**
     * A list of waiters, in the order in which they were added, linked by their own links: those of a bucket, or those
     * that were removed from a table, and that are resumed after their bucket's lock is released ({@code wake_q}).
     * Nothing else uses the links of a removed waiter, because a waiter is queued only once.
     */
    private static final class WaiterList {
        /**
         * Words: {@code first}, {@code last}.
         * Written: holder of the bucket's lock (plain, lock).
         * Read: holder of the bucket's lock (plain, lock).
         * Invariant: the waiters of the bucket. The teardown of a space records that the space has no users, and then
         *     locks each bucket in turn; a move that locks a bucket later reads the record, and moves no waiter of that
         *     space.
         */
        private @Nullable QueuedWaiter first;

        private @Nullable QueuedWaiter last;

        private void add(QueuedWaiter waiter) {
            QueuedWaiter before = last;
            waiter.previous = before;
            waiter.next = null;
            if (before == null) {
                first = waiter;
            } else {
                before.next = waiter;
            }
            last = waiter;
        }

        private void remove(QueuedWaiter waiter) {
            QueuedWaiter before = waiter.previous;
            QueuedWaiter after = waiter.next;
            if (before == null) {
                first = after;
            } else {
                before.next = after;
            }
            if (after == null) {
                last = before;
            } else {
                after.previous = before;
            }
        }

        /** Resumes all waiters, in the order in which they were added. Called once, without a lock held. */
        private void resume(Consumer<Throwable> failed) {
            for (QueuedWaiter each = first; each != null; each = each.next) {
                try {
                    each.resume.run();
                } catch (Throwable thrown) {
                    failed.accept(thrown);
                }
            }
        }
    }

    /**
     * The waiters of the words with one hash, in the order in which they were queued ({@code struct
     * futex_hash_bucket}). The methods are called with the lock held, and take time proportional to the number of
     * waiters.
     */
    static final class Bucket extends SpinLock {
        final int index;
        private final WaiterList waiters = new WaiterList();

        private Bucket(int index) {
            this.index = index;
        }

        /** Moves waiters of a word to {@code woken}. Returns their number. */
        private int wake(FutexKey key, int most, int bits, WaiterList woken) {
            int taken = 0;
            for (QueuedWaiter each = waiters.first; each != null && taken < most; ) {
                QueuedWaiter after = each.next;
                if ((each.bits & bits) != 0 && key.equals(each.key)) {
                    waiters.remove(each);
                    woken.add(each);
                    each.left(true);
                    taken++;
                }
                each = after;
            }
            return taken;
        }

        /**
         * Moves waiters of a word behind the waiters of another word. The caller also holds the lock of the other
         * word's bucket. If both words are the same, the waiters stay, but are counted, as in Linux. Waiters of a space
         * without users stay in their bucket, because {@link FutexBuckets#drop} may already have passed the other
         * bucket.
         *
         * @return the number of moved waiters
         */
        private int move(FutexKey from, FutexKey to, Bucket target, int most) {
            int moved = 0;
            QueuedWaiter end = waiters.last;
            for (QueuedWaiter each = waiters.first; each != null && moved < most; ) {
                QueuedWaiter after = each == end ? null : each.next;
                if (from.equals(each.key) && !isWithoutUsers(each.space)) {
                    if (!from.equals(to)) {
                        each.key = to;
                        waiters.remove(each);
                        target.waiters.add(each);
                        each.bucket = target;
                    }
                    moved++;
                }
                each = after;
            }
            return moved;
        }

        private static boolean isWithoutUsers(@Nullable Identity space) {
            return space != null && space.isWithoutUsers();
        }

        /** Moves the waiters of a space to {@code ended}. They are not woken. */
        private void drop(Identity space, WaiterList ended) {
            for (QueuedWaiter each = waiters.first; each != null; ) {
                QueuedWaiter after = each.next;
                if (each.space == space) {
                    waiters.remove(each);
                    ended.add(each);
                    each.left(false);
                }
                each = after;
            }
        }

        private int size() {
            int size = 0;
            for (QueuedWaiter each = waiters.first; each != null; each = each.next) {
                size++;
            }
            return size;
        }
    }

    /** A waiter of {@link FutexBuckets} ({@code struct futex_q}). It is queued once, and removed once. */
    public final class QueuedWaiter extends FutexWaiter {
        private final int bits;
        private final Runnable resume;

        /**
         * The bucket that contains this waiter; null if there is none. Changed by the thread that holds the bucket's
         * lock.
         *
         * <p>Written: the thread that has the lock of the bucket where the waiter is, or which it enters (volatile).
         * Read: the waiting thread, also without a lock (volatile).
         * Pairs: the store of null, by a wake, with the waiter's read: it then reads whether it was woken.
         * Invariant: null unless the list of that bucket contains the waiter. A thread that has locked the bucket that
         *     it found here reads this word again, because a requeue may have moved the waiter before that.
         */
        private volatile @Nullable Bucket bucket;

        /* Guarded by the bucket's lock; after the wake, the links belong to the waker. */

        /**
         * Words: {@code key}, {@code space}, {@code previous}, {@code next}, {@code isWoken}.
         * Written: holder of the bucket's lock (plain, lock); {@code next} also by the waking thread, once the waiter
         *     is in no bucket.
         * Read: holder of the bucket's lock (plain, lock); {@code isWoken} also by the waiting thread, after {@code
         *     bucket} is null.
         * Invariant: no two threads use the links concurrently: only the waker uses the links of a waiter that it
         * removed.
         */
        private @Nullable FutexKey key;

        private @Nullable Identity space;

        private @Nullable QueuedWaiter previous;

        private @Nullable QueuedWaiter next;

        private boolean isWoken;

        /** Whether this waiter was ever in the table. Used by the thread that calls {@link #queue}. */
        private boolean isUsed;

        private QueuedWaiter(int bits, Runnable resume) {
            this.bits = bits;
            this.resume = resume;
        }

        @Override
        public long queue(GuestMemory memory, long address, boolean isShared, int expected) {
            if (isUsed) {
                throw new IllegalStateException("a futex waiter is for one wait");
            }
            if (bits == 0) {
                return Errno.EINVAL.result();
            }
            CpuMemory cpu = checked(memory);
            for (; ; ) {
                // After a fault, the key is determined again, because another page may now be mapped at the address.
                FutexKey found = key(cpu, address, isShared, Mman.READ);
                if (found == null) {
                    return errno(cpu);
                }
                long number = queueIf(this, cpu, found, address, expected);
                if (number != ABSENT) {
                    isUsed = (int) number == expected;
                    return isUsed ? 0 : Errno.EAGAIN.result();
                }
                if (!makePresent(cpu, cpu.loaded(), address, Mman.READ)) {
                    return errno(cpu);
                }
            }
        }

        @Override
        public boolean isQueued() {
            return bucket != null;
        }

        @Override
        public boolean isWoken() {
            return bucket == null && isWoken;
        }

        /** Removes this waiter from its bucket, if it is in one. Returns whether a wake removed it before. */
        @Override
        public boolean unqueue() {
            for (Bucket at = bucket; at != null; at = bucket) {
                at.lock();
                try {
                    // A requeue may have moved the waiter before the lock was acquired.
                    if (at == bucket) {
                        at.waiters.remove(this);
                        left(false);
                    }
                } finally {
                    at.unlock();
                }
            }
            return isWoken;
        }

        /** Records that this waiter is no longer in a bucket. The caller holds the bucket's lock. */
        private void left(boolean byWake) {
            // Stored first, because a waiter that finds no bucket reads it.
            isWoken = byWake;
            bucket = null;
        }

        @Override
        public String toString() {
            return "futex waiter" + (isQueued() ? ", queued" : isWoken() ? ", woken" : "");
        }
    }

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
            buckets[i] = new Bucket(i);
        }
    }

    /** Checks that a CPU is in a space of this table's machine, and returns its memory. */
    private CpuMemory checked(GuestMemory memory) {
        CpuMemory cpu = (CpuMemory) memory;
        if (cpu.loaded().layout().spaces.host != machine) {
            throw new IllegalArgumentException(cpu + " has a space of another machine than the futex table");
        }
        return cpu;
    }

    /**
     * Returns the key of a word, or null. Waits while the machine takes pages of a space to get memory for the word's
     * page, unless the thread is interrupted.
     */
    private static @Nullable FutexKey key(CpuMemory cpu, long address, boolean isShared, int access) {
        FutexKey key;
        do {
            key = cpu.futexKey(address, isShared, access);
        } while (key == null && isToRetry(cpu));
        return key;
    }

    /**
     * Returns whether the last access failed because the machine was taking pages of a space, and must be retried.
     * Pauses before that.
     */
    private static boolean isToRetry(CpuMemory cpu) {
        if (cpu.fault() != Fault.RETRY
                || cpu.errnoOfRetry() != Errno.EAGAIN
                || Thread.currentThread().isInterrupted()) {
            return false;
        }
        Pause.parkNanos(cpu, PAUSE_NANOS);
        return true;
    }

    /** Returns the errno of a call whose last access failed. */
    private static long errno(CpuMemory cpu) {
        Errno errno = switch (cpu.fault()) {
            case Fault.ADRALN -> Errno.EINVAL;
            case Fault.OUT_OF_MEMORY -> Errno.ENOMEM;
            case Fault.RETRY -> Errno.EINTR;
            default -> Errno.EFAULT;
        };
        return errno.result();
    }

    /**
     * Makes the page of a word present, without a lock of the table held. May fault, and wait like a fault.
     *
     * @return true if the page is present, or if the call must be retried; if false, {@link CpuMemory#fault} returns
     *     the reason
     */
    private static boolean makePresent(CpuMemory cpu, TranslatedMemory memory, long address, int access) {
        cpu.begin();
        long physical;
        boolean entered = memory.enter();
        try {
            physical = memory.find(address, access == Mman.WRITE ? TranslatedMemory.UPDATE : access);
        } finally {
            memory.leave(entered);
        }
        if (physical >= 0) {
            return true;
        }
        cpu.fail((int) -physical, address, access, SIZE);
        return isToRetry(cpu);
    }

    /** Returns the number of a word, unsigned, or {@link #ABSENT}. Called in GUEST. */
    private static long number(CpuMemory cpu, TranslatedMemory memory, long address) {
        long physical = memory.lookUp(address, Mman.READ);
        return physical < 0 ? ABSENT : cpu.ordered(memory.get(address, physical, SIZE, Mman.READ), SIZE);
    }

    /**
     * Changes a word atomically. Called in GUEST. Does not notify watchers; the caller does that after it has released
     * the lock.
     *
     * @return the old number, unsigned, or {@link #ABSENT}
     */
    private static long change(CpuMemory cpu, TranslatedMemory memory, long address, int encoded) {
        long physical = memory.lookUp(address, TranslatedMemory.UPDATE);
        if (physical < 0) {
            return ABSENT;
        }
        long seen = cpu.ordered(memory.get(address, physical, SIZE, Mman.READ), SIZE);
        for (; ; ) {
            long witness = cpu.update(
                    memory, AtomicUpdate.EXCHANGE_IF, address, physical, SIZE, seen, changed(encoded, (int) seen));
            if (witness == seen) {
                return seen;
            }
            seen = witness;
        }
    }

    /**
     * Notifies the watchers of a word that it was read and changed. Called without a lock held, in GUEST or outside.
     *
     * @param old the number that was read
     */
    private static void tellChange(CpuMemory cpu, TranslatedMemory memory, long address, long old) {
        boolean entered = memory.enter();
        try {
            cpu.tell(memory, Mman.READ, address, SIZE, old);
            cpu.tell(memory, Mman.WRITE, address, SIZE, 0);
        } finally {
            memory.leave(entered);
        }
    }

    /**
     * Returns the key of a word. May fault, and wait like a fault.
     *
     * @param memory that of the CPU's space
     * @param access READ of {@link Mman}, or WRITE if a shared word must be writable
     * @return the key; null if there is none, in which case {@link CpuMemory#fault} returns the reason
     */
    static @Nullable FutexKey keyOf(
            CpuMemory cpu, TranslatedMemory memory, long address, boolean isShared, int access) {
        Layout layout = memory.layout();
        if ((address & SIZE - 1) != 0) {
            return none(cpu, Fault.ADRALN, address, access);
        }
        // access_ok
        if (Long.compareUnsigned(address, layout.geometry.limit()) >= 0) {
            return none(cpu, Fault.MAPERR, address, access);
        }
        if (!isShared) {
            return ofSpace(FutexKey.Kind.PRIVATE, layout, address);
        }
        boolean entered = memory.enter();
        try {
            return sharedKey(cpu, memory, layout, address, access);
        } finally {
            memory.leave(entered);
        }
    }

    private static @Nullable FutexKey none(CpuMemory cpu, int why, long address, int access) {
        cpu.fail(why, address, access, SIZE);
        return null;
    }

    private static FutexKey ofSpace(FutexKey.Kind kind, Layout layout, long address) {
        return new FutexKey(kind, (int) layout.geometry.pageSize(), layout.lifetime.identity.number(), address);
    }

    /** Determines the key of a shared word. Called in GUEST. */
    private static @Nullable FutexKey sharedKey(
            CpuMemory cpu, TranslatedMemory memory, Layout layout, long address, int access) {
        for (; ; ) {
            long physical = memory.find(address, Mman.WRITE);
            boolean isFixed = physical < 0;
            if (isFixed && (access & Mman.WRITE) == 0 && isOfRights((int) -physical)) {
                physical = memory.find(address, Mman.READ);
            }
            if (physical < 0) {
                return none(cpu, (int) -physical, address, access);
            }
            int frame = memory.frameOf(physical);
            long pte = memory.processor.entry(address);
            if (!Pte.isPresent(pte) || Pte.frame(pte) != frame) {
                // Polls, because the thread that changed the entry waits for this CPU, whose TLB contains the old
                // translation.
                memory.poll();
                continue;
            }
            // The record of the frame may be read now, because no thread frees the frame before this CPU polls or
            // leaves GUEST.
            if (Pte.isCached(pte)) {
                long cache = memory.frames.cacheOf(frame);
                int pageSize = memory.frames.pageSize;
                long place = memory.frames.pageOf(frame) * pageSize + (address & pageSize - 1);
                return new FutexKey(FutexKey.Kind.FILE, pageSize, cache, place);
            }
            // A private page that cannot be written never changes, so no thread could wait for a change of the word.
            return isFixed ? none(cpu, Fault.ACCERR, address, access) : ofSpace(FutexKey.Kind.SPACE, layout, address);
        }
    }

    /** Whether a fault may have occurred only because of a write. */
    private static boolean isOfRights(int fault) {
        return fault != Fault.RETRY && fault != Fault.OUT_OF_MEMORY;
    }

    /** Returns the bucket of the waiters of a word. */
    Bucket bucketOf(FutexKey key) {
        long mixed = (key.place() >>> 2) * 0x9e37_79b9_7f4a_7c15L ^ key.object() * 0xd6e8_feb8_6659_fd93L;
        return buckets[(int) (mixed >>> 40) & BUCKETS - 1];
    }

    /**
     * Queues a waiter if its word contains the expected number.
     *
     * @return the number, unsigned; {@link #ABSENT}, with nothing changed, if the page is not present
     */
    private long queueIf(QueuedWaiter waiter, CpuMemory cpu, FutexKey key, long address, int expected) {
        TranslatedMemory memory = cpu.loaded();
        Bucket bucket = bucketOf(key);
        boolean entered = memory.enter();
        try {
            bucket.lock();
            try {
                long number = number(cpu, memory, address);
                if (number != ABSENT && (int) number == expected) {
                    waiter.key = key;
                    Identity space = memory.layout().lifetime.identity;
                    space.noteWait();
                    waiter.space = space;
                    bucket.waiters.add(waiter);
                    waiter.bucket = bucket;
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
        return new QueuedWaiter(bits, Objects.requireNonNull(resume, "resume"));
    }

    @Override
    public long await(GuestMemory memory, long address, boolean isShared, int expected, int bits, long nanos) {
        ThreadCpus.checkMayWait("a wait at a futex");
        long since = System.nanoTime();
        Thread thread = Thread.currentThread();
        QueuedWaiter waiter = new QueuedWaiter(bits, () -> LockSupport.unpark(thread));
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
        FutexKey key = key(cpu, address, isShared, Mman.READ);
        return key == null ? errno(cpu) : wake(key, count, bits);
    }

    @Override
    public long wake(FutexKey key, int count, int bits) {
        if (bits == 0) {
            return Errno.EINVAL.result();
        }
        Bucket bucket = bucketOf(key);
        WaiterList woken = new WaiterList();
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
            FutexKey from = key(cpu, address, isShared, Mman.READ);
            FutexKey to = from == null ? null : key(cpu, other, isShared, Mman.READ);
            if (from == null || to == null) {
                return errno(cpu);
            }
            Bucket source = bucketOf(from);
            Bucket target = bucketOf(to);
            WaiterList woken = new WaiterList();
            long result = locked(memory, source, target, woken, () -> {
                long number = expected == UNCOMPARED ? expected : number(cpu, memory, address);
                if (number == ABSENT) {
                    return number;
                }
                if (number != expected) {
                    return Errno.EAGAIN.result();
                }
                long first = source.wake(from, wakes, ANY, woken);
                return first + source.move(from, to, target, moves);
            });
            if (result != ABSENT) {
                return result;
            }
            if (!makePresent(cpu, memory, address, Mman.READ)) {
                return errno(cpu);
            }
        }
    }

    @Override
    public long wakeOp(
            GuestMemory of, long address, long other, boolean isShared, int wakes, int otherWakes, int encoded) {
        CpuMemory cpu = checked(of);
        TranslatedMemory memory = cpu.loaded();
        for (; ; ) {
            FutexKey key = key(cpu, address, isShared, Mman.READ);
            FutexKey changed = key == null ? null : key(cpu, other, isShared, Mman.WRITE);
            if (key == null || changed == null) {
                return errno(cpu);
            }
            if (changeOf(encoded) > LAST_CHANGE) {
                return Errno.ENOSYS.result();
            }
            Bucket bucket = bucketOf(key);
            Bucket second = bucketOf(changed);
            WaiterList woken = new WaiterList();
            long[] seen = {ABSENT};
            long result = locked(memory, bucket, second, woken, () -> {
                long old = change(cpu, memory, other, encoded);
                seen[0] = old;
                if (old == ABSENT) {
                    return old;
                }
                if (comparisonOf(encoded) > LAST_COMPARISON) {
                    return Errno.ENOSYS.result();
                }
                long first = bucket.wake(key, Math.max(wakes, 1), ANY, woken);
                return holds(encoded, (int) old)
                        ? first + second.wake(changed, Math.max(otherWakes, 1), ANY, woken)
                        : first;
            });
            if (result != ABSENT) {
                tellChange(cpu, memory, other, seen[0]);
                return result;
            }
            if (!makePresent(cpu, memory, other, Mman.WRITE)) {
                return errno(cpu);
            }
        }
    }

    private static int changeOf(int encoded) {
        return encoded >>> 28 & IS_SHIFT - 1;
    }

    private static int comparisonOf(int encoded) {
        return encoded >>> 24 & 15;
    }

    /** Returns the number that replaces a number. */
    private static int changed(int encoded, int old) {
        int operand = encoded << 8 >> 20;
        int argument = (encoded >>> 28 & IS_SHIFT) != 0 ? 1 << operand : operand;
        return switch (changeOf(encoded)) {
            case 0 -> argument;
            case 1 -> old + argument;
            case 2 -> old | argument;
            case 3 -> old & ~argument;
            default -> old ^ argument;
        };
    }

    /** Returns the result of the comparison of the old number, which decides whether the second wake happens. */
    private static boolean holds(int encoded, int old) {
        int compared = encoded << 20 >> 20;
        return switch (comparisonOf(encoded)) {
            case 0 -> old == compared;
            case 1 -> old != compared;
            case 2 -> old < compared;
            case 3 -> old <= compared;
            case 4 -> old > compared;
            default -> old >= compared;
        };
    }

    /**
     * Runs a section in GUEST with the locks of two buckets, which may be the same. Afterwards resumes the waiters that
     * the section woke.
     */
    private long locked(TranslatedMemory memory, Bucket one, Bucket other, WaiterList woken, LongSupplier section) {
        boolean entered = memory.enter();
        try {
            return locked(one, other, section);
        } finally {
            try {
                memory.leave(entered);
            } finally {
                woken.resume(failed);
            }
        }
    }

    private static long locked(Bucket one, Bucket other, LongSupplier section) {
        Bucket first = one.index <= other.index ? one : other;
        Bucket second = first == one ? other : one;
        first.lock();
        try {
            return first == second ? section.getAsLong() : locked(second, second, section);
        } finally {
            first.unlock();
        }
    }

    /** Removes the waiters of a space that has no users any more and is torn down. Locks all buckets in turn. */
    public void drop(Identity space) {
        if (!space.hasWaited()) {
            return;
        }
        // Recorded before the first bucket is locked, so that a move that locks a bucket later finds the record.
        space.noteWithoutUsers();
        WaiterList ended = new WaiterList();
        try {
            for (Bucket each : buckets) {
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
        for (Bucket each : buckets) {
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
