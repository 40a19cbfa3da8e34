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

    /** A reserved word, and the header of the first extension, which is the end of the list if it is 0. */
    private static final int RESERVED = FLOATS + 516;

    private static final int EXTENSION = RESERVED + 4;

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
        other.saveTo(bytes, STACK);
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
        other.entered();
        hart.x[Hart.RA] = thread.process().memory().trampoline();
        hart.x[Hart.SP] = frame;
        hart.x[Hart.A0] = info.signal();
        hart.x[Hart.A0 + 1] = frame;
        hart.x[Hart.A0 + 2] = frame + CONTEXT;
        hart.continueAt(handler);
        hart.clearReservation();
    }

    /**
     * Restores the registers of the thread from the frame at its stack pointer ({@code rt_sigreturn}). The program may
     * have changed the frame. Signals that cannot be blocked stay unblocked, and an alternate stack that {@code
     * sigaltstack} would refuse is ignored.
     *
     * @return false if the frame contains an extension that this hart does not have, so that the thread takes SIGSEGV
     */
    public static boolean leave(SignalThread thread) {
        Hart hart = thread.hart();
        ByteBuffer bytes =
                ByteBuffer.wrap(thread.memory().get(hart.x[Hart.SP], BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        thread.mask().set(bytes.getLong(MASK));
        hart.continueAt(bytes.getLong(REGISTERS));
        for (int i = 1; i < 32; i++) {
            hart.x[i] = bytes.getLong(REGISTERS + Long.BYTES * i);
        }
        for (int i = 0; i < 32; i++) {
            hart.f[i] = bytes.getLong(FLOATS + Long.BYTES * i);
        }
        hart.fcsr = bytes.getInt(CONTROL) & 0xff;
        hart.clearReservation();
        if (bytes.getInt(RESERVED) != 0 || bytes.getLong(EXTENSION) != 0) {
            return false;
        }
        ByteBuffer stack = bytes.slice(STACK, AlternateStack.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        thread.alternateStack().change(stack, hart.x[Hart.SP]);
        return true;
    }
}
