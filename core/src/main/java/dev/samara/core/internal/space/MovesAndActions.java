// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.ArrayList;
import java.util.List;

/**
 * The page moves that an operation's retire phase performs, and its actions on pages whose VMAs stay. Most operations
 * need none of these ({@link #NONE}). The ranges that the operation unmaps or narrows are in its {@link Footprint}
 * instead.
 *
 * <p>Written by the operation under the layout lock until its last batch is published, and never changed afterwards.
 * The thread that retires the operation then reads it without the lock.
 */
public final class MovesAndActions {
    /** Nothing to do; never changed. The methods {@code with} replace it by a new object. */
    static final MovesAndActions NONE = new MovesAndActions();

    private List<PageMove> moves = List.of();
    private List<PageAction> actions = List.of();

    /* The sizes of the lists at the start of the unpublished batch. */
    private int sealedMoves;
    private int sealedActions;

    private MovesAndActions() {}

    /** Returns this, or a new object in place of {@link #NONE}. */
    private MovesAndActions own() {
        return this == NONE ? new MovesAndActions() : this;
    }

    /** Adds a move. Returns the object that contains it. */
    MovesAndActions with(PageMove move) {
        MovesAndActions work = own();
        if (work.moves.isEmpty()) {
            work.moves = new ArrayList<>(1);
        }
        work.moves.add(move);
        return work;
    }

    /** Adds an action, or extends the last action of the batch by it. Returns the object that contains it. */
    MovesAndActions with(PageAction action) {
        MovesAndActions work = own();
        if (work.actions.isEmpty()) {
            work.actions = new ArrayList<>(1);
        }
        work.add(action);
        return work;
    }

    private void add(PageAction action) {
        int size = actions.size();
        PageAction last = size > sealedActions ? actions.get(size - 1) : null;
        if (last != null && action.continues(last)) {
            actions.set(size - 1, last.with(action));
        } else {
            actions.add(action);
        }
    }

    public List<PageMove> moves() {
        return moves;
    }

    public List<PageAction> actions() {
        return actions;
    }

    /** Returns the moves of the unpublished batch; all moves for an operation that publishes once. */
    public List<PageMove> partMoves() {
        return sealedMoves == 0 ? moves : moves.subList(sealedMoves, moves.size());
    }

    /** Returns the actions of the unpublished batch; all actions for an operation that publishes once. */
    public List<PageAction> partActions() {
        return sealedActions == 0 ? actions : actions.subList(sealedActions, actions.size());
    }

    /** Starts a batch; {@link #undoBatch} removes everything that is added afterwards. */
    void beginBatch() {
        if (this != NONE) {
            sealedMoves = moves.size();
            sealedActions = actions.size();
        }
    }

    /** Removes the moves and actions of the unpublished batch. Allocates nothing. */
    void undoBatch() {
        truncate(moves, sealedMoves);
        truncate(actions, sealedActions);
    }

    /** Shortens a list to a size. */
    public static void truncate(List<?> list, int size) {
        for (int i = list.size() - 1; i >= size; i--) {
            list.remove(i);
        }
    }
}
