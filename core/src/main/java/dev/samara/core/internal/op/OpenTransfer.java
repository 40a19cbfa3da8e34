// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The opens that the new VMAs of an edit share: the open of a VMA that they replace, or an open that was requested from
 * the backing. A VMA passes its open on to one new VMA; its other pieces need opens of their own. All VMAs of one
 * shared object share the open of its content.
 */
public final class OpenTransfer {
    static final OpenTransfer NONE = new OpenTransfer(0);

    /** By index of the new VMA: an {@link Open}, a {@link BackingQuestions.Question}, or null if it needs none. */
    private final @Nullable Object[] sources;

    /** The new VMAs below this index have acquired their shares of existing opens. */
    private int shared;

    private @Nullable Errno refusal;

    private OpenTransfer(int count) {
        sources = new @Nullable Object[count];
    }

    /**
     * Finds the opens of an edit's new VMAs; opens that must be requested become requests of the operation to the
     * backings.
     */
    static OpenTransfer of(OperationState operation, List<VmArea> gone, List<VmArea> displaced, List<VmArea> fresh) {
        OpenTransfer opens = NONE;
        OpenDonors donors = null;
        for (int i = 0; i < fresh.size(); i++) {
            if (fresh.get(i).hasOpen()) {
                if (donors == null) {
                    opens = new OpenTransfer(fresh.size());
                    donors = new OpenDonors(gone, displaced);
                }
                opens.find(i, operation, fresh.get(i), donors);
            }
        }
        return opens;
    }

    private void find(int i, OperationState operation, VmArea vma, OpenDonors donors) {
        if (vma.backing() instanceof SharedAnonymous object) {
            sources[i] = object.contentOf(vma);
            return;
        }
        VmArea old = donors.takeFor(vma);
        if (old != null) {
            sources[i] = old.open();
            return;
        }
        BackingQuestions.Question question = operation.callbacks().open(vma, donors.relativeOf(vma));
        sources[i] = question;
        if (refusal == null) {
            refusal = question.refusal();
        }
    }

    /** Returns the first refusal of an open, or null. */
    @Nullable
    Errno refusal() {
        return refusal;
    }

    /**
     * Acquires the i-th new VMA's share of its open; returns null if it needs none. Called once for each new VMA, in
     * order, at publication. If the publication fails, {@link #takeBack} drops the shares.
     */
    @Nullable
    Open take(int i) {
        Object source = sources.length == 0 ? null : sources[i];
        if (source instanceof BackingQuestions.Question question) {
            return question.granted();
        }
        if (source instanceof Open open) {
            open.get();
            shared = i + 1;
            return open;
        }
        return null;
    }

    /**
     * Drops each acquired share, because nothing is published. No share is the last one of its open, because the VMA or
     * the edit that shares the open still exists. Opens granted to a new VMA are ended by the operation's {@link
     * BackingQuestions}.
     */
    void takeBack() {
        while (shared > 0) {
            shared--;
            if (sources[shared] instanceof Open open) {
                open.put();
            }
        }
    }
}
