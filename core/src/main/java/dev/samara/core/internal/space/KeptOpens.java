// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.Open;
import dev.samara.maple.Snapshot;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The VMAs of a checkpoint, and shares of the opens of those that left the layout since. So the backing of a VMA is not
 * closed, and a shared object keeps its content, as long as the checkpoint can map it again. Thread-safe.
 */
public final class KeptOpens {
    /** Those of the next older checkpoint; null if there is none. Changed within cuts. */
    public @Nullable KeptOpens older;

    @GuardedBy("this")
    private Snapshot<VmArea> vmas;

    @GuardedBy("this")
    private IdentityHashMap<VmArea, Open> opens = new IdentityHashMap<>(2);

    /** Made beforehand, because nothing may fail between the end of the shares' list and their release. */
    private final BiConsumer<VmArea, Open> passing = this::pass;

    /** Creates an object without opens for the VMAs of a checkpoint. */
    public KeptOpens(Snapshot<VmArea> vmas) {
        this.vmas = vmas;
    }

    /** Returns the VMAs of the checkpoint. */
    public synchronized Snapshot<VmArea> vmas() {
        return vmas;
    }

    /**
     * Acquires a share of the open of each VMA of the checkpoint that an edit is about to take out. The edit need not
     * be published afterwards. The caller holds the lock of the VMAs' district.
     */
    synchronized void keep(List<VmArea> gone) {
        for (int i = 0; i < gone.size(); i++) {
            VmArea vma = gone.get(i);
            Open open = vma.open();
            if (open != null && vmas.get(vma.start()) == vma && !opens.containsKey(vma)) {
                boolean done = false;
                open.get();
                try {
                    opens.put(vma, open);
                    done = true;
                } finally {
                    if (!done) {
                        // Not the last share, because the VMA is attached.
                        open.put();
                    }
                }
            }
        }
    }

    /** Returns the number of shares. Visible for tests. */
    synchronized int size() {
        return opens.size();
    }

    /** Returns the open of a VMA of the checkpoint, of which this has a share until the end of the cut; or null. */
    public synchronized @Nullable Open get(VmArea vma) {
        return opens.get(vma);
    }

    /**
     * Releases the shares, because the VMAs were mapped again, or the checkpoint ends. An older checkpoint keeps those
     * of its backings. The caller holds no lock of a layout.
     *
     * @param now the VMAs of the checkpoint from now on
     */
    public void release(Snapshot<VmArea> now) {
        IdentityHashMap<VmArea, Open> released;
        synchronized (this) {
            IdentityHashMap<VmArea, Open> none = new IdentityHashMap<>(2);
            released = opens;
            opens = none;
            vmas = now;
        }
        // Without the monitor, because the end of an open submits a task.
        released.forEach(passing);
    }

    /**
     * Releases the shares at the end of the checkpoint, which no other thread uses any more. Allocates nothing that it
     * could not do without, because the checkpoint has left its chain.
     */
    public void end() {
        IdentityHashMap<VmArea, Open> released;
        synchronized (this) {
            released = opens;
        }
        released.forEach(passing);
    }

    private void pass(VmArea vma, Open open) {
        KeptOpens to = older;
        if (to == null || !to.takesOver(vma, open)) {
            open.put();
        }
    }

    /** Takes over a share; returns false if this does not need it, or there is no memory, so that the backing is asked. */
    private synchronized boolean takesOver(VmArea vma, Open open) {
        VmArea own = vmas.get(vma.start());
        if (own == null || own.backing() != vma.backing() || opens.containsKey(own)) {
            return false;
        }
        try {
            opens.put(own, open);
            return true;
        } catch (OutOfMemoryError exhausted) {
            return false;
        }
    }
}
