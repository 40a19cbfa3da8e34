// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** What the calls that change a layout have in common: their entry, and the visit of the VMAs of a range. */
public final class Syscall {
    private Syscall() {}

    /**
     * Runs a call, waits until it is complete, and faults in the ranges that it requested. The caller must hold no
     * lock.
     *
     * @return the result of the call, or a negated errno
     */
    public static long run(Layout layout, Call call) {
        Operation operation = new Operation(layout, call);
        long result = operation.run();
        List<PopulateRange> ranges = operation.populations();
        return ranges.isEmpty() ? result : Populate.run(layout, ranges, result);
    }

    /**
     * Runs a call up to publication; one of the machine's threads does the rest, and completes the future. The caller
     * must hold no lock.
     *
     * @return the call, with its result, which is a negated errno if the call is refused
     */
    public static PendingCall start(Layout layout, Call call) {
        Operation operation = new Operation(layout, call);
        StartedCall pending = new StartedCall(operation);
        AsyncCompletion completion = new AsyncCompletion(pending);
        if (!operation.start(completion)) {
            completion.complete();
        }
        return pending;
    }

    /** A call whose arguments name one range, by an address and a length in bytes. */
    interface RangeCall extends Call {
        /** Returns the first address, as the caller passed it. */
        long address();

        /** Returns the length in bytes, as the caller passed it. */
        long length();

        /** Returns the end of the range, rounded up to a page boundary. */
        default long end(Geometry geometry) {
            return address() + geometry.roundUp(length());
        }

        /** Returns whether the range starts at a page boundary, does not wrap, and no nonzero length rounds up to 0. */
        default boolean isRange(Geometry geometry) {
            return geometry.isAligned(address())
                    && (length() == 0 || geometry.roundUp(length()) != 0)
                    && !Addresses.isBelow(end(geometry), address());
        }

        @Override
        default long from(Layout layout) {
            return address();
        }

        @Override
        default long to(Layout layout) {
            return Addresses.endOf(address(), length());
        }
    }

    /** A call that changes the VMAs of a range one by one, in a {@link #walk}. */
    interface VmaChange {
        /**
         * Changes the part of one VMA in a range.
         *
         * @return the end of the VMA that now covers that part, or a negated errno
         */
        long change(Edit edit, VmArea vma, long start, long end);
    }

    /**
     * Changes a range VMA by VMA ({@code madvise_walk_vmas}), or the next batch of it. An error ends the walk, and
     * earlier changes stay, as on Linux.
     *
     * @param stopsAtHole whether a hole ends the walk; otherwise it is skipped, and reported at the end
     * @return ENOMEM, negated, if there is a hole; the negated errno of a change; otherwise what an earlier batch noted
     */
    static long walk(Edit edit, long start, long end, boolean stopsAtHole, VmaChange call) {
        edit.beginPass();
        // Includes the result of earlier batches.
        long result = edit.note();
        long reached = edit.partStart(start);
        while (Addresses.isBelow(reached, end)) {
            VmArea vma = edit.firstIn(reached, end);
            if (vma == null || (stopsAtHole && Addresses.isBelow(reached, vma.start()))) {
                return Errno.ENOMEM.result();
            }
            if (edit.endsBatchAt(reached)) {
                edit.note(result);
                return result;
            }
            if (Addresses.isBelow(reached, vma.start())) {
                result = Errno.ENOMEM.result();
                reached = vma.start();
            }
            long changed = call.change(edit, vma, reached, Addresses.lower(vma.end(), end));
            if (Errno.isError(changed)) {
                return changed;
            }
            reached = changed;
        }
        return result;
    }

    /** Receives the VMAs that {@link #visit} finds. */
    @FunctionalInterface
    interface VmaVisitor {
        /**
         * Called without a lock.
         *
         * @param vma a VMA of the range
         * @param start the first address of the VMA's part in the range
         * @param end the end of that part, exclusive
         * @return 0 to continue; any other number ends the visit
         */
        long visit(VmArea vma, long start, long end);
    }

    /**
     * Visits the VMAs of a range in ascending order, each under a reference, so that a call can call their backings
     * after it has decided and has released the layout lock. The layout may change between two VMAs.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     * @return 0, or the number with which the visitor ended the visit
     */
    static long visit(Layout layout, long start, long end, VmaVisitor visitor) {
        long at = start;
        while (Addresses.isBelow(at, end)) {
            VmArea vma = layout.acquire(at);
            if (vma == null) {
                VmArea next = layout.findNext(at);
                // A VMA that contains the address was mapped in the meantime, and is looked up again.
                at = next == null ? end : Addresses.higher(at, next.start());
                continue;
            }
            try {
                long stop = Addresses.lower(vma.end(), end);
                long result = visitor.visit(vma, at, stop);
                if (result != 0) {
                    return result;
                }
                at = stop;
            } finally {
                vma.release();
            }
        }
        return 0;
    }

    /** Returns the file offset, in bytes, of an address in a VMA. */
    static long offset(Layout layout, VmArea vma, long address) {
        return (vma.pageOffset() << layout.geometry.pageShift()) + (address - vma.start());
    }

    /** An asynchronous call. Its result is the result of the operation, which the caller has already published. */
    private static final class StartedCall extends PendingCall {
        private final Operation operation;

        StartedCall(Operation operation) {
            this.operation = operation;
        }

        @Override
        public long result() {
            return operation.result();
        }

        @Override
        public Long join() {
            checkMayWait();
            boolean interrupted = false;
            while (!isDone() && step()) {
                // The flag is cleared, because a thread whose interrupt flag is set does not park.
                interrupted |= Thread.interrupted();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            return super.join();
        }

        @Override
        public Long get() throws InterruptedException, ExecutionException {
            checkMayWait();
            while (!isDone() && !Thread.currentThread().isInterrupted() && step()) {
                Thread.onSpinWait();
            }
            return super.get();
        }

        @Override
        public Long get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException, TimeoutException {
            checkMayWait();
            long since = System.nanoTime();
            long nanos = Math.max(0, unit.toNanos(timeout));
            while (!isDone()
                    && System.nanoTime() - since < nanos
                    && !Thread.currentThread().isInterrupted()
                    && step()) {
                Thread.onSpinWait();
            }
            return super.get(Math.max(0, nanos - (System.nanoTime() - since)), TimeUnit.NANOSECONDS);
        }

        /**
         * Checks that this thread may wait. A CPU of this thread in GUEST, for which the call may wait, would never
         * poll. A callback of a retirement, or of a step that asks waiting calls whether they can continue, would delay
         * work for which this call may wait.
         */
        private void checkMayWait() {
            if (!isDone()) {
                String what = "a wait for an asynchronous call";
                ThreadCpus.checkMayWait(what);
                operation.layout.host.threads.checkMayWaitForTasks(what);
            }
        }

        /** Runs a step of the housekeeping; returns false if other threads run the steps. */
        private boolean step() {
            Housekeeping invoked = operation.layout.host.threads.invoked();
            if (invoked != null && !invoked.step()) {
                LockSupport.parkNanos(this, Housekeeping.INVOKING_PAUSE);
            }
            return invoked != null;
        }

        @Override
        public String toString() {
            return operation + (isDone() ? ", complete" : ", in flight");
        }
    }

    /**
     * Completes the future of an asynchronous call, after the pages that the call requested are faulted in. One of the
     * machine's threads runs this once the operation is complete. Allocated before publication.
     */
    private static final class AsyncCompletion extends Housekeeping.Waiter {
        private final StartedCall future;

        /** Whether everything except the completion of the future is done. */
        private boolean isOver;

        private long result;
        private @Nullable Throwable thrown;

        AsyncCompletion(StartedCall future) {
            this.future = future;
        }

        @Override
        public void run() {
            if (!isOver) {
                try {
                    Operation operation = future.operation;
                    result = Populate.run(operation.layout, operation.populations(), operation.result());
                } catch (Throwable failed) {
                    // The future completes with this exception; a synchronous call would throw it to its caller.
                    thrown = failed;
                }
                isOver = true;
            }
            tell();
        }

        /** Completes the future of a call that has ended and has nothing to fault in. */
        void complete() {
            result = future.result();
            isOver = true;
            tell();
        }

        /** Completes the future. If there is no memory for that, one of the machine's threads does so later. */
        private void tell() {
            Throwable failed = thrown;
            try {
                if (failed == null) {
                    future.complete(result);
                } else {
                    future.completeExceptionally(failed);
                }
            } catch (OutOfMemoryError exhausted) {
                // If the future is complete, the error was thrown by code of the embedder that depends on the future.
                if (!future.isDone()) {
                    future.operation.layout.host.threads.housekeeping.add(this);
                }
            }
        }
    }
}
