// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.MappingDeltas;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.space.CompletionWork;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.InFlightCharge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.vma.BackingTraits;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The charges and uncharges of one edit: for the memory of its VMAs, and for the shared objects that these map.
 *
 * <p>Memory is charged before the edit is published. Unmapped memory is uncharged when the operation completes, except
 * for the part that the edit reuses for new VMAs.
 */
final class CommitCharge {
    private final District district;
    private final Layout layout;

    /** Bytes charged for the VMAs of this edit beyond those of the layout, including VMAs about to be stored. */
    private long charged;

    /** The value of {@link #charged} to which an edit that is not published goes back. */
    private long chargedBefore;

    /** Bytes charged for new shared objects, up to the next settling. */
    private long chargedForObjects;

    /** The deltas of the numbers of VMAs of shared objects; null for none. */
    private @Nullable MappingDeltas mappings;

    /** Whether a mapping of a shared object was counted since the last settling. */
    private boolean isUnsettled;

    /** Accounted pages of the ranges that this edit completes, uncharged with them. */
    private long completed;

    /** The ranges that this edit completes; null for none. */
    private @Nullable List<CompletionWork> released;

    /** At publication: bytes charged that the layout does not hold any more, and no range in flight uncharges. */
    private long left;

    /** At publication: the memory to uncharge with the range in flight. */
    private InFlightCharge deferred = InFlightCharge.NONE;

    CommitCharge(District district, Layout layout) {
        this.district = district;
        this.layout = layout;
    }

    /**
     * Continues the charges of earlier batches of an operation. They have left charges to the completion, of which the
     * counters of the layout have those of unmapped VMAs.
     */
    void goOn(CompletionWork work) {
        LayoutCounters uncharged = work.unchargedBefore();
        long held =
                uncharged == null ? 0 : uncharged.accounted << layout.geometry().pageShift();
        chargedBefore = work.charge().bytes() - held;
        charged = chargedBefore;
    }

    /** Counts a VMA with the traits of a shared object that is stored, or with sign -1 one that is taken out. */
    void count(BackingTraits object, int sign) {
        if (mappings == null) {
            mappings = new MappingDeltas();
        }
        mappings.add(object, sign);
        isUnsettled = true;
    }

    /** Charges memory for the VMA that is stored next; returns false if there is not enough. */
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

    /** Uncharges memory removed so far, for use by this edit. Every charged VMA must have been stored. */
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
        // In one step with the charges of new objects, so that no other call finds less free memory than there is.
        long owed = increasesOnly ? deltas.settleIncreases() : deltas.settle();
        if (chargedForObjects != owed) {
            layout.host().committed().uncharge(chargedForObjects - owed);
        }
        chargedForObjects = 0;
    }

    /** Requests that the unmapped memory of a range in flight is uncharged when this edit is published. */
    void release(CompletionWork complete) {
        if (released == null) {
            released = new ArrayList<>(1);
        }
        released.add(complete);
        LayoutCounters uncharged = complete.uncharged();
        completed += uncharged == null ? 0 : uncharged.accounted;
    }

    /**
     * Computes the charges at publication: the range in flight, if there is one, uncharges the unmapped memory later.
     * Allocates the objects for that and uncharges nothing yet.
     */
    void prepare(LayoutCounters counters, @Nullable CompletionWork work) {
        left = excess(counters);
        if (work != null) {
            long bytes = Math.max(0, left);
            // An earlier batch of the operation may have unmapped objects too. Its bytes are in the excess.
            MappingDeltas earlier = work.charge().objects();
            MappingDeltas fewer = mappings == null ? earlier : mappings.decreases(earlier);
            if (bytes != 0 || fewer != null) {
                deferred = new InFlightCharge(bytes, fewer);
                left -= bytes;
            }
        }
    }

    /** Settles an edit that was just published, as prepared. Allocates nothing. */
    void publish(@Nullable CompletionWork work) {
        giveBack(left);
        if (work != null) {
            work.charge(deferred);
        }
        settleObjects(deferred.objects() != null);
        if (released != null) {
            for (int i = 0; i < released.size(); i++) {
                giveBack(layout.host(), released.get(i));
            }
        }
    }

    /** Uncharges the unmapped memory of a range in flight at its completion. Allocates nothing. */
    static void giveBack(MachineState host, CompletionWork complete) {
        InFlightCharge unmapped = complete.charge();
        long bytes = unmapped.bytes();
        MappingDeltas objects = unmapped.objects();
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
