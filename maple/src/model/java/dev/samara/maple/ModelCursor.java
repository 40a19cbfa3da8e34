// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/** The expected position of a cursor. */
final class ModelCursor {
    final String name;
    final Cursor<Object> cursor;
    Model model;
    int place; // 0 nowhere, 1 on an entry, 2 before the first entry, 3 after the last entry
    long first;
    long last;

    ModelCursor(String name, Cursor<Object> cursor, Model model) {
        this.name = name;
        this.cursor = cursor;
        this.model = model;
    }

    Object forward(long from) {
        for (Model.Piece p = model.atOrAfter(from); p != null; ) {
            if (!(p.content() instanceof Model.Held)) {
                return on(p);
            }
            p = p.last() == -1L ? null : model.atOrAfter(p.last() + 1);
        }
        place = 3;
        return "none";
    }

    Object backward(long from) {
        Model.Piece best = null;
        for (Model.Piece p : model.pieces()) {
            if (!(p.content() instanceof Model.Held) && Long.compareUnsigned(p.first(), from) <= 0) {
                best = p;
            }
        }
        if (best != null) {
            return on(best);
        }
        place = 2;
        return "none";
    }

    private Object on(Model.Piece p) {
        place = 1;
        first = p.first();
        last = p.last();
        return new RangeEntry<>(first, last, p.content());
    }

    Object end(int end) {
        place = end;
        return "none";
    }

    Object next() {
        if (place == 1) {
            return last == -1L ? end(3) : forward(last + 1);
        }
        return place == 3 ? "none" : forward(0);
    }

    Object previous() {
        if (place == 1) {
            return first == 0 ? end(2) : backward(first - 1);
        }
        return place == 2 ? "none" : backward(-1L);
    }

    Object found(@Nullable Object value) {
        if (value == null) {
            return "none";
        }
        ModelRun.require(value == cursor.value(), "value() differs from the step's result");
        return new RangeEntry<>(cursor.first(), cursor.last(), value);
    }
}
