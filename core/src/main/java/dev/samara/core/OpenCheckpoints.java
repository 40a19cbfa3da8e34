// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.Report;
import dev.samara.core.internal.op.SpaceCheckpoint;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Housekeeping.RetriedTask;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The checkpoints of one machine that were not closed. Closes and reports those that are unreachable. Thread-safe. */
final class OpenCheckpoints {
    /** The stack that handing a lost checkpoint to a thread of the machine needs, in frames. */
    private static final int DEPTH = 60;

    /** The entry of one checkpoint, which does not keep the checkpoint's object reachable. */
    final class Entry extends WeakReference<Checkpoint> {
        private final Housekeeping.Waiter end;

        private Entry(Checkpoint checkpoint, SpaceCheckpoint kept, Layout layout) {
            super(checkpoint, lost);
            RetriedTask task = new End(kept, layout, isTracked);
            end = host.threads.housekeeping.ensured(() -> host.threads.tasks.execute(task));
        }

        /** Removes the entry, because its checkpoint is closed. */
        void remove() {
            entries.remove(this);
            clear();
        }
    }

    /** Closes an unreachable checkpoint, on a thread of the machine, because a close waits. */
    private static final class End extends RetriedTask {
        private final SpaceCheckpoint kept;
        private final Layout layout;
        private final String holder = Thread.currentThread().getName();
        private final @Nullable Throwable where;

        End(SpaceCheckpoint kept, Layout layout, boolean isTracked) {
            this.kept = kept;
            this.layout = layout;
            where = isTracked ? new Throwable("made by thread " + holder) : null;
        }

        @Override
        public boolean attempt() {
            // Without references, such a space was left to the collector with its checkpoints.
            boolean isExpected = layout.lifetime.identity.isCollected && layout.lifetime.context.references() == 0;
            if (kept.close() && !isExpected) {
                layout.host.report(
                        Report.Kind.CHECKPOINT_LOST,
                        "a " + kept + ", made by thread " + holder
                                + ", became unreachable and was not closed; it is closed",
                        where);
            }
            return true;
        }
    }

    private final MachineState host;
    private final boolean isTracked;

    /**
     * Written: threads that make or close a checkpoint, or find it collected (concurrent set).
     * Read: none; an entry has to be reachable to come into the queue.
     * Invariant: contains the entry of each checkpoint that was neither closed nor found collected.
     */
    private final Set<Entry> entries = ConcurrentHashMap.newKeySet();

    private final ReferenceQueue<Checkpoint> lost = new ReferenceQueue<>();

    OpenCheckpoints(MachineState host) {
        this.host = host;
        isTracked = host.refTracker() != null;
    }

    /**
     * Adds the entry of a checkpoint. If this fails, the caller closes the checkpoint.
     *
     * @param checkpoint the object that the embedder closes
     * @param kept the checkpoint that it closes
     */
    Entry add(Checkpoint checkpoint, SpaceCheckpoint kept, Layout layout) {
        Entry entry = new Entry(checkpoint, kept, layout);
        entries.add(entry);
        return entry;
    }

    /** Lets a thread of the machine close and report the checkpoints that have become unreachable. Does not wait. */
    void endLost() {
        // Checked first, because the checkpoint of an entry that was removed from the queue must be closed.
        StackReserve.check(DEPTH);
        for (Reference<?> gone = lost.poll(); gone != null; gone = lost.poll()) {
            Entry entry = (Entry) gone;
            entry.end.run();
            entries.remove(entry);
        }
    }
}
