// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.cpu.Hart;

/** A copy of a thread's registers, by gdb's register numbers. Guarded by the monitor of {@link AllStop}. */
final class RegisterSet {
    /** The number of pc, after x0 to x31. */
    static final int PC = 32;

    private static final int FIRST_FLOAT = 33;
    private static final int LAST_FLOAT = 64;
    private static final int FLAGS = 66;
    private static final int ROUNDING = 67;
    private static final int CONTROL = 68;
    private static final int COUNT = 69;

    private static final int FLAG_BITS = 5;
    private static final int FLAG_MASK = 0x1f;
    private static final int ROUNDING_MASK = 7;

    private final long[] x = new long[PC];
    private final long[] f = new long[LAST_FLOAT - FIRST_FLOAT + 1];
    private long pc;
    private int fcsr;
    private boolean isChanged;

    RegisterSet() {}

    void copyFrom(Hart hart) {
        System.arraycopy(hart.x, 0, x, 0, x.length);
        System.arraycopy(hart.f, 0, f, 0, f.length);
        pc = hart.pc;
        fcsr = hart.fcsr;
        isChanged = false;
    }

    /** Copies the registers back to a hart if the client has changed them. Returns whether pc differs. */
    boolean copyTo(Hart hart) {
        if (!isChanged) {
            return false;
        }
        isChanged = false;
        System.arraycopy(x, 0, hart.x, 0, x.length);
        System.arraycopy(f, 0, hart.f, 0, f.length);
        hart.fcsr = fcsr;
        boolean isElsewhere = hart.pc != pc;
        hart.pc = pc;
        return isElsewhere;
    }

    long pc() {
        return pc;
    }

    /** Returns the highest register number plus 1. */
    static int count() {
        return COUNT;
    }

    /** Returns the size of a register in bytes; 0 if there is no register with that number. */
    static int size(int number) {
        if (number < 0 || number >= COUNT || number == FLAGS - 1) {
            return 0;
        }
        return number <= LAST_FLOAT ? Long.BYTES : Integer.BYTES;
    }

    long get(int number) {
        if (number < PC) {
            return x[number];
        }
        if (number >= FIRST_FLOAT && number <= LAST_FLOAT) {
            return f[number - FIRST_FLOAT];
        }
        return switch (number) {
            case PC -> pc;
            case FLAGS -> fcsr & FLAG_MASK;
            case ROUNDING -> fcsr >> FLAG_BITS & ROUNDING_MASK;
            default -> fcsr;
        };
    }

    /** Sets an existing register. x0 stays 0, and pc stays even. */
    void set(int number, long value) {
        isChanged = true;
        if (number > 0 && number < PC) {
            x[number] = value;
        } else if (number >= FIRST_FLOAT && number <= LAST_FLOAT) {
            f[number - FIRST_FLOAT] = value;
        } else if (number == PC) {
            pc = value & -2;
        } else if (number == FLAGS) {
            fcsr = (fcsr & ~FLAG_MASK) | ((int) value & FLAG_MASK);
        } else if (number == ROUNDING) {
            fcsr = (fcsr & FLAG_MASK) | (((int) value & ROUNDING_MASK) << FLAG_BITS);
        } else if (number == CONTROL) {
            fcsr = (int) value & 0xff;
        }
    }
}
