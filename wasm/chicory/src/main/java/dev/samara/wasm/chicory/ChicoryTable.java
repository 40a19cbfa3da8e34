// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.chicory;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.wasm.types.Table;
import com.dylibso.chicory.wasm.types.TableLimits;
import com.dylibso.chicory.wasm.types.Value;

/**
 * A table of Chicory that can become smaller again, and knows whether it changed. Chicory's own tables only grow, so
 * that a {@link ChicoryCheckpoint} cannot undo {@code table.grow} in an instance that has them, and a restore compares
 * all their entries. They also count growth in the limits of the module, which all its instances share; this class has
 * limits of its own. Forks have this class; for another instance, pass the constructor to Chicory's builder:
 *
 * <pre>{@code
 * Instance.builder(module).withTableFactory(ChicoryTable::new)
 * }</pre>
 */
public final class ChicoryTable extends TableInstance {
    /** An index that every table rejects. */
    private static final int OUTSIDE = -1;

    /** The number of entries. The superclass has as many, or more, which are null. */
    private int size;

    /** The number of changes. */
    private long changes;

    /**
     * Creates a table.
     *
     * @param table its type and limits
     * @param initial the number that each entry has
     */
    public ChicoryTable(Table table, int initial) {
        super(withOwnLimits(table), initial);
        size = super.size();
    }

    private static Table withOwnLimits(Table of) {
        TableLimits limits = of.limits();
        return new Table(
                of.elementType(), new TableLimits(limits.min(), limits.max(), limits.shared()), of.initialize());
    }

    /** Returns a number that differs from an earlier one if the table has changed in between. */
    long changes() {
        return changes;
    }

    /** Removes the last entries. */
    void shrink(int to) {
        changes++;
        while (size > to) {
            size--;
            super.setRef(size, Value.REF_NULL_VALUE, null);
        }
    }

    private int inside(int index) {
        return index < size ? index : OUTSIDE;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public int grow(int more, int value, Instance instance) {
        int before = size;
        int reused = reuse(more);
        for (int i = before; i < before + reused; i++) {
            super.setRef(i, value, instance);
        }
        return more == reused || super.grow(more - reused, value, instance) >= 0 ? added(before, more) : OUTSIDE;
    }

    /** Returns how many of the added entries the superclass has already; none if there would be too many. */
    private int reuse(int more) {
        return more < 0 || more > limits().max() - size ? 0 : Math.min(more, super.size() - size);
    }

    private int added(int before, int more) {
        changes++;
        size = before + more;
        return before;
    }

    @Override
    public int ref(int index) {
        return super.ref(inside(index));
    }

    @Override
    public void setRef(int index, int value, Instance instance) {
        changes++;
        super.setRef(inside(index), value, instance);
    }

    @Override
    public Instance instance(int index) {
        return super.instance(inside(index));
    }

    @Override
    public void reset() {
        changes++;
        super.reset();
    }
}
