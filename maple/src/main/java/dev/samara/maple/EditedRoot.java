// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The root of a tree and the writer's state: the lock, the era, and the draft of the current edit or transaction. A
 * second writer waits here for the writer lock ({@link #beginEdit}). This class publishes drafts; it does not depend on
 * which edits they contain.
 */
abstract class EditedRoot extends AfterRoot {

    private static final VarHandle ERA;

    /** Created with the first tree, because the first edit may run near the end of the stack. */
    private static final EnoughStack STACK = new EnoughStack();

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            ERA = lookup.findVarHandle(EditedRoot.class, "era", Era.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /**
     * The era of the tree. Written under the lock, by {@link #publish} and {@link #endEra}.
     *
     * <p>Written: holder of the writer lock: {@code publish} opens an era; {@code endEra}, or a later commit, ends it
     *     (release).
     * Read: any thread, in {@code eraAcquire} (acquire); holders of the writer lock (plain).
     * Invariant: no open era recurs. While an era is open, only its nodes are written in place. While it is closed, no
     *     node below {@code root} is written in place.
     */
    private Era era;

    /** Serializes edits. May be a lock of the caller. */
    final ReentrantLock writerLock;

    /**
     * The working copy of the current edit or transaction. Guarded by the lock.
     *
     * <p>Words: {@code draft} and all in it of {@code EditedRoot}, {@code Draft}, {@code Splice}, {@code LevelRebuild},
     *     {@code OwnedPath}.
     * Written: holder of the writer lock (plain).
     * Read: holder of the writer lock (plain).
     * Invariant: outside of edits and transactions: {@code draft.root == root}, or the remains of a transaction that
     *     was left open, which the next edit discards. No published root refers, directly or indirectly, to a node that
     *     {@code OwnedPath.owned} marks.
     */
    final Draft draft = new Draft();

    /**
     * The latest transaction, or null once it has ended. Guarded by the lock.
     *
     * <p>Words: {@code current}, {@code owner} and {@code releases}.
     * Written: holder of the writer lock (plain).
     * Read: holder of the writer lock (plain).
     * Invariant: null, or the transaction begun last, its thread, and the number of lock releases when it began. It is
     *     open only if that thread has held the lock ever since.
     */
    private @Nullable Object current;

    /** The thread that began {@link #current}. Guarded by the lock. */
    private @Nullable Thread owner;

    /** The result of {@link #lockReleases()} when {@link #current} began. Guarded by the lock. */
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

    /** Makes a transaction of this thread the current one. The caller must hold the writer lock. */
    final void begin(Object transaction) {
        owner = Thread.currentThread();
        releases = lockReleases();
        current = transaction;
    }

    /**
     * Returns whether a transaction of this thread is still the current one, and the thread has held the lock since.
     */
    final boolean isOpen(Object transaction) {
        return writerLock.isHeldByCurrentThread()
                && current == transaction
                && owner == Thread.currentThread()
                && lockReleases() == releases;
    }

    /** Ensures that no existing node is changed in place any more. The caller must hold the writer lock. */
    final void endEra() {
        // Also ends the draft's era, so that an open transaction of this thread does not restore the old era.
        draft.endEra();
        if (era.open) {
            setEraRelease(draft.era());
        }
    }

    /** Returns the current root, after ensuring that no node below it is changed in place from now on. */
    final Node frozenRoot() {
        // If the era is closed, and unchanged after the root was read, no open era had started when the root was read,
        // and nodes of earlier eras are never written again. Pairs with publish().
        Era before = eraAcquire();
        Node seen = rootVolatile();
        if (!before.open && before == eraAcquire()) {
            return seen;
        }
        acquire();
        try {
            endEra();
            // The root read above is not returned, because a writer may have published another one since, or changed
            // nodes in place.
            return rootPlain();
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Returns how often the writer lock was released, or 0 if the lock does not count its releases. The caller must
     * hold the writer lock.
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

    /**
     * Checks that enough stack is left to acquire and release the writer lock, or to begin and end a transaction.
     *
     * @throws StackOverflowError if not
     */
    static void requireStack() {
        STACK.check();
    }

    /** Acquires the writer lock. If this method throws, it has not acquired it. */
    private void acquire() {
        requireStack();
        writerLock.lock();
    }

    /** Acquires the writer lock. If this method throws, it has not acquired it. */
    final void beginEdit() {
        if (writerLock.isHeldByCurrentThread()) {
            requireNoTransaction();
        }
        boolean isReady = false;
        acquire();
        try {
            dropAbandoned();
            isReady = true;
        } finally {
            if (!isReady) {
                writerLock.unlock();
            }
        }
    }

    /** Releases the writer lock, unless the caller's code already did, in which case the edit throws. */
    final void endEdit() {
        if (writerLock.isHeldByCurrentThread()) {
            writerLock.unlock();
        }
    }

    /**
     * Discards a transaction whose thread has released the lock without ending it. The caller must hold the writer
     * lock.
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
     * Resets the draft to the current tree, for edits that create nodes of the given era. The caller must hold the
     * writer lock.
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
                // Must precede the publication of the first node of an open era. Pairs with frozenRoot().
                setEraRelease(next);
            }
            setRootRelease(newRoot);
        }
    }
}
