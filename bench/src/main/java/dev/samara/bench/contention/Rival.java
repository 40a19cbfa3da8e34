// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.VmaRef;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The common part of the rivals: a space with an additional lock, which each operation acquires exclusively.
 *
 * <p>The inner space only edits its layout. The <em>rest</em> of an operation retires the revocation, and closes a file
 * whose last mapping was removed. The rival does the rest in the calling thread, with or without its lock. Each
 * operation also acquires the space's own lock, which is never contended. That lock costs about 20 ns per operation,
 * which a rival written from scratch would avoid, and nothing per lookup.
 */
abstract class Rival implements Contender {
    private final AddressSpace space;
    private final @Nullable MmuNotifier retire;

    /** The revocations of the current operation; guarded by the rival's lock, held exclusively. */
    private final List<Taken> taken = new ArrayList<>();

    /** The rest of the current operation, or null; guarded by the rival's lock, held exclusively. */
    private @Nullable Rest rest;

    Rival(AddressSpace space, @Nullable MmuNotifier retire) {
        this.space = space;
        this.retire = retire;
        if (retire != null) {
            // Only records the revocation. Calls of the inner space are synchronous, so this runs in the caller's
            // thread.
            space.addNotifier((start, end, reason) -> taken.add(new Taken(start, end, reason)));
        }
    }

    private record Taken(long start, long end, MmuNotifier.Reason reason) {}

    /** The work that remains after the layout changed. */
    record Rest(List<Taken> taken, @Nullable ClosingFile closed) {}

    /**
     * Runs an operation under the lock.
     *
     * @param address an address at which the operation may unmap a file
     * @param call the operation of the inner space
     */
    abstract long operate(long address, LongSupplier call);

    /** Changes the layout and returns the result. The caller must hold the lock exclusively. */
    final long change(long address, LongSupplier call) {
        ClosingFile before = fileAt(address);
        long result = call.getAsLong();
        ClosingFile closed = before != null && fileAt(address) != before ? before : null;
        if (closed != null || !taken.isEmpty()) {
            rest = new Rest(List.copyOf(taken), closed);
            taken.clear();
        }
        return result;
    }

    /** Returns and clears the rest of the operation. The caller must hold the lock exclusively. */
    final @Nullable Rest takeRest() {
        Rest left = rest;
        rest = null;
        return left;
    }

    final void finish(@Nullable Rest left) {
        if (left == null) {
            return;
        }
        if (retire != null) {
            for (Taken range : left.taken) {
                retire.invalidate(range.start, range.end, range.reason);
            }
        }
        if (left.closed != null) {
            left.closed.close();
        }
    }

    private @Nullable ClosingFile fileAt(long address) {
        Vma vma = space.find(address);
        return vma != null && vma.backing() instanceof ClosingFile file ? file : null;
    }

    /** Looks up an address in the inner space, under the rival's protection. */
    final @Nullable Vma findInside(long address) {
        return space.find(address);
    }

    final long mincoreInside(long address, long length, byte[] vector) {
        return space.mincore(address, length, vector);
    }

    final @Nullable VmaRef acquireInside(long address) {
        return space.acquire(address);
    }

    /** Returns all VMAs of the inner space, under the rival's protection. */
    final List<Vma> scanInside() {
        return space.snapshot().vmas();
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
    public final long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        return operate(address, () -> space.mremap(address, oldLength, newLength, flags, newAddress));
    }

    @Override
    public final long madvise(long address, long length, int advice) {
        return operate(address, () -> space.madvise(address, length, advice));
    }

    @Override
    public final long brk(long address) {
        return operate(address, () -> space.brk(address));
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
        return ClosingFile.closedByCaller(close);
    }
}
