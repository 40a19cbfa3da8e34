// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.vma.VmArea;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The input of one operation's retire phase, as publication leaves it: the {@link PageRetirement} of its pages, and the
 * removed VMAs that wait for it. {@link RetirementRun}, which extends this class, runs the phase.
 *
 * <p>The operation sets the fields before publication. After that only the thread that runs the retire phase uses them.
 */
abstract class PreparedRetirement extends InFlightOperation {
    /**
     * The retirement of the operation's pages; null if there is none.
     *
     * <p>Words: {@code pageRetirement}, {@code linked}.
     * Written: the operation, before publication; then the one thread that retires (plain).
     * Read: the one thread that retires (plain); between two of its runs, the thread that polls (plain). The queue of
     *     {@code Background} and the list of {@code Housekeeping} pass the fields on between threads.
     * Invariant: the progress of the retirement; each step may be started again.
     */
    @Nullable
    PageRetirement pageRetirement;

    /** VMAs that were removed from the layout, and stay linked to their files until their pages are retired. */
    List<VmArea> linked = List.of();

    /**
     * VMAs with opens that were removed from the layout; their retiring bits are cleared after completion.
     *
     * <p>Words: {@code held}, {@code last}, {@code sealedLinked}, {@code sealedHeld}.
     * Written: the operation, before the retirement is run (plain).
     * Read: the operation's completion (plain): ordered by the layout lock, or by its submission to the background.
     * Invariant: never change once the last batch is published.
     */
    List<VmArea> held = List.of();

    /* The sizes of these lists at the start of the batch that is not published yet. */
    private int sealedLinked;
    private int sealedHeld;

    /** The task that ends an asynchronous call after completion; null for a synchronous one. */
    @Nullable
    Runnable last;

    /** Sets the retirement of the operation's pages. Called before publication. */
    void retireBy(PageRetirement prepared) {
        pageRetirement = prepared;
    }

    /** Adds VMAs that stay linked to their files until their pages are retired. */
    void keepLinked(List<VmArea> vmas) {
        linked = joined(linked, vmas);
    }

    /** Adds VMAs whose retiring bits are cleared after completion. */
    void hold(List<VmArea> vmas) {
        held = joined(held, vmas);
    }

    private static List<VmArea> joined(List<VmArea> earlier, List<VmArea> more) {
        if (earlier.isEmpty()) {
            return more;
        }
        earlier.addAll(more);
        return earlier;
    }

    @Override
    public void beginBatch() {
        super.beginBatch();
        sealedLinked = linked.size();
        sealedHeld = held.size();
    }

    @Override
    public void undoBatch() {
        super.undoBatch();
        InFlightOperation.truncate(linked, sealedLinked);
        InFlightOperation.truncate(held, sealedHeld);
    }

    /** Adds the tables that a later batch of the operation may lack. */
    void add(TableReserve tables) {
        PageRetirement prepared = pageRetirement;
        if (prepared != null) {
            prepared.add(tables);
        }
    }

    /** Returns whether an earlier batch of the operation acquired the resources of the retirement. */
    boolean isPrepared() {
        return pageRetirement != null;
    }

    /** Sets the task that one of the machine's threads runs after completion. The caller is the operation's thread. */
    void runAfter(Runnable task) {
        last = task;
    }

    /**
     * Retires and completes the range on the operation's thread, and waits until it is complete. Called once. The
     * caller must hold no lock.
     */
    abstract void retireAndWait();

    /** Submits the range to the machine's threads, one of which retires and completes it. */
    abstract void submit();
}
