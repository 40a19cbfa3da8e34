// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.event.Report;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.ReservedRanges;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A space of a few pages on its own machine, so that a page released by one {@link ContendedRangeUser} is immediately
 * taken by another. It records the state of each page independently of reservations and gates.
 *
 * <p>A page has an owner from the return of the call that maps it to the start of the call that unmaps it, and no other
 * thread changes it during that time. It is <em>leaving</em> from that start to the end of its retirement, which the
 * machine's hook observes. While it is leaving, its munmap is not complete.
 */
final class ContendedRange {
    static final int PAGES = 96;
    static final long START = 0x4000_0000L;
    static final long END = START + PAGES * TortureSpace.PAGE;

    /** The owner of the pages that callbacks map briefly. */
    private static final int VISITOR = 1000;

    final Machine machine;
    final AddressSpace space;
    final RandomFailures failures;
    final OpenCountingBacking.Tally tally;

    private final boolean early;
    private final Checker holes;
    private final Checker calls;
    private final AtomicIntegerArray owners = new AtomicIntegerArray(PAGES);

    /**
     * Per page: the number of calls that started to unmap it and are not retired yet. Only early reuse allows more than
     * one.
     */
    private final AtomicIntegerArray leaving = new AtomicIntegerArray(PAGES);

    private final AtomicReferenceArray<@Nullable OpenCountingBacking> backings = new AtomicReferenceArray<>(PAGES);
    private final ThreadLocal<Boolean> retiring = ThreadLocal.withInitial(() -> false);

    /** Whether this thread is closing a fork of the space, whose pages are not recorded. */
    private final ThreadLocal<Boolean> elsewhere = ThreadLocal.withInitial(() -> false);

    private volatile boolean closing;

    /**
     * Creates an empty range.
     *
     * @param early whether the space reuses early
     * @param holes the checker of I4
     * @param calls is notified of unexpected reports
     */
    ContendedRange(boolean early, long seed, Checker holes, OpenCountingBacking.Tally tally, Checker calls) {
        this.early = early;
        this.holes = holes;
        this.tally = tally;
        this.calls = calls;
        failures = new RandomFailures(seed);
        MachineBuilder description = Machine.builder().reportTo(this::take);
        if (!early) {
            description.trackReferences(true);
        }
        machine = MachineInternals.machine(description, this::retire);
        AddressSpaceBuilder small =
                machine.space(TortureSpace.GEOMETRY).guard(0, START).guard(END, TortureSpace.GEOMETRY.limit());
        space = (early ? small.earlyReuse(true) : small).build();
    }

    private void take(Report report) {
        boolean planned = report.cause() instanceof RandomFailures.Planned;
        if (!planned && report.kind() == Report.Kind.CALLBACK_FAILED) {
            calls.violated("reported: " + report);
        }
    }

    static long address(int page) {
        return START + page * TortureSpace.PAGE;
    }

    static int page(long address) {
        return (int) ((address - START) / TortureSpace.PAGE);
    }

    private void retire(InFlightOperation range) {
        failures.linger();
        if (elsewhere.get()) {
            return;
        }
        if (!closing) {
            ReservedRanges.forEach(range, (start, end) -> {
                for (int page = page(start); page < page(end); page++) {
                    holes.check(leaving.get(page) > 0, "a page is retired that is not being unmapped");
                }
            });
        }
        boolean isOutermost = !retiring.get();
        if (isOutermost && !early && (closing || failures.once(8))) {
            retiring.set(true);
            try {
                visit();
                callOwnRange(range);
            } finally {
                retiring.set(false);
            }
        }
        failures.linger();
        if (!closing) {
            ReservedRanges.forEach(range, this::retired);
        }
        failures.fail(32);
    }

    /**
     * Unmaps the operation's own range from its retirement. This must be refused instead of hanging, even in the
     * retirement of the close.
     */
    private void callOwnRange(InFlightOperation range) {
        ReservedRanges.forEach(range, (start, end) -> {
            boolean refused = false;
            try {
                long result = space.munmap(start, end - start);
                refused = closing && result == Errno.ESRCH.result();
            } catch (IllegalStateException expected) {
                refused = true;
            }
            holes.check(refused, "a retirement could unmap its own range");
        });
    }

    private void retired(long start, long end) {
        for (int page = page(start); page < page(end); page++) {
            OpenCountingBacking backing = backings.get(page);
            tally.openWhileHeld.check(backing == null || backing.isOpen(), "closed before its munmap was complete");
            leaving.decrementAndGet(page);
        }
    }

    /** Returns a new backing. */
    OpenCountingBacking backing() {
        return new OpenCountingBacking(failures, tally, this::visit);
    }

    /** Maps a page briefly, as a callback may. */
    private void visit() {
        if (closing) {
            return;
        }
        long start = map(VISITOR, 0, 1, Mman.READ, TortureSpace.ANYWHERE, null, false);
        if (start > 0) {
            long result = unmap(VISITOR, page(start), 1);
            // If an interrupt kept the page mapped, the visitor remains its owner.
            if (result != Errno.EINTR.result()) {
                TortureSpace.succeed(result);
            }
        }
    }

    /** Maps free pages, and records their owner. */
    long map(
            int owner,
            long address,
            int pages,
            int rights,
            int flags,
            @Nullable OpenCountingBacking backing,
            boolean async) {
        int how = backing == null ? flags : flags & ~Mman.ANONYMOUS;
        long length = pages * TortureSpace.PAGE;
        long result = async
                ? space.mmapAsync(address, length, rights, how, backing, 0).join()
                : space.mmap(address, length, rights, how, backing, 0);
        if (result > 0) {
            take(owner, page(result), pages, backing);
        }
        return result;
    }

    /** Records that an owner mapped pages, which must not have an owner. */
    void take(int owner, int first, int pages, @Nullable OpenCountingBacking backing) {
        for (int page = first; page < first + pages; page++) {
            holes.check(owners.compareAndSet(page, 0, owner), "mapped while another has it");
            if (!early) {
                holes.check(leaving.get(page) == 0, "mapped before its munmap was complete");
            }
            backings.set(page, backing);
        }
        if (pages == 0) {
            return;
        }
        int events = space.resolve(address(first), Mman.READ);
        holes.check(events != Fault.MAPERR, "a mapped page is not there");
        if (early) {
            for (int page = first; page < first + pages; page++) {
                holes.check(leaving.get(page) == 0, "resolved before the munmap of the earlier mapping was complete");
            }
        }
    }

    /** Records that an owner replaced the mapping of its pages. */
    void replaced(int first, int pages, OpenCountingBacking backing) {
        for (int page = first; page < first + pages; page++) {
            backings.set(page, backing);
        }
    }

    /** Records that a call starts to unmap pages. */
    void leave(int first, int pages) {
        for (int page = first; page < first + pages; page++) {
            leaving.incrementAndGet(page);
            owners.set(page, 0);
        }
    }

    /** Records that the call did not unmap the pages. */
    void stay(int owner, int first, int pages) {
        for (int page = first; page < first + pages; page++) {
            holes.check(owners.compareAndSet(page, 0, owner), "mapped by another, and was never unmapped");
            leaving.decrementAndGet(page);
        }
    }

    /** Unmaps pages of an owner. */
    long unmap(int owner, int first, int pages) {
        leave(first, pages);
        long result;
        try {
            result = space.munmap(address(first), pages * TortureSpace.PAGE);
        } catch (RandomFailures.Planned planned) {
            stay(owner, first, pages);
            throw planned;
        }
        if (result != 0) {
            stay(owner, first, pages);
        }
        return result;
    }

    /** Starts to unmap pages of an owner. */
    CompletableFuture<Long> unmapAsync(int owner, int first, int pages) {
        leave(first, pages);
        CompletableFuture<Long> future;
        try {
            future = space.munmapAsync(address(first), pages * TortureSpace.PAGE);
        } catch (RandomFailures.Planned planned) {
            stay(owner, first, pages);
            throw planned;
        }
        if (future.isDone() && future.join() != 0) {
            stay(owner, first, pages);
        }
        return future;
    }

    /** Closes a fork of the space. */
    void closeChild(AddressSpace child) {
        elsewhere.set(true);
        try {
            child.close();
        } finally {
            elsewhere.set(false);
        }
    }

    /** Must be called after the last user stopped, and before the space is closed. */
    void close() throws InterruptedException {
        machine.awaitQuiescence();
        closing = true;
    }
}
