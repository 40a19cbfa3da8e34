// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.vma.FrameStore;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one frame of a machine from being freed, until it is closed. The thread that sets the flag releases the frame,
 * so the frame is released once.
 */
public final class FramePin extends PinnedFrame {
    private static final VarHandle RELEASED = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "released", VarHandle.class, FramePin.class, boolean.class);

    /** The stack that a thread needs to release a pin, in stack frames. It is checked before the flag is set. */
    private static final int DEPTH = 40;

    private final Frames frames;
    private final int frame;
    private final boolean isWritable;
    private final @Nullable RefTracker tracker;

    /** The page table that counts this pin; null if it is not for writing. */
    private final @Nullable PageTable written;

    /** The bytes of the page; null in an embedder's store. */
    private final @Nullable ByteBuffer buffer;

    /** Whether the buffer rejects every access after the release. */
    private final boolean isRevoked;

    /**
     * Written: any thread that releases the pin (compare-and-set).
     * Read: any thread that uses the frame, and {@code toString} (volatile).
     * Pairs: with itself: only one of several releases reads false. The word of the frame orders accesses through the
     *     pin before the free (compare-and-set of {@code unpin}).
     * Invariant: set to true once; the thread that sets it subtracts the pin from the word of the frame.
     */
    @SuppressWarnings("UnusedVariable") // through RELEASED
    private boolean released;

    /**
     * Creates the object of a pin that is not taken yet.
     *
     * @param isRevoked whether the buffer rejects every access after the release
     */
    FramePin(Frames frames, int frame, @Nullable PageTable written, @Nullable RefTracker tracker, boolean isRevoked) {
        this.frames = frames;
        this.frame = frame;
        this.written = written;
        isWritable = written != null;
        this.tracker = tracker;
        this.isRevoked = isRevoked;
        buffer = bufferOf(frames.direct());
    }

    private @Nullable ByteBuffer bufferOf(@Nullable DirectFrames direct) {
        if (direct == null) {
            return null;
        }
        ByteBuffer bytes = direct.bytes(frame, frames.pageSize);
        return (isWritable ? bytes : bytes.asReadOnlyBuffer()).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Takes the pin. The caller ensures that the frame is not freed concurrently.
     *
     * @return false, with nothing changed, if the frame already has the maximum number of pins
     */
    boolean take() {
        // Checked before the frame is pinned. A stack overflow after that would leave a pin that no object records, and
        // that is never released.
        StackReserve.check(DEPTH);
        // The zero page is not counted and never freed.
        boolean isTaken = frame == Frames.ZERO || frames.pin(frame);
        if (isTaken && written != null) {
            written.countPinForWriting(1);
        }
        return isTaken;
    }

    /** Records where the pin was taken. The caller calls {@link #giveUp} if this throws. */
    void track() {
        if (tracker != null) {
            tracker.acquired(this, describe());
        }
    }

    /** Releases a pin that only this thread, which took it, knows. */
    void giveUp() {
        unpin();
        if (tracker != null) {
            tracker.forget(this);
        }
    }

    private void unpin() {
        if (frame != Frames.ZERO) {
            frames.unpin(frame);
        }
        if (written != null) {
            written.countPinForWriting(-1);
        }
    }

    @Override
    public int frame() {
        checkHeld();
        return frame;
    }

    @Override
    public ByteBuffer buffer() {
        checkHeld();
        ByteBuffer of = buffer;
        if (of == null) {
            throw new UnsupportedOperationException(
                    "the frames are in a store of the embedder's, which has no buffers");
        }
        return of;
    }

    @Override
    public long get(int offset, int size) {
        return of(offset, size).get(frame, offset, size);
    }

    @Override
    public void put(int offset, int size, long value) {
        ofWritable(offset, size).put(frame, offset, size, value);
    }

    @Override
    public long getVolatile(int offset, int size) {
        checkAligned(offset, size);
        return of(offset, size).getVolatile(frame, offset, size);
    }

    @Override
    public void putVolatile(int offset, int size, long value) {
        checkAligned(offset, size);
        ofWritable(offset, size).putVolatile(frame, offset, size, value);
    }

    @Override
    public long compareAndExchange(int offset, int size, long expected, long value) {
        checkAligned(offset, size);
        return ofWritable(offset, size).compareAndExchange(frame, offset, size, expected, value);
    }

    private static void checkAligned(int offset, int size) {
        if ((offset & size - 1) != 0) {
            throw new IllegalArgumentException("offset " + offset + " is not a multiple of size " + size);
        }
    }

    /** Checks that an access is within the page, and returns the store. */
    private FrameStore of(int offset, int size) {
        CpuMemory.checkSize(size);
        Objects.checkFromIndexSize(offset, size, frames.pageSize);
        checkHeld();
        return frames.store;
    }

    private FrameStore ofWritable(int offset, int size) {
        if (!isWritable) {
            throw new ReadOnlyBufferException();
        }
        return of(offset, size);
    }

    private void checkHeld() {
        if (releasedVolatile()) {
            throw new IllegalStateException("a " + this + " has no frame: that may be another page by now");
        }
    }

    @Override
    public int pageSize() {
        return frames.pageSize;
    }

    @Override
    public boolean isWritable() {
        return isWritable;
    }

    @Override
    public void close() {
        StackReserve.check(DEPTH);
        // Atomic: if two threads release the pin concurrently, one of them fails. Volatile: orders the accesses through
        // the pin before the release of the frame.
        if (!RELEASED.compareAndSet(this, false, true)) {
            throw RefTracker.secondRelease(tracker, this, "a " + describe());
        }
        try {
            if (isRevoked && buffer != null) {
                // Set before the frame may contain another page.
                buffer.limit(0);
            }
            unpin();
        } finally {
            if (tracker != null) {
                tracker.released(this);
            }
        }
    }

    private boolean releasedVolatile() {
        return (boolean) RELEASED.getVolatile(this);
    }

    private String describe() {
        return "pin" + (isWritable ? " for writing" : "") + " of frame " + frame + " of " + frames.pageSize + " bytes";
    }

    /** Returns the frame, its size, and whether the pin is released, as text. */
    @Override
    public String toString() {
        return (releasedVolatile() ? "released " : "") + describe();
    }
}
