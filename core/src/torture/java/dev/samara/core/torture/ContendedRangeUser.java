// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.VmaRef;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Maps, changes and unmaps pages of a {@link ContendedRange}, with every call that can do so and concurrently with
 * other users of these pages, and acquires references to the VMAs that it finds. It may be interrupted at any time.
 * Backings may reject calls and throw.
 */
final class ContendedRangeUser implements Actor {
    private static final int MOST_LEASES = 5;
    private static final int MOST_REFERENCES = 24;

    /** The errors that a call may return: no room, occupied, several mappings, interrupted, refused by a backing. */
    private static final Set<Long> REFUSALS = Set.of(
            Errno.ENOMEM.result(),
            Errno.EEXIST.result(),
            Errno.EFAULT.result(),
            Errno.EINTR.result(),
            Errno.EAGAIN.result(),
            Errno.EACCES.result());

    private final ContendedRange window;
    private final AddressSpace space;
    private final Checker calls;
    private final int id;
    private final List<Lease> leases = new ArrayList<>();
    private final Deque<VmaRef> references = new ArrayDeque<>();

    /**
     * Creates a user without pages.
     *
     * @param id a positive number, unique to this user
     */
    ContendedRangeUser(ContendedRange window, int id, Checker calls) {
        this.window = window;
        this.id = id;
        this.calls = calls;
        space = window.space;
    }

    private record Lease(int page, int pages, @Nullable OpenCountingBacking backing) {}

    @Override
    public void step(Random random) {
        Thread.interrupted();
        acquire(random);
        try {
            if (leases.isEmpty() || (leases.size() < MOST_LEASES && random.nextInt(3) == 0)) {
                map(random);
            } else {
                change(random, leases.remove(random.nextInt(leases.size())));
            }
        } catch (RandomFailures.Planned planned) {
            calls.check(true, "");
        }
    }

    private boolean allowed(long result) {
        boolean succeeded = result >= 0;
        if (!succeeded) {
            calls.check(REFUSALS.contains(result), "answered " + Errno.of(result));
        }
        return succeeded;
    }

    private void map(Random random) {
        int pages = 1 + random.nextInt(12);
        OpenCountingBacking backing = random.nextBoolean() ? window.backing() : null;
        int rights = TortureSpace.rights(1 + random.nextInt(3));
        boolean async = random.nextInt(4) == 0;
        long address = 0;
        int flags = TortureSpace.ANYWHERE;
        if (random.nextBoolean()) {
            address = ContendedRange.address(random.nextInt(ContendedRange.PAGES - pages));
            flags |= Mman.FIXED_NOREPLACE;
        }
        map(address, pages, rights, flags, backing, async);
    }

    private void map(
            long address, int pages, int rights, int flags, @Nullable OpenCountingBacking backing, boolean async) {
        long result = window.map(id, address, pages, rights, flags, backing, async);
        if (allowed(result)) {
            leases.add(new Lease(ContendedRange.page(result), pages, backing));
        }
    }

    /**
     * Performs a random action on a lease that was removed from the list; the rest of the lease is returned to the
     * list.
     */
    private void change(Random random, Lease lease) {
        switch (random.nextInt(9)) {
            case 0, 1 -> unmap(lease);
            case 2 -> unmapAsync(random, lease);
            case 3 -> unmapPart(random, lease);
            case 4 -> protect(random, lease);
            case 5 -> replace(random, lease);
            case 6 -> remap(random, lease);
            case 7 -> copy(lease);
            default -> {
                leases.add(lease);
                fork();
            }
        }
    }

    private void unmap(Lease lease) {
        boolean done = false;
        try {
            done = allowed(window.unmap(id, lease.page, lease.pages));
        } finally {
            if (!done) {
                leases.add(lease);
            }
        }
    }

    private void unmapAsync(Random random, Lease lease) {
        boolean begun = false;
        try {
            CompletableFuture<Long> future = window.unmapAsync(id, lease.page, lease.pages);
            begun = !future.isDone() || allowed(future.join());
        } finally {
            if (!begun) {
                leases.add(lease);
            }
        }
        if (begun && random.nextBoolean()) {
            // This call waits for the same range, or finds that another call was faster.
            map(
                    ContendedRange.address(lease.page),
                    lease.pages,
                    1,
                    TortureSpace.ANYWHERE | Mman.FIXED_NOREPLACE,
                    null,
                    false);
        }
    }

    private void unmapPart(Random random, Lease lease) {
        int first = random.nextInt(lease.pages);
        int pages = 1 + random.nextInt(lease.pages - first);
        boolean done = false;
        try {
            done = allowed(window.unmap(id, lease.page + first, pages));
        } finally {
            if (done) {
                addUnlessEmpty(lease.page, first, lease.backing);
                addUnlessEmpty(lease.page + first + pages, lease.pages - first - pages, lease.backing);
            } else {
                leases.add(lease);
            }
        }
    }

    private void addUnlessEmpty(int page, int pages, @Nullable OpenCountingBacking backing) {
        if (pages != 0) {
            leases.add(new Lease(page, pages, backing));
        }
    }

    private void protect(Random random, Lease lease) {
        leases.add(lease);
        int first = random.nextInt(lease.pages);
        int pages = 1 + random.nextInt(lease.pages - first);
        int rights = TortureSpace.rights(random.nextInt(4));
        allowed(space.mprotect(ContendedRange.address(lease.page + first), pages * TortureSpace.PAGE, rights));
    }

    /** Replaces the whole lease; the owner keeps the pages throughout. */
    private void replace(Random random, Lease lease) {
        Lease after = lease;
        try {
            OpenCountingBacking backing = window.backing();
            long start = ContendedRange.address(lease.page);
            long length = lease.pages * TortureSpace.PAGE;
            int flags = Mman.PRIVATE | Mman.FIXED;
            long result = random.nextBoolean()
                    ? space.mmap(start, length, 1, flags, backing, 0)
                    : space.mmapAsync(start, length, 1, flags, backing, 0).join();
            if (allowed(result)) {
                after = new Lease(lease.page, lease.pages, backing);
                window.replaced(lease.page, lease.pages, backing);
            }
        } finally {
            leases.add(after);
        }
    }

    private void remap(Random random, Lease lease) {
        int pages = 1 + random.nextInt(12);
        long start = ContendedRange.address(lease.page);
        window.leave(lease.page, lease.pages);
        long result = Errno.EAGAIN.result();
        try {
            result = space.mremap(start, lease.pages * TortureSpace.PAGE, pages * TortureSpace.PAGE, Mman.MAYMOVE, 0);
        } finally {
            if (result < 0) {
                window.stay(id, lease.page, lease.pages);
                leases.add(lease);
            } else {
                remapped(lease, ContendedRange.page(result), pages);
            }
        }
        allowed(result);
    }

    private void remapped(Lease lease, int page, int pages) {
        if (page == lease.page) {
            int common = Math.min(pages, lease.pages);
            window.stay(id, page, common);
            window.take(id, page + common, pages - common, lease.backing);
        } else {
            window.take(id, page, pages, lease.backing);
        }
        leases.add(new Lease(page, pages, lease.backing));
    }

    /** Moves the pages, but keeps the mapping. */
    private void copy(Lease lease) {
        leases.add(lease);
        if (lease.backing != null) {
            return;
        }
        long length = lease.pages * TortureSpace.PAGE;
        int flags = Mman.MAYMOVE | Mman.DONTUNMAP;
        long result = space.mremap(ContendedRange.address(lease.page), length, length, flags, 0);
        if (allowed(result)) {
            window.take(id, ContendedRange.page(result), lease.pages, null);
            leases.add(new Lease(ContendedRange.page(result), lease.pages, null));
        }
    }

    private void fork() {
        AddressSpace child;
        try {
            child = space.fork();
        } catch (MmException refused) {
            allowed(refused.errno().result());
            return;
        }
        child.validate();
        // The close of the child retires ranges at the same addresses, but no page of this space.
        window.closeChild(child);
    }

    private void acquire(Random random) {
        if (references.size() < MOST_REFERENCES) {
            VmaRef reference = space.acquire(ContendedRange.address(random.nextInt(ContendedRange.PAGES)));
            if (reference != null) {
                references.add(reference);
                check(reference);
            }
        }
        for (VmaRef held : references) {
            check(held);
        }
        if (random.nextInt(4) == 0 || references.size() == MOST_REFERENCES) {
            // Usually the newest reference, so that some are held for a long time.
            VmaRef released = random.nextInt(8) == 0 ? references.pollFirst() : references.pollLast();
            if (released != null) {
                check(released);
                released.close();
                if (random.nextInt(8) == 0) {
                    releaseAgain(released);
                }
            }
        }
    }

    private void check(VmaRef reference) {
        if (reference.vma().backing() instanceof OpenCountingBacking backing) {
            window.tally.openWhileHeld.check(backing.isOpen(), "closed while it was referenced");
        }
    }

    private void releaseAgain(VmaRef released) {
        boolean refused = false;
        try {
            released.close();
        } catch (IllegalStateException expected) {
            refused = true;
        }
        window.tally.openWhileHeld.check(refused, "released twice");
    }

    /** Releases the references, after the actor stopped. */
    void releaseAll() {
        references.forEach(this::check);
        references.forEach(VmaRef::close);
        references.clear();
    }
}
