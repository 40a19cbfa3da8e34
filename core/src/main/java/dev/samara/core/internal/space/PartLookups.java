// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Lookups in a divided layout: in its {@link LayoutParts}, which compare versions and retry, or in a single tree that
 * was published concurrently. They take no lock. {@code Districts} extends this class, which saves a lookup one load to
 * find the parts.
 */
abstract class PartLookups {
    private static final VarHandle PARTS;

    static {
        try {
            PARTS = MethodHandles.lookup().findVarHandle(PartLookups.class, "parts", LayoutParts.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final LayoutState layout;

    /**
     * The parts; null while the layout is not divided. Written under the layout lock.
     *
     * <p>Written: a division and a join, holding the layout lock (release).
     * Read: any thread (acquire).
     * Pairs: with {@code tree} of {@code LayoutState}, and with the locks of the parts: an operation reads this field,
     *     locks a part, and starts over if the part is dead. A join locks all parts before it marks them as dead.
     * Invariant: the parts of a divided layout, which together cover all addresses; null while the layout is not
     *     divided. All parts of a division die under one hold of all their locks.
     */
    @SuppressWarnings("UnusedVariable") // through PARTS
    private @Nullable LayoutParts parts;

    PartLookups(LayoutState layout) {
        this.layout = layout;
    }

    @Nullable
    LayoutParts partsAcquire() {
        return (LayoutParts) PARTS.getAcquire(this);
    }

    void setPartsRelease(@Nullable LayoutParts next) {
        PARTS.setRelease(this, next);
    }

    /**
     * Returns the parts; null if the layout is not divided. From the store of null as the tree on, the layout is
     * divided; from the store of a tree on, it is whole. If a join happens between the two loads of this method, it
     * returns null, and the caller finds a tree when it retries.
     */
    @Nullable
    LayoutParts current() {
        return layout.treeAcquire() != null ? null : partsAcquire();
    }

    /**
     * Returns the VMA that covers an address; null if there is none. Called by a reader that found no tree of the whole
     * layout.
     */
    @Nullable
    VmArea find(long address) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null) {
                return known.tree(known.indexOf(address)).get(address);
            }
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.get(address);
            }
        }
    }

    /** Does the same as {@link #find}, but returns the next VMA above the address if no VMA covers it. */
    @Nullable
    VmArea atOrAfter(long address) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null) {
                return known.atOrAfter(address);
            }
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.atOrAfter(address);
            }
        }
    }

    /** Does the same as {@link #find}, but returns the next VMA below the address if no VMA covers it. */
    @Nullable
    VmArea atOrBefore(long address) {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null) {
                return known.atOrBefore(address);
            }
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.atOrBefore(address);
            }
        }
    }

    /** Returns the layout of one instant. */
    Snapshot<VmArea> snapshot() {
        for (; ; ) {
            LayoutParts known = current();
            if (known != null) {
                return known.snapshot();
            }
            MapleTree<VmArea> tree = layout.treeAcquire();
            if (tree != null) {
                return tree.snapshot();
            }
        }
    }
}
