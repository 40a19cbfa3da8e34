// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.space.Counters;
import dev.samara.core.internal.space.InFlightCharge;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The charges and uncharges of one edit: the memory of its VMAs, and the shared objects that they map.
 *
 * <p>Memory is charged before the edit is published. Unmapped memory is uncharged at completion of the operation,
 * except the part that the same edit uses again for new VMAs.
 */
final class CommitCharge {
    private final Layout layout;

    /** Bytes charged for the VMAs of this edit beyond those of the layout, including VMAs about to be stored. */
    private long charged;

    /** Bytes charged for new shared objects, up to the next settling. */
    private long chargedForObjects;

    /** Change of the number of VMAs of each shared object since the last settling; null for none. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> objectMappings;

    /** Settled changes of the number of VMAs of each shared object; null for none. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> settledMappings;

    /** Accounted pages of the ranges that this edit completes, uncharged with them. */
    private long completed;

    /** The ranges that this edit completes; null for none. */
    private @Nullable List<InFlightRange> released;

    /** At publication: bytes charged that the layout does not hold any more, and no range in flight uncharges. */
    private long left;

    /** At publication: the memory to uncharge with the range in flight. */
    private InFlightCharge deferred = InFlightCharge.NONE;

    CommitCharge(Layout layout) {
        this.layout = layout;
    }

    /** Counts a VMA of an object that is stored, or with sign -1 one that is taken out. */
    void count(SharedAnonymous object, int sign) {
        if (objectMappings == null) {
            objectMappings = new IdentityHashMap<>();
        }
        objectMappings.merge(object, sign, Integer::sum);
    }

    /** Charges memory for the VMA that is stored next; returns false if there is not enough. */
    boolean charge(Counters counters, long pages) {
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
    SharedAnonymous shareAnonymous(Counters counters, long length, boolean reserve) {
        settle(counters);
        long bytes = reserve ? length : 0;
        if (!layout.host().committed().charge(bytes)) {
            return null;
        }
        chargedForObjects += bytes;
        return new SharedAnonymous(
                layout.memoryOrNull(),
                layout.host().committed(),
                layout.host().background(),
                layout.host().nextInode(),
                length,
                bytes);
    }

    /** Uncharges memory removed so far, for use by the same edit. Every charged VMA must have been stored. */
    private void settle(Counters counters) {
        giveBack(excess(counters));
        IdentityHashMap<SharedAnonymous, Integer> changes = objectMappings;
        if (changes != null) {
            objectMappings = null;
            settleObjects(changes, false);
            if (settledMappings == null) {
                settledMappings = changes;
            } else {
                IdentityHashMap<SharedAnonymous, Integer> settled = settledMappings;
                changes.forEach((object, change) -> settled.merge(object, change, Integer::sum));
            }
        }
    }

    /** Returns the bytes charged beyond the memory held. */
    private long excess(Counters counters) {
        long held = counters.accounted + completed - layout.counters().accounted;
        return charged - (held << layout.geometry().pageShift());
    }

    private void giveBack(long bytes) {
        if (bytes != 0) {
            layout.host().committed().uncharge(bytes);
            charged -= bytes;
        }
    }

    private void settleObjects(IdentityHashMap<SharedAnonymous, Integer> changes, boolean moreOnly) {
        // In one step with the charges of new objects, so that no other call finds less free memory than there is.
        long owed = countObjects(changes, 1, moreOnly);
        if (chargedForObjects != owed) {
            layout.host().committed().uncharge(chargedForObjects - owed);
        }
        chargedForObjects = 0;
    }

    /** Counts all changes, or only the increases; with sign -1 reverts them. Returns the bytes to charge. */
    private static long countObjects(IdentityHashMap<SharedAnonymous, Integer> changes, int sign, boolean moreOnly) {
        long owed = 0;
        for (Map.Entry<SharedAnonymous, Integer> change : changes.entrySet()) {
            int by = change.getValue();
            if (!moreOnly || by >= 0) {
                owed += change.getKey().count(sign * (long) by);
            }
        }
        return owed;
    }

    /** Requests that the unmapped memory of a range in flight is uncharged when this edit is published. */
    void release(InFlightRange complete) {
        if (released == null) {
            released = new ArrayList<>(1);
        }
        released.add(complete);
        Counters uncharged = complete.uncharged();
        completed += uncharged == null ? 0 : uncharged.accounted;
    }

    /**
     * Computes the charges at publication: the range in flight, if there is one, uncharges the unmapped memory later.
     * Allocates the objects for that and uncharges nothing yet.
     */
    void prepare(Counters counters, @Nullable InFlightRange range) {
        left = excess(counters);
        if (range != null) {
            long bytes = Math.max(0, left);
            IdentityHashMap<SharedAnonymous, Integer> fewer = fewerMappings();
            if (bytes != 0 || fewer != null) {
                deferred = new InFlightCharge(bytes, fewer);
                left -= bytes;
            }
        }
    }

    /** Returns the objects of which this edit has removed mappings; null for none. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> fewerMappings() {
        if (objectMappings == null) {
            return null;
        }
        IdentityHashMap<SharedAnonymous, Integer> fewer = new IdentityHashMap<>();
        objectMappings.forEach((object, change) -> {
            if (change < 0) {
                fewer.put(object, change);
            }
        });
        return fewer.isEmpty() ? null : fewer;
    }

    /** Settles an edit that was just published, as prepared. */
    void publish(@Nullable InFlightRange range) {
        giveBack(left);
        if (range != null) {
            range.charge(deferred);
        }
        if (objectMappings != null) {
            settleObjects(objectMappings, deferred.objects() != null);
        }
        if (released != null) {
            for (int i = 0; i < released.size(); i++) {
                giveBack(layout.host(), released.get(i));
            }
        }
    }

    /** Uncharges the unmapped memory of a range in flight at its completion. */
    static void giveBack(MachineState host, InFlightRange complete) {
        InFlightCharge unmapped = complete.charge();
        long bytes = unmapped.bytes();
        if (unmapped.objects() != null) {
            bytes -= countObjects(unmapped.objects(), 1, false);
        }
        if (bytes != 0) {
            host.committed().uncharge(bytes);
        }
    }

    /** Reverts the charges, because the edit is not published. */
    void undo() {
        layout.host().committed().uncharge(charged + chargedForObjects);
        if (settledMappings != null) {
            layout.host().committed().uncharge(-countObjects(settledMappings, -1, false));
        }
    }
}
