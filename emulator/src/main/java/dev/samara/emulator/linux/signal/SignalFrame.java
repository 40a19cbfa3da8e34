// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.memory.CallMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The frame of a handler on its stack ({@code rt_sigframe} of {@code arch/riscv/kernel/signal.c}): the siginfo, and the
 * ucontext with the registers to restore.
 */
public final class SignalFrame {
    private static final int CONTEXT = SignalInfo.BYTES;
    private static final int STACK = CONTEXT + 16;
    private static final int MASK = CONTEXT + 40;

    /** The offset of pc, which is followed by the registers from x1 on. */
    private static final int REGISTERS = CONTEXT + 176;

    private static final int FLOATS = REGISTERS + 256;
    private static final int CONTROL = FLOATS + 256;

    /** The size of the frame, which has room for floating-point registers of 128 bits. */
    private static final int BYTES = FLOATS + 528;

    private static final int ALIGNMENT = 16;

    private SignalFrame() {}

    /**
     * Makes the thread continue in a handler.
     *
     * @param mask the signals that are blocked again after the handler
     */
    static void enter(SignalThread thread, SignalInfo info, long handler, boolean onStack, long mask) {
        Hart hart = thread.hart();
        AlternateStack other = thread.alternateStack();
        long sp = hart.x[Hart.SP];
        long top = onStack && other.isUsable(sp) ? other.top() : sp;
        long frame = top - BYTES & -ALIGNMENT;
        if (other.isTooSmall(sp, sp - BYTES)) {
            throw thread.memory().badAddress();
        }
        ByteBuffer bytes = CallMemory.structure(BYTES);
        info.putTo(bytes);
        other.putTo(bytes, STACK, sp);
        bytes.putLong(MASK, mask);
        bytes.putLong(REGISTERS, hart.pc);
        for (int i = 1; i < 32; i++) {
            bytes.putLong(REGISTERS + Long.BYTES * i, hart.x[i]);
        }
        for (int i = 0; i < 32; i++) {
            bytes.putLong(FLOATS + Long.BYTES * i, hart.f[i]);
        }
        bytes.putInt(CONTROL, hart.fcsr);
        thread.memory().put(frame, bytes);
        if (other.isAutomatic()) {
            other.disable();
        }
        hart.x[Hart.RA] = thread.process().memory().trampoline();
        hart.x[Hart.SP] = frame;
        hart.x[Hart.A0] = info.signal();
        hart.x[Hart.A0 + 1] = frame;
        hart.x[Hart.A0 + 2] = frame + CONTEXT;
        hart.pc = handler;
        hart.clearReservation();
    }

    /** Restores the registers of the thread from the frame at its stack pointer ({@code rt_sigreturn}). */
    public static void leave(SignalThread thread) {
        Hart hart = thread.hart();
        ByteBuffer bytes =
                ByteBuffer.wrap(thread.memory().get(hart.x[Hart.SP], BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        hart.pc = bytes.getLong(REGISTERS);
        for (int i = 1; i < 32; i++) {
            hart.x[i] = bytes.getLong(REGISTERS + Long.BYTES * i);
        }
        for (int i = 0; i < 32; i++) {
            hart.f[i] = bytes.getLong(FLOATS + Long.BYTES * i);
        }
        hart.fcsr = bytes.getInt(CONTROL) & 0xff;
        hart.clearReservation();
        thread.alternateStack().takeFrom(bytes, STACK);
        thread.mask().set(bytes.getLong(MASK));
    }
}
