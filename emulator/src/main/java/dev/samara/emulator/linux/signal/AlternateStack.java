// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** The alternate stack of a thread for signal handlers ({@code sigaltstack}). Used only by its thread. */
public final class AlternateStack {
    static final int ON_STACK = 1;
    static final int DISABLED = 2;
    static final int AUTO_DISARM = 1 << 31;

    /** The size of {@code stack_t}. */
    public static final int BYTES = 24;

    private static final long LEAST = 2048;

    private long start;
    private long length;
    /** Whether the stack is disabled when a handler starts on it ({@code SS_AUTODISARM}). */
    private boolean isAutomatic;

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
        return isSet() && (isAutomatic || !contains(sp));
    }

    /** Whether a frame that starts on this stack would end beyond it. */
    boolean isTooSmall(long sp, long frame) {
        return !isAutomatic && contains(sp) && !contains(frame);
    }

    boolean isAutomatic() {
        return isAutomatic && isSet();
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
        isAutomatic = other.isAutomatic;
    }

    public void putTo(ByteBuffer to, int at, long sp) {
        int state = !isSet() ? DISABLED : !isAutomatic && contains(sp) ? ON_STACK : 0;
        to.putLong(at, start);
        to.putInt(at + 8, isAutomatic ? state | AUTO_DISARM : state);
        to.putLong(at + 16, length);
    }

    void takeFrom(ByteBuffer from, int at) {
        set(from.getLong(at), from.getInt(at + 8), from.getLong(at + 16));
    }

    private void set(long newStart, int newFlags, long newLength) {
        boolean isNone = (newFlags & DISABLED) != 0;
        start = isNone ? 0 : newStart;
        length = isNone ? 0 : newLength;
        isAutomatic = (newFlags & AUTO_DISARM) != 0;
    }

    /** Changes the stack as {@code sigaltstack} does ({@code do_sigaltstack}). */
    public long change(ByteBuffer from, long sp) {
        int newFlags = from.getInt(8);
        if (!isAutomatic && contains(sp)) {
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
