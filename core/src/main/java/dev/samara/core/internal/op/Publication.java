// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.ChangeDelivery;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.LayoutListeners;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The publication of an edit: its changes become visible in one store, after every step that may fail. Has no
 * instances, because publication may allocate only the objects that its steps name.
 */
final class Publication {
    /*
     * Notes. The steps run in this order, under one hold of the layout lock. A reader is a thread without the lock: a
     * lookup, a snapshot, a fault.
     *
     * Steps 1 to 8 may fail. The edit is then closed without publication and undoes the steps (EditedLayout.undo), so
     * it leaves no trace. An Error or exception reaches the caller of the operation, except in step 5. Until step 9 a
     * reader finds the old layout.
     *
     *  1. Cut the seams: VMAs that cross an end of the range in flight are cut there, so that the operation owns no
     *     part outside. Fails if memory is short.
     *
     *  2. Find the opens: each new VMA shares the open of a VMA that it replaces, or its backing must grant one. A
     *     refusal of the backing ends the operation with that errno. If the backing has not been asked yet, the attempt
     *     ends, because no lock may be held while a backing is asked. Fails if memory is short.
     *
     *  3. Return if there is nothing to publish. The transaction is dropped, and the operation receives its result.
     *
     *  4. Wait for a fork that copies the layout and its pages: the attempt ends, and the next one starts after the
     *     copy. The fork registers its copy under the lock that this thread holds (P35). A callback of a retirement
     *     must not wait, because the copy may wait for that retirement. It publishes all the same; if it would take
     *     pages away, it fails with IllegalStateException (P26).
     *
     *  5. Acquire the resources of the retirement: stack, a page table context, memory, and capacity in each list to
     *     which the range is added later. Without stack or memory the operation ends with ENOMEM. Without an idle
     *     context the attempt ends, usually before the call decides; the operation then creates a context, or ends with
     *     EAGAIN.
     *
     *  6. Attach the new VMAs: each receives its share of an open, and the gate if it is in flight. The stores are
     *     plain. No reader can reach the VMAs before step 9. Its release store pairs with the acquire load of a reader:
     *     a reader that finds a new VMA finds it attached, with its gate closed.
     *
     *  7. Link the new VMAs to their files. Fails if memory is short. From here on a thread that removes a page of a
     *     file also finds the new VMAs. In their ranges of the page table it finds entries of the old VMAs, or none,
     *     and removes only entries of its page. To link them after step 9 would be too late, because a fault could
     *     install the page through a new VMA that the removal did not find (P7).
     *
     *  8. Allocate the charges, the list of removed VMAs with opens, and the events for listeners. Fails if memory is
     *     short; with a listener, also if the stack that step 14 needs is short.
     *
     *  9. Commit: one store of the tree's root, which does not fail. A reader finds all changes or none. From here on
     *     the operation is published, whatever a later step throws, and its thread retires the range. Nothing is
     *     allocated up to step 13. The end of a space closes the layout directly before this store, so a reader that
     *     finds the layout empty for that reason also finds it closed.
     *
     * 10. Notify the operation, and list the range in flight, for which step 5 reserved capacity. The range of an
     *     operation that publishes in batches is already listed. Only holders of the lock read the list. A fault waits
     *     at the gate of its VMA, and needs no list for that.
     *
     * 11. Detach the removed VMAs and set their retiring bits. Between steps 9 and 11 both removed and new VMAs are
     *     attached. A reader that found a removed VMA before step 9 may acquire a reference to it; the reference keeps
     *     the VMA's open. It may also install a page through that VMA: then the retirement finds the page, or the page
     *     also belongs to the successor. After step 11 such a reader starts over, and finds the new root. The
     *     retirement walks after this step: mark, then walk (P1, P3).
     *
     * 12. Pass on anon_vmas. A fault may have set the anon_vma of a removed VMA after its successor was created. A
     *     fault that does so after step 11 finds the VMA detached, and sets the successor's anon_vma itself. So no
     *     anon_vma is lost.
     *
     * 13. Settle the charges, and store the counters, the end of the heap and the lock flags. The machine's committed
     *     memory is never below the sum of the layouts, because charges were made before step 9. A concurrent display
     *     may label the heap by its old end.
     *
     * 14. Count the change, queue the events for listeners, and unlink removed VMAs without a range in flight. Events
     *     are queued under the lock of the part: a later operation on an overlapping range holds that lock later, so
     *     its event follows this one (P47). If there is no memory for an entry of a listener's queue, the listener
     *     loses the event, and the loss is reported.
     *
     * After the unlock, EditedLayout.close clears the retiring bits of removed VMAs without a range in flight, and
     * delivers the event. If there is a range in flight, its completion clears the bits.
     */

    private Publication() {}

    /**
     * Publishes an edit, unless a backing must be asked first, a backing refused, or a resource is missing.
     *
     * @param result the result of the operation once it is published
     * @return how the attempt ended; meaningless for an edit that completes an operation
     */
    static AttemptOutcome publish(EditedLayout edit, long result) {
        PreparedRetirement mine = edit.retirement;
        // Step 1.
        if (mine != null) {
            InFlightSeams.cut(edit, mine);
        }
        // Step 2.
        if (edit.counters.opens != 0) {
            edit.opens = OpenTransfer.of(edit.operation, edit.gone, edit.lists.displaced(), edit.fresh);
        }
        Errno refusal = edit.opens.refusal();
        if (refusal != null) {
            edit.operation.refused(refusal.result());
            return AttemptOutcome.DONE;
        }
        if (!edit.operation.isAnswered()) {
            if (edit.completing || edit.operation.batches != null) {
                throw new IllegalStateException("a backing would be called for a range in flight: " + edit.operation);
            }
            return AttemptOutcome.MUST_ASK;
        }
        // Step 3.
        if (edit.changesNothing()) {
            closeIfItEndsSpace(edit);
            edit.tree.abort();
            edit.published = true;
            return edit.operation.published(result, null);
        }
        edit.district.checkCap(edit.counters, mine);
        // Steps 4 and 5.
        awaitCopy(edit, mine);
        AttemptOutcome early = mine == null ? null : prepareToRetire(edit, mine);
        if (early != null) {
            return early;
        }
        // Steps 6 and 7.
        attach(edit, mine);
        FileLinks.link(edit.layout, edit.fresh);
        // Step 8.
        boolean charges = edit.isCharged();
        if (charges) {
            edit.commitment().prepare(edit.counters, mine == null ? null : mine);
        }
        List<VmArea> withOpens = mine == null ? withOpens(edit) : null;
        ChangeDelivery.Prepared change = edit.layout.listeners().prepare(edit.gone, edit.fresh);
        // Step 9.
        closeIfItEndsSpace(edit);
        edit.tree.commit();
        edit.published = true;
        edit.held = withOpens;
        // Steps 10 to 13.
        AttemptOutcome outcome = adopt(edit, result, mine, charges);
        // Step 14.
        if (!edit.gone.isEmpty() || !edit.fresh.isEmpty()) {
            edit.district.countChange();
        }
        LayoutListeners.publish(change);
        if (mine == null) {
            FileLinks.unlink(edit.gone, null);
        }
        return outcome;
    }

    private static void closeIfItEndsSpace(EditedLayout edit) {
        if (edit.operation.endsSpace()) {
            edit.layout.close();
        }
    }

    /**
     * Does step 4, unless the edit completes an operation, for which the fork may wait, or publishes a batch. An
     * operation waits before its batches begin, and during them no fork registers a copy.
     */
    private static void awaitCopy(EditedLayout edit, @Nullable InFlightOperation mine) {
        if (edit.layout.copies().isEmpty() || edit.completing) {
            return;
        }
        Gate copy = edit.operation.batches != null ? null : edit.layout.copyToAwait();
        if (copy != null) {
            throw new Restart(copy);
        }
        InFlightOperation inside = InFlightOperation.retiring();
        if (inside != null && mine != null && mine.takesPagesAway()) {
            throw new IllegalStateException(edit.operation + " was called by the retirement of " + inside
                    + ", and would have to wait for a fork's copy: nothing in flight may wait");
        }
    }

    /** Does step 5. Returns the outcome if the attempt ends here; null if it continues. */
    private static @Nullable AttemptOutcome prepareToRetire(EditedLayout edit, PreparedRetirement mine) {
        AttemptOutcome early = edit.operation.prepare(mine);
        if (early != null) {
            return early;
        }
        List<VmArea> withOpens = withOpens(edit);
        if (withOpens != null) {
            mine.hold(withOpens);
        }
        if (edit.district.counters().cached != 0) {
            FileLinks.unlink(edit.gone, mine);
        }
        edit.district.inFlight().makeRoom();
        mine.prepareToDepart();
        return null;
    }

    /**
     * Returns the removed VMAs that have opens; null if there are none. Other VMAs need no retiring bit, because the
     * release of their last reference has no effect.
     */
    private static @Nullable List<VmArea> withOpens(EditedLayout edit) {
        if (edit.district.counters().opens == 0) {
            return null;
        }
        List<VmArea> gone = edit.gone;
        List<VmArea> displaced = edit.lists.displaced();
        if (displaced.size() == gone.size()) {
            // The list contains exactly the VMAs with an open, so the VMAs, possibly many, need not be read again.
            return displaced.isEmpty() ? null : new ArrayList<>(displaced);
        }
        List<VmArea> withOpens = null;
        for (int i = 0; i < gone.size(); i++) {
            VmArea vma = gone.get(i);
            if (vma.open() != null) {
                if (withOpens == null) {
                    withOpens = new ArrayList<>(2);
                }
                withOpens.add(vma);
            }
        }
        return withOpens;
    }

    private static void attach(EditedLayout edit, @Nullable PreparedRetirement mine) {
        List<VmArea> fresh = edit.fresh;
        OpenTransfer opens = edit.opens;
        for (int i = 0; i < fresh.size(); i++) {
            VmArea vma = fresh.get(i);
            vma.attach(opens.take(i), mine != null && mine.occupies(vma.start()) ? mine.gate() : null);
        }
    }

    /** Does steps 10 to 13. */
    private static AttemptOutcome adopt(
            EditedLayout edit, long result, @Nullable PreparedRetirement mine, boolean charges) {
        AttemptOutcome outcome = edit.completing ? AttemptOutcome.DONE : edit.operation.published(result, mine);
        if (mine != null) {
            if (!mine.isBatched()) {
                edit.district.inFlight().add(mine);
            }
            mine.depart();
        }
        List<VmArea> gone = edit.gone;
        for (int i = 0; i < gone.size(); i++) {
            gone.get(i).detach();
        }
        List<PageMove> moves = mine == null ? List.of() : mine.moves();
        AnonVmas.handOn(edit.district.tree(), edit.lists.withoutAnonVma(), moves);
        if (charges) {
            edit.commitment().publish(mine == null ? null : mine);
        }
        edit.adopt();
        return outcome;
    }
}
