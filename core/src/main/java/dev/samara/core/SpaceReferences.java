// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.Report;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The open references to the spaces of one machine. The thread that ends an entry releases its reference, so each
 * reference is released exactly once: by its close, or after it becomes unreachable. Thread-safe; takes no lock, so
 * that a reference can be released anywhere.
 */
final class SpaceReferences {
    /**
     * The stack depth, in frames, that a thread needs to acquire or release a reference. It is checked before the first
     * change, because a count that no object records would never be released.
     */
    static final int DEPTH = 60;

    /** The entry of one reference, which does not keep the reference's object reachable. */
    final class Entry extends WeakReference<Object> {
        private final long id = last.incrementAndGet();
        private final Identity identity;

        /** Null for a reference to the identity, which must keep only the identity reachable. */
        private final @Nullable Lifetime lifetime;

        private final SpaceReference.Kind kind;
        private final String holder = Thread.currentThread().getName();
        private final long since = System.nanoTime();
        private final @Nullable Throwable where;

        /**
         * Written: the thread that closes the reference, or found it collected (compare-and-set).
         * Read: any thread (volatile).
         * Pairs: the thread whose compare-and-set succeeds releases the reference.
         * Invariant: never reset.
         */
        private final AtomicBoolean isEnded = new AtomicBoolean();

        Entry(Object reference, Identity identity, @Nullable Lifetime lifetime, SpaceReference.Kind kind) {
            super(reference, lost);
            this.identity = identity;
            this.lifetime = lifetime;
            this.kind = kind;
            where = isTracked ? new Throwable("taken by thread " + holder) : null;
        }

        /** Ends the entry. The caller must then release the reference, unless this returns false. */
        boolean end() {
            if (!isEnded.compareAndSet(false, true)) {
                return false;
            }
            unlist();
            return true;
        }

        /** Returns whether the reference was released. */
        boolean isEnded() {
            return isEnded.get();
        }

        /**
         * Removes the entry from the map. If there is no memory or no stack for that now, the entry is removed later,
         * after its object was collected.
         */
        private void unlist() {
            try {
                entries.remove(id);
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                isLeft = true;
            }
        }

        SpaceReference describe(long now) {
            long age = Math.max(0, now - since);
            return new SpaceReference(identity.number(), identity.name, kind, holder, age, where);
        }

        private void giveUp() {
            try {
                putDown();
            } finally {
                if (kind != SpaceReference.Kind.USERS || !identity.isCollected) {
                    host.report(
                            Report.Kind.REFERENCE_LOST,
                            describe(System.nanoTime()) + ", became unreachable and was not closed; it is given up",
                            where);
                }
            }
        }

        private void putDown() {
            Lifetime of = lifetime;
            if (of == null) {
                identity.drop();
            } else if (kind == SpaceReference.Kind.PAGE_TABLE) {
                of.context.release();
            } else if (kind == SpaceReference.Kind.HOME) {
                of.putHomeLater();
            } else {
                of.putLater();
            }
        }
    }

    private final MachineState host;
    private final boolean isTracked;

    /**
     * Written: threads that acquire a reference (get-and-add).
     * Read: threads that acquire a reference (get-and-add).
     * Invariant: the number of the last reference acquired.
     */
    private final AtomicLong last = new AtomicLong();

    /**
     * Written: threads that acquire or release a reference (concurrent map).
     * Read: any thread (concurrent map).
     * Invariant: contains an entry for each reference that is not released, and possibly entries that have ended; used
     *     only for display.
     */
    private final ConcurrentSkipListMap<Long, Entry> entries = new ConcurrentSkipListMap<>();

    private final ReferenceQueue<Object> lost = new ReferenceQueue<>();

    /**
     * Whether an ended entry may still be in the map.
     *
     * <p>Written: a thread that had no memory or no stack to remove an entry from the map (volatile).
     * Read: a thread that looks for collected references (volatile).
     * Invariant: never reset.
     */
    private volatile boolean isLeft;

    SpaceReferences(MachineState host, boolean isTracked) {
        this.host = host;
        this.isTracked = isTracked;
    }

    /**
     * Adds the entry of a reference that the caller acquired.
     *
     * @param reference the object that the embedder closes
     */
    Entry add(Object reference, Layout layout, SpaceReference.Kind kind) {
        Lifetime lifetime = layout.lifetime;
        return add(new Entry(reference, lifetime.identity, lifetime, kind));
    }

    /** Adds the entry of a reference to an identity. */
    Entry add(Object reference, Identity identity) {
        return add(new Entry(reference, identity, null, SpaceReference.Kind.IDENTITY));
    }

    private Entry add(Entry entry) {
        try {
            entries.put(entry.id, entry);
        } catch (Throwable thrown) {
            // Memory may have run out after the entry was added to the map. The caller releases the reference.
            entry.end();
            throw thrown;
        }
        return entry;
    }

    /** Releases the references that have become unreachable, and reports each. Does not wait. */
    void giveUpLost() {
        // Checked first, because the reference of an entry that was removed from the queue must be released.
        StackReserve.check(DEPTH);
        for (Reference<?> gone = lost.poll(); gone != null; gone = lost.poll()) {
            Entry entry = (Entry) gone;
            if (entry.end()) {
                entry.giveUp();
            } else if (isLeft) {
                entry.unlist();
            }
        }
    }

    /**
     * Returns the references to a space, or to all spaces, the oldest first.
     *
     * @param wanted the identity of the space; null for all
     * @param now the time to which their ages refer
     */
    List<SpaceReference> find(@Nullable Identity wanted, long now) {
        List<SpaceReference> found = new ArrayList<>();
        for (Entry entry : entries.values()) {
            if ((wanted == null || entry.identity == wanted) && !entry.isEnded.get()) {
                found.add(entry.describe(now));
            }
        }
        return found;
    }
}
