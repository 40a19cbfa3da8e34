// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.core.Cpu;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Fault;
import dev.samara.emulator.isa.InstructionDecoder;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The registers of a hart, and its accesses to memory. An instruction changes registers after its access has succeeded,
 * so a failed access leaves those from before the instruction.
 */
public final class Hart extends FlatMemory {
    /** The number of the register of return addresses. */
    public static final int RA = 1;

    /** The number of the stack pointer. */
    public static final int SP = 2;

    /** The number of the thread pointer. */
    public static final int TP = 4;

    /** The number of the first register of arguments, and of results. */
    public static final int A0 = 10;

    /** The number of the register that has the number of a system call. */
    public static final int A7 = 17;

    private static final int ROUNDING_SHIFT = 5;

    /** The integer registers by number; x0 is 0, and {@link InstructionDecoder#NOWHERE} takes what is written to it. */
    public final long[] x = new long[InstructionDecoder.NOWHERE + 1];

    /** The bits of the floating point registers; a float has ones above it. */
    public final long[] f = new long[32];

    /** The address of the next instruction, whenever no block runs. */
    public long pc;

    /** Flags in the low five bits, which are never set here, and the rounding mode above. */
    public int fcsr;

    private final AccessTrap trap = new AccessTrap();
    private int faultKind;
    private long faultAddress;
    private int faultAccess;

    /**
     * Set by any thread, read and cleared by that of this hart: there is something to do outside of blocks.
     *
     * @written any thread sets it (volatile); the thread of the hart clears it (volatile)
     * @read the thread of the hart, before each block that it interprets and before translated code, which leaves after
     *     some 2,048 instructions (volatile)
     * @invariant a thread that asks has written before what there is to do; the hart's thread clears the word before it
     *     looks for that
     */
    private volatile boolean isAsked;

    private final HartCounts counts = new HartCounts();
    private long steppedLoad;
    private int steppedLoadBytes;

    /**
     * Makes the hart of a CPU.
     *
     * @param cpu a CPU of the calling thread
     */
    public Hart(Cpu cpu) {
        super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    protected void fault(int fault, long address, int access, int size) {
        if (fault == Fault.RETRY) {
            // The interrupt is of no concern to the guest: the access is made again.
            Thread.interrupted();
            return;
        }
        faultKind = fault;
        faultAddress = address;
        faultAccess = access;
        throw trap;
    }

    /**
     * Returns why the last access has failed.
     *
     * @return a {@link Fault}
     */
    public int faultKind() {
        return faultKind;
    }

    /**
     * Returns where the last access has failed.
     *
     * @return the address
     */
    public long faultAddress() {
        return faultAddress;
    }

    /**
     * Returns the right that the last failed access needed.
     *
     * @return a bit of {@link dev.samara.core.mman.Protection}
     */
    public int faultAccess() {
        return faultAccess;
    }

    /** Asks the hart to stop before its next block, or at the next poll of translated code. For any thread. */
    public void ask() {
        isAsked = true;
    }

    /**
     * Returns whether a thread has asked this hart to stop.
     *
     * @return whether {@link #ask} was called since {@link #answer}
     */
    public boolean isAsked() {
        return isAsked;
    }

    /** Answers {@link #ask}; the caller looks afterwards for what is to be done. */
    public void answer() {
        isAsked = false;
    }

    /** Notes what the single instruction that is to be made loads. */
    void noteLoad(long address, int bytes) {
        steppedLoad = address;
        steppedLoadBytes = bytes;
    }

    /**
     * Returns what the last {@linkplain RiscvInterpreter#step single instruction} has loaded.
     *
     * @return the address of the first byte
     */
    public long steppedLoad() {
        return steppedLoad;
    }

    /**
     * Returns how much the last {@linkplain RiscvInterpreter#step single instruction} has loaded.
     *
     * @return the number of bytes, 0 if it was no load
     */
    public int steppedLoadBytes() {
        return steppedLoadBytes;
    }

    /** Ends the reservation of the last LR. */
    public void clearReservation() {
        memory().clearReservation();
    }

    /**
     * Returns the rounding mode of an instruction.
     *
     * @param mode that of the instruction, 7 for the dynamic one
     * @return 0 to nearest, 1 to zero, 2 down, 3 up, 4 to nearest, away from zero
     */
    int rounding(int mode) {
        return mode == 7 ? fcsr >> ROUNDING_SHIFT & 7 : mode;
    }

    /**
     * Returns what this hart has counted.
     *
     * @return the counts, always the same object
     */
    public HartCounts counts() {
        return counts;
    }

    /**
     * Takes over the registers of another hart, as a new thread or a child does.
     *
     * @param other a hart whose thread waits meanwhile
     */
    public void copyFrom(Hart other) {
        System.arraycopy(other.x, 0, x, 0, x.length);
        System.arraycopy(other.f, 0, f, 0, f.length);
        pc = other.pc;
        fcsr = other.fcsr;
    }

    /** Clears all registers, as {@code execve} does. */
    public void reset() {
        Arrays.fill(x, 0);
        Arrays.fill(f, 0);
        fcsr = 0;
        clearReservation();
    }
}
