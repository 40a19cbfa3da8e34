// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The root of a tree with what changes it: the writer lock, the era, and the draft of the edit or transaction in
 * progress. A second writer waits here for the writer lock ({@link #beginEdit}). Publishes drafts, and knows nothing of
 * the edits in them.
 */
abstract class EditedRoot extends AfterRoot {

    private static final VarHandle ERA;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            ERA = lookup.findVarHandle(EditedRoot.class, "era", Era.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The era of the tree. Written under the lock, by {@link #publish} and {@link #endEra}. */
    private Era era;

    /** Serializes changes. A user may have lent it. */
    final ReentrantLock writerLock;

    /** The working copy of the edit or transaction under way. Guarded by the lock. */
    final Draft draft = new Draft();

    /** The transaction begun last, unless it has ended. Guarded by the lock. */
    private @Nullable Object current;

    /** The thread that began it. Guarded by the lock. */
    private @Nullable Thread owner;

    /** The result of {@link #lockReleases()} when it began. Guarded by the lock. */
    private long releases;

    EditedRoot(ReentrantLock writerLock, Node root, Era era) {
        super(root);
        this.writerLock = writerLock;
        this.era = era;
    }

    /** The caller must hold the writer lock. */
    final Era era() {
        return era;
    }

    /** Makes a transaction the current one of this thread. The caller must hold the writer lock. */
    final void begin(Object transaction) {
        owner = Thread.currentThread();
        releases = lockReleases();
        current = transaction;
    }

    /** Returns whether a transaction is the one begun last, by this thread, which has held the lock since. */
    final boolean isOpen(Object transaction) {
        return writerLock.isHeldByCurrentThread()
                && current == transaction
                && owner == Thread.currentThread()
                && lockReleases() == releases;
    }

    /** Ensures that no node that exists now is changed in place. The caller must hold the writer lock. */
    final void endEra() {
        // Also the draft's era: an open transaction of this thread must not restore the old era.
        draft.endEra();
        if (era.open) {
            setEraRelease(draft.era());
        }
    }

    /** Returns the current root, below which no node is changed in place from now on. */
    final Node frozenRoot() {
        // If the era is closed, and unchanged after the read of the root, then no open era has begun when the root is
        // read, and nodes of earlier eras are no longer written. Pairs with publish().
        Era before = eraAcquire();
        Node seen = rootVolatile();
        if (!before.open && before == eraAcquire()) {
            return seen;
        }
        writerLock.lock();
        try {
            endEra();
            // Not the root read above: a writer may have published since, and written in place below it.
            return rootPlain();
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Returns how often the writer lock was released, as far as the tree can see it. The caller must hold the writer
     * lock.
     */
    private long lockReleases() {
        return writerLock instanceof WriterLock own ? own.releases() : 0;
    }

    /** Ends the current transaction. The caller must hold the writer lock. */
    final void end(boolean commit) {
        forget();
        if (commit) {
            publish();
        } else {
            draft.start(rootPlain(), era);
        }
    }

    /** Takes the writer lock; if it throws, the lock is not held. */
    final void beginEdit() {
        if (writerLock.isHeldByCurrentThread()) {
            requireNoTransaction();
        }
        boolean isReady = false;
        writerLock.lock();
        try {
            dropAbandoned();
            isReady = true;
        } finally {
            if (!isReady) {
                writerLock.unlock();
            }
        }
    }

    /** Releases the writer lock, unless code of the caller has done so: its edit throws then. */
    final void endEdit() {
        if (writerLock.isHeldByCurrentThread()) {
            writerLock.unlock();
        }
    }

    /**
     * Drops a transaction that was left open by a thread that has released the lock since. The caller must hold the
     * writer lock.
     */
    final void dropAbandoned() {
        if (current != null) {
            startDraft(era);
        }
    }

    /** The caller must hold the writer lock. */
    final void requireNoTransaction() {
        Object last = current;
        if (last != null && isOpen(last)) {
            throw new IllegalStateException("this thread has a transaction open on this tree");
        }
    }

    /**
     * Makes the draft equal to the tree, for edits whose nodes are of this era. The caller must hold the writer lock.
     */
    final Draft startDraft(Era next) {
        forget();
        draft.start(rootPlain(), next);
        return draft;
    }

    private void forget() {
        current = null;
        owner = null;
    }

    private Era eraAcquire() {
        return (Era) ERA.getAcquire(this);
    }

    private void setEraRelease(Era next) {
        ERA.setRelease(this, next);
    }

    /** The only store that publishes a draft to readers. Pairs with {@link #rootAcquire()}. */
    final void publish() {
        assert writerLock.isHeldByCurrentThread();
        Node newRoot = draft.root();
        Era next = draft.era();
        draft.disown();
        if (newRoot != rootPlain()) {
            if (next != era) {
                // Before the first node of an open era becomes reachable. Pairs with frozenRoot().
                setEraRelease(next);
            }
            setRootRelease(newRoot);
        }
    }
}
