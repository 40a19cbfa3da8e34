// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The pins of page views: their number, its bound, and their release. Thread-safe.
 *
 * <p>A page view is a buffer over pinned frames ({@code PageView}). Its pins are those of {@link Frames}, so all that
 * holds for a frame pinned for reading also holds for a viewed one. What differs is how they end:
 *
 * <ol>
 *   <li><b>Release.</b> The close of the view releases its pins, or any later call of {@link #releaseUnreachable} after
 *       the garbage collector found its buffer unreachable. The thread that sets the flag of the view's {@link Pinned}
 *       releases them, so they are released once. No thread waits for a collection, and there is no thread for it:
 *       calls that create a view, need a frame or evict pages, and the machine's own checks, release what was
 *       collected.
 *   <li><b>Bound.</b> Because nothing forces a collection, views that were dropped could pin all memory. So views pin
 *       at most one {@link #VIEWED_SHARE}th of the frames, and pages of host files at most that share of the cache
 *       limit. A page counts once for each of its views. At the bound the caller copies the bytes instead.
 *   <li><b>Mapped memory.</b> The buffer of a view is a slice of a buffer of the frame store, which the JVM keeps
 *       mapped while a slice of it is reachable, also after the machine was closed. A view of an unreachable machine
 *       needs no release: its frames end with the store.
 * </ol>
 */
public final class ViewPins {
    /** Views pin at most one part of this many parts of the memory, and of the cache limit. */
    public static final int VIEWED_SHARE = 8;

    /** The stack that a thread needs to release the pins of a view, in stack frames. */
    private static final int DEPTH = 48;

    private static final VarHandle RELEASED = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "released", VarHandle.class, Pinned.class, boolean.class);

    private final Frames frames;
    private final long most;

    /** The bound for pages of host files. Set before other threads know this object. */
    private long mostOfFiles = Long.MAX_VALUE;

    /**
     * Words: {@code viewed}, {@code viewedOfFiles}.
     * Written: a thread that pins a page for a view, before the pin, and one that released such a pin (get-and-add).
     * Read: by the addition.
     * Invariant: at least the number of pages, and of pages of host files, that views pin, once for each view.
     */
    private final AtomicLong viewed = new AtomicLong();

    private final AtomicLong viewedOfFiles = new AtomicLong();

    /**
     * Written: a thread that copied the bytes of a view (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the number of views so far whose bytes were copied.
     */
    private final AtomicLong copies = new AtomicLong();

    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

    /**
     * Keeps the references of the views reachable until their release.
     *
     * <p>Written: a thread that creates a view or releases its pins (concurrent set).
     * Read: not read.
     * Invariant: contains every {@code Pinned} that has pins.
     */
    private final Set<Pinned> all = ConcurrentHashMap.newKeySet();

    ViewPins(Frames frames) {
        this.frames = frames;
        most = frames.most() / VIEWED_SHARE;
    }

    /** Sets the limit for pages of host files, in bytes. Called before other threads know this object. */
    public void limitFiles(long bytes) {
        mostOfFiles = bytes / frames.pageSize / VIEWED_SHARE;
    }

    /** The pins of one view: those of consecutive frames. Used by one thread until the view is returned. */
    public final class Pinned extends PhantomReference<ByteBuffer> {
        private final int first;
        private int count;

        /**
         * Written: any thread that releases the pins (compare-and-set).
         * Pairs: with itself: only one of several releases reads false. The word of a frame orders accesses through the
         *     view before the free.
         * Invariant: set to true once; the thread that sets it subtracts the pins from the words of the frames.
         */
        @SuppressWarnings("UnusedVariable") // through RELEASED
        private boolean released;

        private Pinned(ByteBuffer bytes, int first) {
            super(bytes, unreachable);
            this.first = first;
        }

        /**
         * Pins the next frame. The caller ensures that the frame is not freed concurrently.
         *
         * @return false, with nothing changed, at the bound, or if the frame has the maximum number of pins
         */
        public boolean pinNext() {
            StackReserve.check(DEPTH);
            int frame = first + count;
            boolean isOfFile = isOfFile(frame);
            if (!reserve(isOfFile)) {
                return false;
            }
            // The zero page is not counted and never freed.
            if (frame != Frames.ZERO && !frames.pin(frame)) {
                unreserve(isOfFile);
                return false;
            }
            count++;
            return true;
        }

        /**
         * Releases the pins, on any thread, unless they were released. Never waits.
         *
         * @return the number of pins that this call released
         */
        public int release() {
            StackReserve.check(DEPTH);
            if (!RELEASED.compareAndSet(this, false, true)) {
                return 0;
            }
            for (int frame = first; frame < first + count; frame++) {
                // Read before the frame may be freed.
                boolean isOfFile = isOfFile(frame);
                if (frame != Frames.ZERO) {
                    frames.unpin(frame);
                }
                unreserve(isOfFile);
            }
            all.remove(this);
            clear();
            return count;
        }
    }

    /**
     * Returns the pins of a new view, none yet.
     *
     * @param bytes the buffer of the view, over consecutive frames; the pins end after it is unreachable
     * @param first the first of these frames
     */
    public Pinned begin(ByteBuffer bytes, int first) {
        releaseUnreachable();
        Pinned made = new Pinned(bytes, first);
        all.add(made);
        return made;
    }

    private boolean isOfFile(int frame) {
        return frames.cacheOf(frame) >= Frames.SAVED;
    }

    private boolean reserve(boolean isOfFile) {
        boolean fits = viewed.incrementAndGet() <= most;
        boolean fitsFiles = !isOfFile || viewedOfFiles.incrementAndGet() <= mostOfFiles;
        if (!fits || !fitsFiles) {
            unreserve(isOfFile);
        }
        return fits && fitsFiles;
    }

    private void unreserve(boolean isOfFile) {
        viewed.getAndDecrement();
        if (isOfFile) {
            viewedOfFiles.getAndDecrement();
        }
    }

    /**
     * Releases the pins of views that the garbage collector found unreachable. Never waits.
     *
     * @return the number of pins
     */
    public int releaseUnreachable() {
        int released = 0;
        for (; ; ) {
            // Checked before the reference is taken from the queue, because it is in no other queue.
            StackReserve.check(StackReserve.around(DEPTH, 8));
            Reference<?> gone = unreachable.poll();
            if (gone == null) {
                return released;
            }
            released += ((Pinned) gone).release();
        }
    }

    /** Counts a view whose bytes were copied. */
    public void countCopy() {
        copies.getAndIncrement();
    }

    /** Returns the number of views whose bytes were copied. */
    public long copies() {
        return copies.get();
    }

    @Override
    public String toString() {
        return viewed + " pages in views, at most " + most;
    }
}
