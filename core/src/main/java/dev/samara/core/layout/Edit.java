// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.maple.Cursor;
import dev.samara.maple.Transaction;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One operation's change to a layout: a tree transaction and the counters that go with it.
 *
 * <p>From opening to closing the layout lock is held. What was changed is published by {@link #finish} in one step; an
 * edit that is closed without it, because something threw, leaves no trace. An operation that fails half-way as Linux
 * does finishes like any other, since what it has done so far stays.
 */
final class Edit implements AutoCloseable {
    /** What a call that has no other answer returns when it has succeeded. */
    static final long DONE = 0;

    final Layout layout;
    final Geometry geometry;
    final Limits limits;

    /** As the layout will be when this edit is published. */
    final Counters counters;

    final Transaction<Vma> tree;
    private final Cursor<Vma> cursor;

    /** Bytes charged to the host for what the VMAs of this edit hold more than those before, or will once they are put. */
    private long charged;

    /** Bytes charged for shared objects that were made and not settled yet. */
    private long chargedForObjects;

    /** How the number of VMAs of each shared object has changed since the last settling; null if none has. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> objectMappings;

    /** The same, of what was settled; null if nothing was. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> settledMappings;

    private boolean finished;

    Edit(Layout layout) {
        this.layout = layout;
        geometry = layout.geometry();
        limits = layout.limits();
        layout.lock().lock();
        try {
            counters = layout.counters().copy();
            tree = layout.tree().begin();
            cursor = tree.cursor();
        } catch (Throwable refused) {
            layout.lock().unlock();
            throw refused;
        }
    }

    /** The VMA that covers an address, or null. */
    @Nullable
    Vma at(long address) {
        return tree.get(address);
    }

    /** The VMA that covers an address or is the next above it, or null ({@code find_vma}). */
    @Nullable
    Vma atOrAfter(long address) {
        return cursor.find(address);
    }

    /** The first VMA that overlaps {@code [start, end)}, or null; a range that is empty or runs down overlaps nothing. */
    @Nullable
    Vma firstIn(long start, long end) {
        Vma vma = Long.compareUnsigned(start, end) < 0 ? atOrAfter(start) : null;
        return vma != null && Long.compareUnsigned(vma.start(), end) < 0 ? vma : null;
    }

    /** The last VMA that lies wholly below an address at which one starts or none is, or null. */
    @Nullable
    Vma before(long address) {
        return address == 0 ? null : cursor.findBackward(address - 1);
    }

    /** Puts VMAs where others, or nothing, were; the new ones together cover the old ones exactly or lie in a hole. */
    void replace(@Nullable Vma oldFirst, @Nullable Vma oldSecond, @Nullable Vma oldThird, Vma... fresh) {
        count(oldFirst, -1);
        count(oldSecond, -1);
        count(oldThird, -1);
        for (Vma vma : fresh) {
            put(vma);
        }
    }

    /** Puts a VMA over a range that is free or already counted out. */
    void put(Vma vma) {
        count(vma, 1);
        tree.store(vma.start(), vma.end() - 1, vma);
    }

    /** Counts out the VMAs that tile a range, which no VMA crosses; the tree still holds them until it is overwritten. */
    void countOut(long start, long end) {
        for (Vma vma = firstIn(start, end); vma != null; vma = firstIn(vma.end(), end)) {
            count(vma, -1);
        }
    }

    /** Empties a range that no VMA crosses. */
    void clear(long start, long end) {
        countOut(start, end);
        tree.erase(start, end - 1);
    }

    private void count(@Nullable Vma vma, int sign) {
        if (vma == null) {
            return;
        }
        counters.count(vma, pagesOf(vma), sign);
        if (vma.backing() instanceof SharedAnonymous object) {
            if (objectMappings == null) {
                objectMappings = new IdentityHashMap<>();
            }
            objectMappings.merge(object, sign, Integer::sum);
        }
    }

    long pagesOf(Vma vma) {
        return geometry.pages(vma.length());
    }

    /** Whether another VMA may come into being by a split. */
    boolean mayMapOneMore() {
        return counters.maps < layout.host().maxMapCount();
    }

    /**
     * Charges memory that a VMA put next will hold; false means ENOMEM. What the edit has taken away so far is free
     * again by then.
     */
    boolean charge(long pages) {
        settle();
        long bytes = pages << geometry.pageShift();
        if (!layout.host().charge(bytes)) {
            return false;
        }
        charged += bytes;
        return true;
    }

    /** Makes the object of a shared mapping that is put next, charged unless it is not to be; null means ENOMEM. */
    @Nullable
    SharedAnonymous shareAnonymous(long length, boolean reserve) {
        settle();
        long bytes = reserve ? length : 0;
        if (!layout.host().charge(bytes)) {
            return null;
        }
        chargedForObjects += bytes;
        return new SharedAnonymous(layout.host(), bytes);
    }

    /** Gives back what was taken away so far. Everything charged must have been put. */
    private void settle() {
        long held = (counters.accounted - layout.counters().accounted) << geometry.pageShift();
        if (charged != held) {
            layout.host().uncharge(charged - held);
            charged = held;
        }
        IdentityHashMap<SharedAnonymous, Integer> changes = objectMappings;
        if (changes != null) {
            objectMappings = null;
            // In one step with what was charged for new ones, so that no other call finds less free than there is.
            settleObjects(countObjects(changes, 1));
            if (settledMappings == null) {
                settledMappings = changes;
            } else {
                IdentityHashMap<SharedAnonymous, Integer> settled = settledMappings;
                changes.forEach((object, change) -> settled.merge(object, change, Integer::sum));
            }
        }
    }

    private void settleObjects(long owed) {
        if (chargedForObjects != owed) {
            layout.host().uncharge(chargedForObjects - owed);
        }
        chargedForObjects = 0;
    }

    /** Counts the changes, or with sign -1 takes them back; returns the bytes to charge for that. */
    private static long countObjects(IdentityHashMap<SharedAnonymous, Integer> changes, int sign) {
        long owed = 0;
        for (Map.Entry<SharedAnonymous, Integer> change : changes.entrySet()) {
            owed += change.getKey().count(sign * (long) change.getValue());
        }
        return owed;
    }

    /** The lower of two addresses. */
    static long lower(long one, long other) {
        return Long.compareUnsigned(one, other) < 0 ? one : other;
    }

    /** Publishes the change. */
    long finish(long result) {
        tree.commit();
        settle();
        layout.adopt(counters);
        finished = true;
        return result;
    }

    @Override
    public void close() {
        try {
            if (!finished) {
                tree.abort();
                layout.host().uncharge(charged + chargedForObjects);
                if (settledMappings != null) {
                    layout.host().uncharge(-countObjects(settledMappings, -1));
                }
            }
        } finally {
            layout.lock().unlock();
        }
    }
}
