// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.file.SharedAnonymous.MappingDeltas;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.vma.BackingTraits;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The charges and uncharges of one edit: for the memory of its VMAs, and for the shared objects that these VMAs map.
 *
 * <p>Memory is charged before the edit is published. Unmapped memory is uncharged when the operation completes, except
 * for the part that the edit reuses for new VMAs.
 */
final class CommitCharge {
    private final District district;
    private final Layout layout;

    /**
     * Bytes charged for the VMAs of this edit, including VMAs about to be stored, in excess of the bytes charged for
     * the VMAs of the layout.
     */
    private long charged;

    /** The value of {@link #charged} at the start of the edit, which an edit that is not published restores. */
    private long chargedBefore;

    /** Bytes charged for new shared objects since the last settling. */
    private long chargedForObjects;

    /** The changes of the numbers of VMAs per shared object; null if there are none. */
    private @Nullable MappingDeltas mappings;

    /** Whether a mapping of a shared object was counted since the last settling. */
    private boolean isUnsettled;

    /** Accounted pages of the ranges that this edit completes; they are uncharged when the ranges complete. */
    private long completed;

    /** The ranges that this edit completes; null if there are none. */
    private @Nullable List<InFlightOperation> released;

    /** Set at publication: bytes charged that the layout no longer holds, and that no range in flight will uncharge. */
    private long left;

    /** Set at publication: the memory that is uncharged when the range in flight completes. */
    private long deferredBytes;

    private @Nullable MappingDeltas deferredObjects;

    CommitCharge(District district, Layout layout) {
        this.district = district;
        this.layout = layout;
    }

    /**
     * Continues the charges of earlier batches of an operation. These batches left charges to the completion. The
     * layout's counters still include the charges of the VMAs that they unmapped.
     */
    void goOn(InFlightOperation mine) {
        LayoutCounters uncharged = mine.unchargedBefore();
        long held =
                uncharged == null ? 0 : uncharged.accounted << layout.geometry().pageShift();
        chargedBefore = mine.unmappedBytes() - held;
        charged = chargedBefore;
    }

    /** Counts a VMA of a shared object: with sign 1 a VMA that is stored, with sign -1 a VMA that is taken out. */
    void count(BackingTraits object, int sign) {
        if (mappings == null) {
            mappings = new MappingDeltas();
        }
        mappings.add(object, sign);
        isUnsettled = true;
    }

    /** Charges memory for the VMA that is stored next; returns false if there is not enough memory. */
    boolean charge(LayoutCounters counters, long pages) {
        settle(counters);
        long bytes = pages << layout.geometry().pageShift();
        if (!layout.host().committed().charge(bytes)) {
            return false;
        }
        charged += bytes;
        return true;
    }

    /**
     * Creates the object of the shared mapping that is stored next, charged if {@code reserve}; returns null for
     * ENOMEM.
     */
    @Nullable
    SharedAnonymous shareAnonymous(LayoutCounters counters, long length, boolean reserve) {
        settle(counters);
        long bytes = reserve ? length : 0;
        if (!layout.host().committed().charge(bytes)) {
            return null;
        }
        chargedForObjects += bytes;
        return new SharedAnonymous(
                layout.memoryOrNull(),
                layout.host().committed(),
                layout.host().tasks(),
                layout.host().nextInode(),
                length,
                bytes);
    }

    /**
     * Uncharges the memory that this edit has removed so far, so that the edit can charge it again. Every charged VMA
     * must already be stored.
     */
    private void settle(LayoutCounters counters) {
        giveBack(excess(counters));
        settleObjects(false);
    }

    /** Returns the bytes charged beyond the memory held. */
    private long excess(LayoutCounters counters) {
        long held = counters.accounted + completed - district.counters().accounted;
        return charged - (held << layout.geometry().pageShift());
    }

    private void giveBack(long bytes) {
        if (bytes != 0) {
            layout.host().committed().uncharge(bytes);
            charged -= bytes;
        }
    }

    private void settleObjects(boolean increasesOnly) {
        MappingDeltas deltas = mappings;
        if (deltas == null || !isUnsettled) {
            return;
        }
        isUnsettled = false;
        // Charges what the deltas owe, and uncharges what was charged for new objects, in one update, so that no
        // concurrent call sees less free memory than there is.
        long owed = increasesOnly ? deltas.settleIncreases() : deltas.settle();
        if (chargedForObjects != owed) {
            layout.host().committed().uncharge(chargedForObjects - owed);
        }
        chargedForObjects = 0;
    }

    /** Requests that the unmapped memory of a range in flight be uncharged when this edit is published. */
    void release(InFlightOperation complete) {
        if (released == null) {
            released = new ArrayList<>(1);
        }
        released.add(complete);
        LayoutCounters uncharged = complete.uncharged();
        completed += uncharged == null ? 0 : uncharged.accounted;
    }

    /**
     * Computes what publication uncharges, and what the range in flight, if there is one, uncharges later. Allocates
     * the objects for this, but uncharges nothing yet.
     */
    void prepare(LayoutCounters counters, @Nullable InFlightOperation mine) {
        left = excess(counters);
        if (mine != null) {
            long bytes = Math.max(0, left);
            // An earlier batch of the operation may also have unmapped objects. Its bytes are part of the excess.
            MappingDeltas earlier = mine.unmappedObjects();
            MappingDeltas fewer = mappings == null ? earlier : mappings.decreases(earlier);
            deferredBytes = bytes;
            deferredObjects = fewer;
            left -= bytes;
        }
    }

    /** Applies the prepared charges of an edit that was just published. Allocates nothing. */
    void publish(@Nullable InFlightOperation mine) {
        giveBack(left);
        if (mine != null) {
            mine.unmapped(deferredBytes, deferredObjects);
        }
        settleObjects(deferredObjects != null);
        if (released != null) {
            for (int i = 0; i < released.size(); i++) {
                giveBack(layout.host(), released.get(i));
            }
        }
    }

    /** Uncharges the unmapped memory of a range in flight at its completion. Allocates nothing. */
    static void giveBack(MachineState host, InFlightOperation complete) {
        long bytes = complete.unmappedBytes();
        MappingDeltas objects = complete.unmappedObjects();
        if (objects != null) {
            bytes -= objects.settle();
        }
        if (bytes != 0) {
            host.committed().uncharge(bytes);
        }
    }

    /** Reverts the charges, because the edit is not published. */
    void undo() {
        layout.host().committed().uncharge(charged - chargedBefore + chargedForObjects);
        if (mappings != null) {
            layout.host().committed().uncharge(-mappings.revert());
        }
    }
}
