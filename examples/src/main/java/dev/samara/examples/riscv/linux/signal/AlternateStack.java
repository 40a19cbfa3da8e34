// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.signal;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.nio.ByteBuffer;

/** The alternate stack of a thread for signal handlers ({@code sigaltstack}). Used by its thread. */
public final class AlternateStack {
    static final int ON_STACK = 1;
    static final int DISABLED = 2;
    static final int AUTO_DISARM = 1 << 31;

    /** The size of {@code stack_t}. */
    public static final int BYTES = 24;

    private static final long LEAST = 2048;

    private long start;
    private long length;
    private int flags = DISABLED;

    public AlternateStack() {}

    private boolean contains(long sp) {
        return flags != DISABLED && sp - start > 0 && sp - start <= length;
    }

    /** Whether a handler is to begin there: it is set, and not in use already. */
    boolean isUsable(long sp) {
        return flags != DISABLED && !contains(sp);
    }

    boolean isAutomatic() {
        return (flags & AUTO_DISARM) != 0 && flags != DISABLED;
    }

    long top() {
        return start + length;
    }

    public void disable() {
        start = 0;
        length = 0;
        flags = DISABLED;
    }

    public void copyFrom(AlternateStack other) {
        start = other.start;
        length = other.length;
        flags = other.flags;
    }

    public void putTo(ByteBuffer to, int at, long sp) {
        to.putLong(at, start);
        to.putInt(at + 8, contains(sp) && !isAutomatic() ? flags | ON_STACK : flags);
        to.putLong(at + 16, length);
    }

    void takeFrom(ByteBuffer from, int at) {
        set(from.getLong(at), from.getInt(at + 8), from.getLong(at + 16));
    }

    private void set(long newStart, int newFlags, long newLength) {
        if ((newFlags & DISABLED) != 0) {
            disable();
        } else {
            start = newStart;
            length = newLength;
            flags = newFlags & AUTO_DISARM;
        }
    }

    /** Changes the stack as the call does. */
    public long change(ByteBuffer from, long sp) {
        int newFlags = from.getInt(8);
        if (contains(sp) && !isAutomatic()) {
            return LinuxErrno.EPERM;
        }
        int mode = newFlags & ~AUTO_DISARM;
        if (mode != 0 && mode != ON_STACK && mode != DISABLED) {
            return LinuxErrno.EINVAL;
        }
        if (mode != DISABLED && from.getLong(16) < LEAST) {
            return LinuxErrno.ENOMEM;
        }
        set(from.getLong(0), newFlags, from.getLong(16));
        return 0;
    }
}
