// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * The resources that an operation reserves for its retirement before it publishes: stack depth, a page table context,
 * and the page tables for guards and moves. An operation that cannot get one of them fails: with {@code EAGAIN} if
 * there is no context, with {@code ENOMEM} if there is not enough memory or stack. {@link PageRetirement}, created
 * here, allocates the first memory block of its gather.
 *
 * <p>An attempt checks for the resources under the layout lock. If one is missing, the attempt ends, and the operation
 * acquires the resource without the lock before it retries.
 *
 * <p>{@link OperationState} extends this class, so an operation allocates one object for both. Used by the thread of
 * the operation before its last batch is published.
 */
abstract class RetirementResources {
    /**
     * The number of stack frames that an operation touches before it publishes a range. In the interpreter, 12 frames
     * are as deep as the code after publication if no notifier or listener is called and no other operation is in
     * flight. The submission of a task to one of the machine's threads, which is at a third of that depth, itself
     * checks for 12 frames.
     */
    private static final int DEPTH = 24;

    final Layout layout;

    /** Whether the resource that the attempt lacked was an idle page table context. */
    private boolean lacksContext;

    /**
     * Whether the operation publishes without a page table context. Only the end of a space, which must not be refused,
     * and a later batch of a call whose earlier batches needed no context do so.
     */
    private boolean goesOnWithoutContext;

    /** The page table context for the retirement; null until one is needed. */
    private @Nullable PageTableContext context;

    /** The tables that the retirement may lack; null if it has requested none. */
    private @Nullable PreallocatedTables tables;

    RetirementResources(Layout layout) {
        this.layout = layout;
    }

    /** Returns whether the call ends its space, and so must not be refused. */
    abstract boolean endsSpace();

    /** Returns whether the operation, or an earlier batch of it, is published, so that it is too late to refuse. */
    abstract boolean isPublished();

    /** Ends the operation without a change. */
    abstract void refused(long refusal);

    /**
     * Allocates the resources of the retirement before publication. The caller holds the layout lock.
     *
     * @return null if they were allocated; {@link AttemptOutcome#LACKS_RESOURCE}; or {@link AttemptOutcome#DONE} if the
     *     operation is refused
     */
    final @Nullable AttemptOutcome prepare(PreparedRetirement rest) {
        try {
            StackReserve.check(DEPTH);
            if (layout.memoryOrNull() == null) {
                return null;
            }
            if (PreallocatedTables.mayLack(rest) && tables().lack(rest)) {
                return AttemptOutcome.LACKS_RESOURCE;
            }
            if (rest.isPrepared()) {
                addTables(rest);
                return null;
            }
            if (rest.isBatched() && rest.retiresNothing()) {
                return null;
            }
            if (!hasContext()) {
                return AttemptOutcome.LACKS_RESOURCE;
            }
            TableReserve reserved = tables == null ? TableReserve.NONE : tables.reserved();
            rest.retireBy(new PageRetirement(rest, layout, endsSpace(), context, reserved));
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // Any other call is refused with ENOMEM. The end of a space must not be refused, so the error is rethrown,
            // and the teardown is retried later.
            if (endsSpace()) {
                throw exhausted;
            }
            refused(Errno.ENOMEM.result());
            return AttemptOutcome.DONE;
        }
        return null;
    }

    /**
     * Borrows an idle page table context for the retirement, unless there is one already. The caller holds the layout
     * lock.
     *
     * @throws Restart if none is idle; the operation then creates one
     */
    final void requireContext() {
        if (!hasContext()) {
            throw new Restart(AttemptOutcome.LACKS_RESOURCE);
        }
    }

    private boolean hasContext() {
        if (context != null || goesOnWithoutContext || layout.memoryOrNull() == null) {
            return true;
        }
        context = layout.memory().contexts().borrowIdle();
        lacksContext = context == null;
        return !lacksContext;
    }

    /** Passes the tables of a later batch to the retirement, which an earlier batch prepared. */
    private void addTables(PreparedRetirement rest) {
        PreallocatedTables ahead = tables;
        if (ahead != null && isPublished() && ahead.reserved() != TableReserve.NONE) {
            rest.add(ahead.reserved());
            ahead.handedOver();
        }
    }

    /** Returns the tables that the retirement may lack, counted at first use. */
    private PreallocatedTables tables() {
        if (tables == null) {
            tables = new PreallocatedTables(layout);
        }
        return tables;
    }

    /**
     * Acquires the resource that the last attempt lacked. The caller holds no lock.
     *
     * @return why the operation is refused; null if it continues
     */
    final @Nullable Errno takeLacking() {
        if (lacksContext) {
            lacksContext = false;
            return takeContext();
        }
        return tables().reserve(!isPublished());
    }

    /** Creates a context if none is idle. Returns why the operation is refused; null if it continues. */
    private @Nullable Errno takeContext() {
        try {
            context = layout.memory().contexts().borrowOrNull();
            return context != null || goesOnWithout() ? null : Errno.EAGAIN;
        } catch (OutOfMemoryError exhausted) {
            if (endsSpace()) {
                throw exhausted;
            }
            return goesOnWithout() ? null : Errno.ENOMEM;
        }
    }

    /** Returns whether the operation may publish without a context. Its retirement is then retried until it has one. */
    private boolean goesOnWithout() {
        goesOnWithoutContext = endsSpace() || isPublished();
        return goesOnWithoutContext;
    }

    /** Passes the tables to the retirement of a published range. */
    final void handOverTables() {
        if (tables != null) {
            tables.handedOver();
        }
    }

    /**
     * Returns the context if no retirement uses it, because the operation waits or ends.
     *
     * @param published the range in flight, or null
     */
    final void giveContextBack(@Nullable PreparedRetirement published) {
        PageTableContext unused = published == null || !published.isPrepared() ? context : null;
        context = null;
        if (unused != null) {
            layout.memory().contexts().giveBack(unused);
        }
    }

    /**
     * Releases the resources that no retirement uses, because the operation ends its attempts.
     *
     * @param published the range in flight, or null
     */
    final void giveBack(@Nullable PreparedRetirement published) {
        giveContextBack(published);
        if (tables != null) {
            // Needed even after a batch was published, because a later batch may have failed and left its own tables.
            tables.close();
        }
        tables = null;
    }
}
