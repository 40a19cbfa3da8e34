// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** The alternate stack of a thread for signal handlers ({@code sigaltstack}). Used only by its thread. */
public final class AlternateStack {
    private static final int ON_STACK = 1;
    private static final int DISABLED = 2;
    private static final int AUTO_DISARM = 1 << 31;

    /** The size of {@code stack_t}. */
    public static final int BYTES = 24;

    private static final long LEAST = 2048;

    private long start;
    private long length;

    /** The flags of the last change ({@code sas_ss_flags}). */
    private int flags = DISABLED;

    public AlternateStack() {}

    /** A stack of length 0 is not set. */
    private boolean isSet() {
        return length != 0;
    }

    /**
     * Whether a stack pointer is on this stack. The length may be greater than any address ({@code __on_sig_stack}).
     */
    private boolean contains(long sp) {
        return Long.compareUnsigned(sp, start) > 0 && Long.compareUnsigned(sp - start, length) <= 0;
    }

    /** Whether a handler can start on this stack, because it is set and not in use. */
    boolean isUsable(long sp) {
        return isSet() && !isInUse(sp);
    }

    /** Whether a handler runs on this stack ({@code on_sig_stack}). A stack that disarms itself is not used again. */
    private boolean isInUse(long sp) {
        return (flags & AUTO_DISARM) == 0 && contains(sp);
    }

    /** Whether a frame that starts on this stack would end beyond it. */
    boolean isTooSmall(long sp, long frame) {
        return isInUse(sp) && !contains(frame);
    }

    /** Called when a handler starts, on any stack. Disables a stack that disarms itself ({@code signal_delivered}). */
    void entered() {
        if ((flags & AUTO_DISARM) != 0) {
            disable();
        }
    }

    long top() {
        return start + length;
    }

    public void disable() {
        set(0, DISABLED, 0);
    }

    public void copyFrom(AlternateStack other) {
        start = other.start;
        length = other.length;
        flags = other.flags;
    }

    /** Stores the stack as {@code sigaltstack} returns it: whether it is disabled or in use. */
    public void putTo(ByteBuffer to, long sp) {
        int state = !isSet() ? DISABLED : isInUse(sp) ? ON_STACK : 0;
        put(to, 0, state | (flags & AUTO_DISARM));
    }

    /** Stores the stack as a frame contains it: with the flags of the last change ({@code __save_altstack}). */
    void saveTo(ByteBuffer to, int at) {
        put(to, at, flags);
    }

    private void put(ByteBuffer to, int at, int stored) {
        to.putLong(at, start).putInt(at + 8, stored).putLong(at + 16, length);
    }

    private void set(long newStart, int newFlags, long newLength) {
        boolean isNone = (newFlags & DISABLED) != 0;
        start = isNone ? 0 : newStart;
        length = isNone ? 0 : newLength;
        flags = newFlags;
    }

    /** Changes the stack as {@code sigaltstack} does, or returns an error ({@code do_sigaltstack}). */
    public long change(ByteBuffer from, long sp) {
        int newFlags = from.getInt(8);
        if (isInUse(sp)) {
            return LinuxErrno.EPERM;
        }
        int mode = newFlags & ~AUTO_DISARM;
        if (mode != 0 && mode != ON_STACK && mode != DISABLED) {
            return LinuxErrno.EINVAL;
        }
        if (mode != DISABLED && Long.compareUnsigned(from.getLong(16), LEAST) < 0) {
            return LinuxErrno.ENOMEM;
        }
        set(from.getLong(0), newFlags, from.getLong(16));
        return 0;
    }
}
