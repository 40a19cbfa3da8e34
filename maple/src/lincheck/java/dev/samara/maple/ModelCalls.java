// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static dev.samara.maple.TwoLeavesCalls.DONE;
import static dev.samara.maple.TwoLeavesCalls.first;
import static dev.samara.maple.TwoLeavesCalls.gap;
import static dev.samara.maple.TwoLeavesCalls.last;
import static dev.samara.maple.TwoLeavesCalls.owner;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The results that the model returns for the calls of {@link TwoLeavesCalls} in a serial order. */
public abstract class ModelCalls {
    private Model model = new Model();
    private String held = "";

    /**
     * Creates a model of the tree that {@link TwoLeaves} creates.
     *
     * @param stones the owner of the stones; null if the stones are entries
     */
    ModelCalls(@Nullable Object stones) {
        for (int cell = 0; cell < TwoLeaves.END; cell++) {
            if (cell % 2 == 0 || cell == 5) {
                Object content = stones == null || TwoLeaves.isInWindow(cell) ? cell : new Model.Held(stones);
                model.replace(TwoLeaves.first(cell), TwoLeaves.last(cell), content, null);
            }
        }
    }

    private String replace(long first, long last, @Nullable Object content, @Nullable Object owner) {
        try {
            model.replace(first, last, content, owner);
            return DONE;
        } catch (Model.Refused refused) {
            return String.valueOf(refused.getMessage());
        }
    }

    private String fill(Op.Gap gap, boolean lowest, Object content) {
        Long start = model.search(gap, lowest);
        if (start == null) {
            return "none";
        }
        long last = start + gap.size() - 1;
        model.replace(start, last, content, null);
        return IndexRange.text(start, last);
    }

    public String store(int one, int other, int value) {
        return replace(first(one, other), last(one, other), value, null);
    }

    public String storeOwned(int one, int other, int value, int owner) {
        return replace(first(one, other), last(one, other), value, owner(owner));
    }

    public String storeWithin(int cell, int value) {
        return replace(TwoLeaves.first(cell) + 4, TwoLeaves.first(cell) + 7, value, null);
    }

    public boolean insert(int one, int other, int value) {
        return model.insert(first(one, other), last(one, other), value);
    }

    public String erase(int one, int other) {
        return replace(first(one, other), last(one, other), null, null);
    }

    public String eraseFrom(int cell) {
        return replace(TwoLeaves.first(cell), -1L, null, null);
    }

    public String eraseOwned(int one, int other, int owner) {
        return replace(first(one, other), last(one, other), null, owner(owner));
    }

    public String entryAt(int cell) {
        return "" + model.entryAt(TwoLeaves.first(cell));
    }

    public String coalesce(int one, int other, int value) {
        return done(() -> model.coalesce(first(one, other), last(one, other), value));
    }

    public String merge(int one, int other, int value) {
        return done(() -> model.merge(first(one, other), last(one, other), value));
    }

    private static String done(Runnable edit) {
        try {
            edit.run();
            return DONE;
        } catch (Model.Refused refused) {
            return String.valueOf(refused.getMessage());
        }
    }

    public String eraseAt(int cell) {
        try {
            return model.erase(TwoLeaves.first(cell)) + DONE;
        } catch (Model.Refused refused) {
            return String.valueOf(refused.getMessage());
        }
    }

    public boolean reserve(int one, int other, int owner) {
        return model.insert(first(one, other), last(one, other), new Model.Held(owner(owner)));
    }

    public String replaceByReservation(int one, int other, int owner) {
        return replace(first(one, other), last(one, other), new Model.Held(owner(owner)), owner(owner));
    }

    public String storeTwo(int one, int other, int value) {
        Model before = model.copy();
        try {
            model.replace(first(one, one), last(one, one), value, null);
            model.replace(first(other, other), last(other, other), value, null);
            return DONE;
        } catch (Model.Refused refused) {
            model = before;
            return String.valueOf(refused.getMessage());
        }
    }

    public String storeLowest(int size, int value) {
        return fill(gap(size), true, value);
    }

    public String storeHighest(int size, int value) {
        return fill(gap(size), false, value);
    }

    public String reserveLowest(int size, int owner) {
        return fill(gap(size), true, new Model.Held(owner(owner)));
    }

    public String reserveHighest(int size, int owner) {
        return fill(gap(size), false, new Model.Held(owner(owner)));
    }

    public @Nullable Integer get(int cell) {
        return (Integer) model.get(TwoLeaves.first(cell));
    }

    public @Nullable Integer getByReader(int cell) {
        return get(cell);
    }

    public @Nullable Integer getAmongFour(int cell) {
        return get(cell);
    }

    public @Nullable Integer atOrAfter(int cell) {
        for (RangeEntry<Object> entry : model.entries()) {
            if (entry.last() >= TwoLeaves.first(cell)) {
                return (Integer) entry.value();
            }
        }
        return null;
    }

    public @Nullable Integer atOrBefore(int cell) {
        Object nearest = null;
        for (RangeEntry<Object> entry : model.entries()) {
            if (entry.first() <= TwoLeaves.first(cell)) {
                nearest = entry.value();
            }
        }
        return (Integer) nearest;
    }

    public boolean isEmpty() {
        return model.isEmpty();
    }

    public boolean isFree(int one, int other) {
        return model.isFree(first(one, other), last(one, other));
    }

    public String reservationAt(int cell) {
        return String.valueOf(model.reservationAt(TwoLeaves.first(cell)));
    }

    public String reservationIn(int one, int other) {
        return String.valueOf(model.reservationIn(first(one, other), last(one, other)));
    }

    public String snapshot() {
        return model.entries().toString();
    }

    public String hold() {
        int[] values = new int[TwoLeaves.WINDOW_END - TwoLeaves.WINDOW];
        for (int i = 0; i < values.length; i++) {
            Integer value = get(TwoLeaves.WINDOW + i);
            values[i] = value == null ? 0 : value;
        }
        held = Arrays.toString(values);
        return held;
    }

    public String held() {
        return held;
    }

    public String find(int cell) {
        for (RangeEntry<Object> entry : model.entries()) {
            if (entry.first() <= TwoLeaves.first(cell) && entry.last() >= TwoLeaves.first(cell)) {
                return entry.toString();
            }
        }
        return "none";
    }
}
