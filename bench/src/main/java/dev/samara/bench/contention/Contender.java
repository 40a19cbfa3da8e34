// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.concurrent.locks.StampedLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * An address space with one way of synchronization, as the measured threads call it. Methods return the same results as
 * those of {@code AddressSpace}.
 *
 * <p>The rivals of the library are its own space with an additional lock, which each operation acquires exclusively.
 * The inner space only edits its layout; a file whose last mapping was removed is closed by the rival in the calling
 * thread, with or without its lock. Each operation also acquires the space's own lock, which is never contended. That
 * lock costs about 20 ns per operation, which a rival written from scratch would avoid, and nothing per lookup.
 */
interface Contender {
    String SAMARA = "samara";
    String WHOLE = "rwlock-whole";
    String DOWNGRADE = "rwlock-downgrade";
    String STAMPED = "stamped";

    List<String> NAMES = List.of(SAMARA, WHOLE, DOWNGRADE, STAMPED);

    /**
     * Returns a contender on top of a space. From then on, the space must be used only through the contender.
     *
     * @param name its name
     * @param space the space
     */
    static Contender named(String name, AddressSpace space) {
        return switch (name) {
            case SAMARA -> new Samara(space);
            case WHOLE -> new WholeLock(space);
            case DOWNGRADE -> new DowngradedLock(space);
            case STAMPED -> new OptimisticLock(space);
            default -> throw new IllegalArgumentException("no contender is called " + name + "; there are " + NAMES);
        };
    }

    @Nullable
    Vma find(long address);

    /** Returns the layout at one instant. A contender that does not support snapshots returns all VMAs. */
    Object snapshot();

    /** Executes an operation that changes the layout. */
    long mmap(long address, long length, int protection, int flags, @Nullable Backing backing);

    long munmap(long address, long length);

    long mprotect(long address, long length, int protection);

    long madvise(long address, long length, int advice);

    /** Forks a child, which only the caller uses. */
    AddressSpace fork();

    /** Faults in a page, through a CPU in this space. */
    int fault(Cpu cpu, long address, int access);

    /** Opens a file that may be mapped only once, in this space. */
    Backing open(Runnable close);

    /** A file that calls back when it is closed. */
    final class ClosingFile implements Backing {
        private final Runnable close;
        private final @Nullable VmOperations operations;

        private ClosingFile(Runnable close, @Nullable VmOperations operations) {
            this.close = close;
            this.operations = operations;
        }

        @Override
        public @Nullable VmOperations operations() {
            return operations;
        }

        @Override
        public int major() {
            return 8;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 42;
        }

        @Override
        public String name() {
            return "/closing";
        }
    }

    /** The library itself, without an additional lock. */
    final class Samara implements Contender {
        private final AddressSpace space;

        private Samara(AddressSpace space) {
            this.space = space;
        }

        @Override
        public @Nullable Vma find(long address) {
            return space.find(address);
        }

        @Override
        public Object snapshot() {
            return space.snapshot();
        }

        @Override
        public long mmap(long address, long length, int protection, int flags, @Nullable Backing backing) {
            return space.mmap(address, length, protection, flags, backing, 0);
        }

        @Override
        public long munmap(long address, long length) {
            return space.munmap(address, length);
        }

        @Override
        public long mprotect(long address, long length, int protection) {
            return space.mprotect(address, length, protection);
        }

        @Override
        public long madvise(long address, long length, int advice) {
            return space.madvise(address, length, advice);
        }

        @Override
        public AddressSpace fork() {
            return space.fork();
        }

        @Override
        public int fault(Cpu cpu, long address, int access) {
            return cpu.memory().handleFault(address, access);
        }

        @Override
        public Backing open(Runnable close) {
            return new ClosingFile(close, new VmOperations() {
                @Override
                public void close(Vma vma) {
                    close.run();
                }
            });
        }
    }

    /** The common part of the rivals. */
    abstract class Rival implements Contender {
        final AddressSpace space;

        private Rival(AddressSpace space) {
            this.space = space;
        }

        /**
         * Runs an operation under the lock.
         *
         * @param address an address at which the operation may unmap a file
         * @param call the operation of the inner space
         */
        abstract long operate(long address, LongSupplier call);

        /** Returns the file at an address. The caller must hold the lock exclusively. */
        final @Nullable ClosingFile fileAt(long address) {
            Vma vma = space.find(address);
            return vma != null && vma.backing() instanceof ClosingFile file ? file : null;
        }

        /** Closes a file that was mapped before an operation, if the operation has unmapped it. */
        final void close(@Nullable ClosingFile before, @Nullable ClosingFile after) {
            if (before != null && before != after) {
                before.close.run();
            }
        }

        @Override
        public final long mmap(long address, long length, int protection, int flags, @Nullable Backing backing) {
            return operate(address, () -> space.mmap(address, length, protection, flags, backing, 0));
        }

        @Override
        public final long munmap(long address, long length) {
            return operate(address, () -> space.munmap(address, length));
        }

        @Override
        public final long mprotect(long address, long length, int protection) {
            return operate(address, () -> space.mprotect(address, length, protection));
        }

        @Override
        public final long madvise(long address, long length, int advice) {
            return operate(address, () -> space.madvise(address, length, advice));
        }

        /** Forks under the lock, which prevents concurrent changes of the parent. */
        @Override
        public final AddressSpace fork() {
            AtomicReference<@Nullable AddressSpace> child = new AtomicReference<>();
            operate(0, () -> {
                child.set(space.fork());
                return 0;
            });
            return Objects.requireNonNull(child.get());
        }

        @Override
        public final Backing open(Runnable close) {
            return new ClosingFile(close, null);
        }
    }

    /** A rival whose readers hold a shared lock, so each lookup writes the lock's only word twice. */
    abstract class ReadLocked extends Rival {
        final Lock read;
        final Lock write;

        private ReadLocked(AddressSpace space) {
            super(space);
            ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
            read = lock.readLock();
            write = lock.writeLock();
        }

        @Override
        public final @Nullable Vma find(long address) {
            read.lock();
            try {
                return space.find(address);
            } finally {
                read.unlock();
            }
        }

        /** Holds the lock until the page is present, even while a backing waits for its disk. */
        @Override
        public final int fault(Cpu cpu, long address, int access) {
            read.lock();
            try {
                return cpu.memory().handleFault(address, access);
            } finally {
                read.unlock();
            }
        }

        @Override
        public final Object snapshot() {
            read.lock();
            try {
                return space.snapshot().vmas();
            } finally {
                read.unlock();
            }
        }
    }

    /**
     * One reader-writer lock, held for writing during each whole operation, as in most emulators.
     *
     * <p>Strong if no thread writes and few threads read. It is simple, and no thread ever sees a partial operation.
     * Weak if operations take long: all threads wait, even for the close of another thread's file. Also weak if many
     * threads read: each read writes the lock's word.
     */
    final class WholeLock extends ReadLocked {
        private WholeLock(AddressSpace space) {
            super(space);
        }

        @Override
        long operate(long address, LongSupplier call) {
            write.lock();
            try {
                ClosingFile before = fileAt(address);
                long result = call.getAsLong();
                close(before, fileAt(address));
                return result;
            } finally {
                write.unlock();
            }
        }
    }

    /**
     * One reader-writer lock. An operation holds it for writing while it changes the layout, and downgrades it to
     * reading for the close, as Linux's {@code munmap} does.
     *
     * <p>Strong if operations take long and only lookups run concurrently. Weak if operations run concurrently: each
     * waits for the rest of the previous operation, even if their ranges are disjoint. As soon as an operation waits,
     * new lookups may queue behind it.
     */
    final class DowngradedLock extends ReadLocked {
        private DowngradedLock(AddressSpace space) {
            super(space);
        }

        @Override
        long operate(long address, LongSupplier call) {
            ClosingFile before;
            ClosingFile after;
            long result;
            write.lock();
            try {
                before = fileAt(address);
                result = call.getAsLong();
                after = fileAt(address);
                if (before == null || before == after) {
                    return result;
                }
                read.lock();
            } finally {
                write.unlock();
            }
            try {
                close(before, after);
            } finally {
                read.unlock();
            }
            return result;
        }
    }

    /**
     * A stamped lock. Lookups write nothing, and validate afterwards that no thread changed the layout. Operations hold
     * the lock for writing throughout.
     *
     * <p>Strong if writes are rare: a lookup costs only two loads more than without a lock. Weak if writes are
     * frequent: each write restarts all lookups in progress, whatever their addresses. Lookups wait until a write ends,
     * including the close of its file. The lock also requires a structure that can be read while it changes: Samara's
     * tree can, the JDK's sorted map cannot.
     */
    final class OptimisticLock extends Rival {
        private final StampedLock lock = new StampedLock();

        private OptimisticLock(AddressSpace space) {
            super(space);
        }

        @Override
        public @Nullable Vma find(long address) {
            long stamp = lock.tryOptimisticRead();
            if (stamp != 0) {
                Vma vma = space.find(address);
                if (lock.validate(stamp)) {
                    return vma;
                }
            }
            stamp = lock.readLock();
            try {
                return space.find(address);
            } finally {
                lock.unlockRead(stamp);
            }
        }

        /** A fault cannot be optimistic, because its writes cannot be undone. */
        @Override
        public int fault(Cpu cpu, long address, int access) {
            long stamp = lock.readLock();
            try {
                return cpu.memory().handleFault(address, access);
            } finally {
                lock.unlockRead(stamp);
            }
        }

        @Override
        public Object snapshot() {
            long stamp = lock.tryOptimisticRead();
            if (stamp != 0) {
                List<Vma> vmas = space.snapshot().vmas();
                if (lock.validate(stamp)) {
                    return vmas;
                }
            }
            stamp = lock.readLock();
            try {
                return space.snapshot().vmas();
            } finally {
                lock.unlockRead(stamp);
            }
        }

        @Override
        long operate(long address, LongSupplier call) {
            long stamp = lock.writeLock();
            try {
                ClosingFile before = fileAt(address);
                long result = call.getAsLong();
                close(before, fileAt(address));
                return result;
            } finally {
                lock.unlockWrite(stamp);
            }
        }
    }
}
