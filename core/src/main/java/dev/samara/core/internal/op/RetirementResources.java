// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * The resources that an operation reserves for its retirement before it publishes: stack depth, a page table context,
 * and the page tables for guards and moves. An operation that cannot get one of them fails: with {@code EAGAIN} without
 * a context, with {@code ENOMEM} without memory or stack. {@link PageRetirement}, created here, allocates the first
 * memory block of its gather.
 *
 * <p>An attempt checks for the resources under the layout lock. If one is missing, the attempt ends, and the operation
 * acquires the resource without the lock before it retries.
 *
 * <p>{@link OperationState} extends this class, so an operation allocates one object for both. Used by the thread of
 * the operation before its last batch is published.
 */
abstract class RetirementResources {
    /**
     * The number of frames of stack that an operation touches before it publishes a range. Interpreted, 12 are as deep
     * as the code after publication, if no notifier or listener is called and no other operation is in flight. A task
     * for a thread of the machine touches 12 itself, at a third of that depth.
     */
    private static final int DEPTH = 24;

    final Layout layout;

    /** Whether the attempt found no idle page table context: which resource it lacked. */
    private boolean lacksContext;

    /**
     * Whether it publishes without a page table context: the end of a space, which may not be refused, or a later batch
     * of a call whose earlier batches needed none.
     */
    private boolean goesOnWithoutContext;

    /** The page table context for the retirement; null until one is needed. */
    private @Nullable PageTableContext context;

    /** The tables that its retirement may lack; null if it has asked for none. */
    private @Nullable PreallocatedTables tables;

    RetirementResources(Layout layout) {
        this.layout = layout;
    }

    /** Returns whether the call ends its space, and so may not be refused. */
    abstract boolean endsSpace();

    /** Returns whether the operation, or an earlier batch of it, is published: a refusal would come too late. */
    abstract boolean isPublished();

    /** Ends the operation without a change. */
    abstract void refused(long refusal);

    /**
     * Allocates the resources of the retirement before publication. Caller holds the layout lock.
     *
     * @return null if they are; {@link AttemptOutcome#LACKS_RESOURCE}; or {@link AttemptOutcome#DONE} if the operation
     *     is refused
     */
    final @Nullable AttemptOutcome prepare(PreparedRetirement rest) {
        try {
            StackReserve.check(DEPTH);
            if (layout.memoryOrNull() == null) {
                return null;
            }
            if (PreallocatedTables.mayLack(rest.movesAndActions()) && tables().lack(rest.movesAndActions())) {
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
            // The end of a space may not be refused: its caller gets the error.
            if (endsSpace()) {
                throw exhausted;
            }
            refused(Errno.ENOMEM.result());
            return AttemptOutcome.DONE;
        }
        return null;
    }

    /**
     * Borrows an idle page table context for the retirement, unless there is one already. Caller holds the layout lock.
     *
     * @throws Restart if none is idle: the operation creates one
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

    /** Gives the tables of a later batch to the retirement, which the first batch has prepared. */
    private void addTables(PreparedRetirement rest) {
        PreallocatedTables ahead = tables;
        if (ahead != null && isPublished() && ahead.reserved() != TableReserve.NONE) {
            rest.add(ahead.reserved());
            ahead.handedOver();
        }
    }

    /** Returns the tables that its retirement may lack, counted at first use. */
    private PreallocatedTables tables() {
        if (tables == null) {
            tables = new PreallocatedTables(layout);
        }
        return tables;
    }

    /**
     * Takes the resource that the last attempt lacked. Caller holds no lock.
     *
     * @return why the operation is refused; null if it goes on
     */
    final @Nullable Errno takeLacking() {
        if (lacksContext) {
            lacksContext = false;
            return takeContext();
        }
        return tables().reserve(!isPublished());
    }

    /** Creates a context if none is idle. Returns why the operation is refused; null if it goes on. */
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

    /** Returns whether the operation may publish without a context: its retirement is tried again until it has one. */
    private boolean goesOnWithout() {
        goesOnWithoutContext = endsSpace() || isPublished();
        return goesOnWithoutContext;
    }

    /** Leaves the tables to the retirement of a range that is published. */
    final void handOverTables() {
        if (tables != null) {
            tables.handedOver();
        }
    }

    /**
     * Gives the context back that no retirement has: the operation waits, or ends.
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
     * Gives back what no retirement has: the operation ends its attempts.
     *
     * @param published the range in flight, or null
     */
    final void giveBack(@Nullable PreparedRetirement published) {
        giveContextBack(published);
        if (tables != null) {
            // Also after a batch that was published: a later one may have failed with tables of its own.
            tables.close();
        }
        tables = null;
    }
}
