// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.page.TableReserve.Need;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.PageTableReclaim;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Errno;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The page tables that one operation will link after its publication: for the guards that it installs, and for the
 * pages that it moves. The operation counts, charges and allocates them before it publishes, without a lock. (Linux
 * allocates tables during the walk, and stops half-way if memory runs out.) Used by the operation's thread.
 */
final class PreallocatedTables {
    /** The maximum number of leaves that are visited under the layout lock. */
    private static final int FEW = 2 * PublicationBatches.MOST;

    private final Layout layout;
    private final PageTable table;

    /** The moves and actions of an attempt. */
    private record Wanted(List<PageMove> moves, List<PageAction> actions) {
        /** Copies the moves and actions of the batch that is being decided, because a dropped attempt removes them. */
        static Wanted of(InFlightOperation work) {
            return new Wanted(List.copyOf(work.partMoves()), List.copyOf(work.partActions()));
        }

        boolean isOf(InFlightOperation work) {
            return moves.equals(work.partMoves()) && actions.equals(work.partActions());
        }
    }

    /** The moves and actions of the last attempt if no tables are reserved for them; otherwise null. */
    private @Nullable Wanted lacking;

    /** The moves and actions for which tables are reserved; null if there are none. */
    private @Nullable Wanted reservedFor;

    private TableReserve reserve = TableReserve.NONE;

    /** The need for which {@link #reserve} was made; null if there is none. */
    private @Nullable Need need;

    /** Whether the reservation ends with EINTR if the thread is interrupted. */
    private boolean isInterruptible;

    /** The last need of the published batches; null if there is none. */
    private @Nullable Need earlier;

    PreallocatedTables(Layout layout) {
        this.layout = layout;
        table = layout.pages();
    }

    /** Returns whether a retirement may link tables. */
    static boolean mayLack(InFlightOperation work) {
        return !work.partMoves().isEmpty() || installsGuards(work.partActions());
    }

    /** Checks the first action only, because all actions of an operation are of the same kind. */
    private static boolean installsGuards(List<PageAction> actions) {
        return !actions.isEmpty() && actions.get(0).kind() == PageAction.Kind.GUARD;
    }

    /**
     * Returns whether a retirement lacks tables, which {@link #reserve} then reserves before the next attempt. The
     * tables of a short range are counted here, because it seldom lacks any. The caller holds the layout lock.
     */
    boolean lack(InFlightOperation work) {
        Wanted known = reservedFor;
        boolean isReserved = known != null && known.isOf(work);
        boolean isLacking = !isReserved
                && (!isShort(work)
                        || count(work.partMoves(), work.partActions(), () -> false)
                                        .tables()
                                != 0);
        lacking = isLacking ? Wanted.of(work) : null;
        return isLacking;
    }

    /**
     * Reserves the tables that the last attempt lacked. The caller holds no lock.
     *
     * @param isInterruptible whether an interrupt ends the reservation; false once a batch of the call is published
     * @return null on success, or if the layout has been closed, which the next attempt detects; ENOMEM if the tables
     *     exceed the limit of the space or the machine, or the heap has no room for them; EINTR if the thread is
     *     interrupted
     */
    @Nullable
    Errno reserve(boolean isInterruptible) {
        this.isInterruptible = isInterruptible;
        Wanted wanted = lacking;
        close();
        if (wanted == null) {
            return null;
        }
        TableReserve made = null;
        try {
            made = tryReserve(wanted);
            if (made == null && !isStopped() && PageTableReclaim.reclaim(layout)) {
                made = tryReserve(wanted);
            }
        } catch (OutOfMemoryError exhausted) {
            return Errno.ENOMEM;
        }
        if (made != null) {
            reserve = made;
            reservedFor = wanted;
            return null;
        }
        if (layout.isClosed()) {
            return null;
        }
        return isInterrupted() ? Errno.EINTR : Errno.ENOMEM;
    }

    private @Nullable TableReserve tryReserve(Wanted wanted) {
        BooleanSupplier isStopped = this::isStopped;
        Need counted = count(wanted.moves, wanted.actions, isStopped);
        need = counted;
        return counted.isTooMuch() || isStopped.getAsBoolean() ? null : counted.reserve(isStopped);
    }

    private boolean isStopped() {
        return isInterrupted() || layout.isClosed();
    }

    private boolean isInterrupted() {
        return isInterruptible && Thread.currentThread().isInterrupted();
    }

    /** Returns the reserved tables, which the retirement uses and closes once the operation is published. */
    TableReserve reserved() {
        return reserve;
    }

    /** Hands the reserved tables over to a retirement, which uncharges the tables that are left. */
    void handedOver() {
        if (reserve != TableReserve.NONE) {
            earlier = need;
        }
        reserve = TableReserve.NONE;
        reservedFor = null;
        lacking = null;
    }

    /** Uncharges the reserved tables. Called if the operation is not published. */
    void close() {
        reserve.close();
        reserve = TableReserve.NONE;
        reservedFor = null;
        lacking = null;
    }

    /** Returns whether the missing tables can be counted in few steps. */
    private boolean isShort(InFlightOperation work) {
        long leaf = table.leafEnd(0);
        long left = FEW * leaf;
        List<PageMove> moves = work.partMoves();
        for (int i = 0; i < moves.size() && left >= 0; i++) {
            left = without(left, leaf, moves.get(i).length());
        }
        List<PageAction> actions = work.partActions();
        for (int i = 0; i < actions.size() && left >= 0; i++) {
            left = without(left, leaf, actions.get(i).end() - actions.get(i).start());
        }
        return left >= 0;
    }

    /**
     * Subtracts the length of a range and the length of a leaf from a number of bytes. Returns a negative number if the
     * range is longer than that number of bytes.
     */
    private static long without(long left, long leaf, long length) {
        return Addresses.isAbove(length, left) ? -1 : left - length - leaf;
    }

    /**
     * Counts the missing tables of moves and actions. Takes no lock.
     *
     * @param isStopped polled after each leaf; true ends the count
     */
    private Need count(List<PageMove> moves, List<PageAction> actions, BooleanSupplier isStopped) {
        Need counted = new Need(table, earlier);
        for (int i = 0; i < moves.size(); i++) {
            count(moves.get(i), counted, isStopped);
        }
        for (int i = 0; i < actions.size(); i++) {
            long end = actions.get(i).end();
            long at = actions.get(i).start();
            while (Addresses.isBelow(at, end) && !isStopped.getAsBoolean() && !counted.isTooMuch()) {
                counted.add(at);
                at = table.leafEnd(at);
            }
        }
        return counted;
    }

    /** Counts the tables that the target lacks. The entries of one source leaf may be stored in two target leaves. */
    private void count(PageMove move, Need need, BooleanSupplier isStopped) {
        long end = move.from() + move.length();
        long at = table.nextLeaf(move.from(), end);
        while (at != end && !isStopped.getAsBoolean() && !need.isTooMuch()) {
            long stop = Addresses.lower(table.leafEnd(at), end);
            need.add(move.to() + (at - move.from()));
            need.add(move.to() + (stop - 1 - move.from()));
            at = table.nextLeaf(stop, end);
        }
    }
}
