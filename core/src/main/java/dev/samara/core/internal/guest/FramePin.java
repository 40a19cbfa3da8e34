// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.vma.FrameStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** Keeps one frame of a machine from being freed, until it is closed. The thread that sets the flag releases the frame,
 * so that happens once. */
public final class FramePin extends PinnedFrame {
    private static final VarHandle RELEASED;

    /** The stack that a thread needs to release a pin, in frames. It is checked before the flag is set. */
    private static final int DEPTH = 40;

    static {
        try {
            RELEASED = MethodHandles.lookup().findVarHandle(FramePin.class, "released", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Frames frames;
    private final int frame;
    private final boolean isWritable;
    private final @Nullable RefTracker tracker;

    @SuppressWarnings("UnusedVariable") // through RELEASED
    private boolean released;

    /** Makes the object of a pin that is not taken yet. */
    FramePin(Frames frames, int frame, boolean isWritable, @Nullable RefTracker tracker) {
        this.frames = frames;
        this.frame = frame;
        this.isWritable = isWritable;
        this.tracker = tracker;
    }

    /**
     * Takes the pin. The caller ensures that the frame is not freed meanwhile.
     *
     * @return false if the frame has too many pins to count another; nothing has changed then
     */
    boolean take() {
        // Before the frame is pinned: a pin of which no object knows is never released.
        StackReserve.check(DEPTH);
        // The zero page is not counted and never freed.
        return frame == Frames.ZERO || frames.pin(frame);
    }

    /** Has the pin found where it was taken. The caller calls {@link #giveUp} if this throws. */
    void track() {
        if (tracker != null) {
            tracker.acquired(this, describe());
        }
    }

    /** Gives up a pin that is known to no thread but this one, which has taken it. */
    void giveUp() {
        if (frame != Frames.ZERO) {
            frames.unpin(frame);
        }
        if (tracker != null) {
            tracker.forget(this);
        }
    }

    @Override
    public int frame() {
        if (releasedVolatile()) {
            throw new IllegalStateException("a " + this + " has no frame: that may be another page by now");
        }
        return frame;
    }

    @Override
    public FrameStore store() {
        return frames.store();
    }

    @Override
    public int pageSize() {
        return frames.pageSize();
    }

    @Override
    public boolean isWritable() {
        return isWritable;
    }

    @Override
    public void close() {
        StackReserve.check(DEPTH);
        // Atomic: if two threads release the pin at once, one is refused. Volatile: the accesses through the pin come
        // before the release of the frame.
        if (!casReleased()) {
            throw RefTracker.secondRelease(tracker, this, "a " + describe());
        }
        try {
            if (frame != Frames.ZERO) {
                frames.unpin(frame);
            }
        } finally {
            if (tracker != null) {
                tracker.released(this);
            }
        }
    }

    private boolean casReleased() {
        return RELEASED.compareAndSet(this, false, true);
    }

    private boolean releasedVolatile() {
        return (boolean) RELEASED.getVolatile(this);
    }

    private String describe() {
        return "pin" + (isWritable ? " for writing" : "") + " of frame " + frame + " of " + frames.pageSize()
                + " bytes";
    }

    /** Returns the frame, its size, and whether the pin is released, as text. */
    @Override
    public String toString() {
        return (releasedVolatile() ? "released " : "") + describe();
    }
}
