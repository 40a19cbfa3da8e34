// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.space.Counters;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one edit charges the host for, and gives back: the memory that its VMAs hold, and the shared objects they map.
 *
 * <p>Charged before the edit is published. What an operation unmaps is given back at its completion, except that the
 * same edit may use it again for what it puts.
 */
final class CommitCharge {
    private final Layout layout;

    /** Bytes charged for what the VMAs of this edit hold more than those before, or will once they are put. */
    private long charged;

    /** Bytes charged for shared objects that were made and not settled yet. */
    private long chargedForObjects;

    /** How the number of VMAs of each shared object has changed since the last settling; null if none has. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> objectMappings;

    /** The same, of what was settled; null if nothing was. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> settledMappings;

    /** Pages that the counters have lost because something has become complete, and that are given back with it. */
    private long completed;

    /** What has become complete in this edit; null if nothing has. */
    private @Nullable List<InFlightRange> released;

    /** At publication: bytes charged for what the layout holds no more. */
    private long left;

    /** At publication: the objects that are mapped less often, which its transit gives back; null for none. */
    private @Nullable IdentityHashMap<SharedAnonymous, Integer> deferred;

    CommitCharge(Layout layout) {
        this.layout = layout;
    }

    /** Counts a VMA of an object that is put, or with sign -1 one that is taken out. */
    void count(SharedAnonymous object, int sign) {
        if (objectMappings == null) {
            objectMappings = new IdentityHashMap<>();
        }
        objectMappings.merge(object, sign, Integer::sum);
    }

    /** Charges memory that a VMA put next will hold; false means that there is not enough. */
    boolean charge(Counters counters, long pages) {
        settle(counters);
        long bytes = pages << layout.geometry().pageShift();
        if (!layout.host().charge(bytes)) {
            return false;
        }
        charged += bytes;
        return true;
    }

    /** Makes the object of a shared mapping that is put next, charged unless it is not to be; null means ENOMEM. */
    @Nullable
    SharedAnonymous shareAnonymous(Counters counters, long length, boolean reserve) {
        settle(counters);
        long bytes = reserve ? length : 0;
        if (!layout.host().charge(bytes)) {
            return null;
        }
        chargedForObjects += bytes;
        return new SharedAnonymous(layout.host(), layout.memoryOrNull(), length, bytes);
    }

    /** Gives back what was taken away so far, so that it can be used again. Everything charged must have been put. */
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

    /** Bytes charged beyond what is held. */
    private long excess(Counters counters) {
        long held = counters.accounted + completed - layout.counters().accounted;
        return charged - (held << layout.geometry().pageShift());
    }

    private void giveBack(long bytes) {
        if (bytes != 0) {
            layout.host().uncharge(bytes);
            charged -= bytes;
        }
    }

    private void settleObjects(IdentityHashMap<SharedAnonymous, Integer> changes, boolean moreOnly) {
        // In one step with what was charged for new ones, so that no other call finds less free than there is.
        long owed = countObjects(changes, 1, moreOnly);
        if (chargedForObjects != owed) {
            layout.host().uncharge(chargedForObjects - owed);
        }
        chargedForObjects = 0;
    }

    /**
     * Counts the changes, all or those by which an object is mapped more often, or with sign -1 takes them back;
     * returns the bytes to charge for that.
     */
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

    /** Has what a transit has unmapped given back when this edit is published. */
    void release(InFlightRange complete) {
        if (released == null) {
            released = new ArrayList<>(1);
        }
        released.add(complete);
        Counters uncharged = complete.uncharged();
        completed += uncharged == null ? 0 : uncharged.accounted;
    }

    /**
     * Decides what becomes of it at publication: what the edit has unmapped is left to its transit, if it has one.
     * Takes the memory for that, and gives nothing back yet.
     */
    void prepare(Counters counters, @Nullable InFlightRange transit) {
        left = excess(counters);
        if (transit != null && objectMappings != null) {
            IdentityHashMap<SharedAnonymous, Integer> fewer = new IdentityHashMap<>();
            objectMappings.forEach((object, change) -> {
                if (change < 0) {
                    fewer.put(object, change);
                }
            });
            if (!fewer.isEmpty()) {
                deferred = fewer;
            }
        }
    }

    /** Settles an edit that has just been published, as prepared. */
    void publish(@Nullable InFlightRange transit) {
        if (transit == null || left <= 0) {
            giveBack(left);
        } else {
            transit.bytes = left;
        }
        if (transit != null) {
            transit.objects = deferred;
        }
        if (objectMappings != null) {
            settleObjects(objectMappings, deferred != null);
        }
        if (released != null) {
            for (int i = 0; i < released.size(); i++) {
                giveBack(layout.host(), released.get(i));
            }
        }
    }

    /** Gives back what a transit has unmapped, at its completion. */
    static void giveBack(MachineState host, InFlightRange complete) {
        long bytes = complete.bytes;
        if (complete.objects != null) {
            bytes -= countObjects(complete.objects, 1, false);
        }
        if (bytes != 0) {
            host.uncharge(bytes);
        }
    }

    /** Takes back what was charged, because the edit is not published. */
    void undo() {
        layout.host().uncharge(charged + chargedForObjects);
        if (settledMappings != null) {
            layout.host().uncharge(-countObjects(settledMappings, -1, false));
        }
    }
}
