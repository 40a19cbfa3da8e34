// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.core.Cpu;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Fault;
import dev.samara.emulator.isa.InstructionDecoder;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The registers of a hart, and its accesses to memory. An instruction changes registers only after its access has
 * succeeded, so a failed access leaves the registers unchanged.
 */
public final class Hart extends FlatMemory {
    /** The number of the return address register. */
    public static final int RA = 1;

    /** The number of the stack pointer register. */
    public static final int SP = 2;

    /** The number of the thread pointer register. */
    public static final int TP = 4;

    /** The number of the first register for arguments and results. */
    public static final int A0 = 10;

    /** The number of the register that contains the number of a system call. */
    public static final int A7 = 17;

    private static final int ROUNDING_SHIFT = 5;

    /** The first rounding mode that the control register should not contain. */
    private static final int FIRST_RESERVED = 5;

    /** The integer registers by number. x0 is 0; writes to x0 go to {@link InstructionDecoder#NOWHERE} instead. */
    public final long[] x = new long[InstructionDecoder.NOWHERE + 1];

    /** The bits of the floating-point registers. The bits above a float are ones. */
    public final long[] f = new long[32];

    /** The address of the next instruction. Valid while no block runs. */
    public long pc;

    /** The flags in the low five bits, which the emulator never sets, and the rounding mode above them. */
    public int fcsr;

    private final AccessTrap trap = new AccessTrap();
    private int faultKind;
    private long faultAddress;
    private int faultAccess;

    /**
     * Whether the hart must leave its blocks because there is work to do. Set by any thread, read and cleared by the
     * thread of this hart.
     *
     * <p>Written: any thread sets it (volatile); the thread of the hart clears it (volatile).
     * Read: the thread of the hart, before each block that it interprets, and before translated code, which exits after
     *     some 2,048 instructions (volatile).
     * Invariant: a thread records the work before it sets this word; the hart's thread clears the word before it checks
     *     for work.
     */
    private volatile boolean isAsked;

    private final HartCounts counts = new HartCounts();
    private long steppedLoad;
    private int steppedLoadBytes;

    /**
     * Creates the hart of a CPU.
     *
     * @param cpu a CPU that belongs to the calling thread
     */
    public Hart(Cpu cpu) {
        super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    @SuppressWarnings("ThreadPriorityCheck") // only saves time
    protected void fault(int fault, long address, int access, int size) {
        if (fault == Fault.RETRY) {
            // The access is retried while the machine takes memory from a process, which needs the processor.
            Thread.yield();
            return;
        }
        faultKind = fault;
        faultAddress = address;
        faultAccess = access;
        throw trap;
    }

    /**
     * Returns why the last failed access failed.
     *
     * @return a {@link Fault}
     */
    public int faultKind() {
        return faultKind;
    }

    /**
     * Returns the address of the last failed access.
     *
     * @return the address
     */
    public long faultAddress() {
        return faultAddress;
    }

    /**
     * Returns the right that the last failed access needed.
     *
     * @return a {@code PROT_*} bit of {@link dev.samara.core.mman.Mman}
     */
    public int faultAccess() {
        return faultAccess;
    }

    /**
     * Requests the hart to stop before its next block, or at the next poll of translated code. May be called by any
     * thread.
     */
    public void ask() {
        isAsked = true;
    }

    /**
     * Returns whether a thread requested this hart to stop.
     *
     * @return whether {@link #ask} was called since {@link #answer}
     */
    public boolean isAsked() {
        return isAsked;
    }

    /** Clears the request of {@link #ask}. The caller must check for work afterwards. */
    public void answer() {
        isAsked = false;
    }

    /** Records which bytes the next single instruction loads. */
    void noteLoad(long address, int bytes) {
        steppedLoad = address;
        steppedLoadBytes = bytes;
    }

    /**
     * Returns the address from which the last {@linkplain RiscvInterpreter#step single instruction} loaded.
     *
     * @return the address of the first byte
     */
    public long steppedLoad() {
        return steppedLoad;
    }

    /**
     * Returns how many bytes the last {@linkplain RiscvInterpreter#step single instruction} loaded.
     *
     * @return the number of bytes, 0 if it was not a load
     */
    public int steppedLoadBytes() {
        return steppedLoadBytes;
    }

    /** Clears the reservation of the last LR. */
    public void clearReservation() {
        memory().clearReservation();
    }

    /**
     * Returns the rounding mode of an instruction.
     *
     * @param mode the mode in the instruction, 7 for the dynamic mode
     * @return 0 to nearest with ties to even, 1 toward zero, 2 down, 3 up, 4 to nearest with ties away from zero
     */
    int rounding(int mode) {
        return mode == 7 ? fcsr >> ROUNDING_SHIFT & 7 : mode;
    }

    /**
     * Returns whether the rounding mode of {@link #fcsr} is reserved, so that instructions that use it are invalid.
     *
     * @return whether it is 5 or higher
     */
    boolean hasReservedRounding() {
        return fcsr >= FIRST_RESERVED << ROUNDING_SHIFT;
    }

    /**
     * Returns the counters of this hart.
     *
     * @return the counters, always the same object
     */
    public HartCounts counts() {
        return counts;
    }

    /**
     * Copies the registers of another hart, for a new thread or a child process.
     *
     * @param other a hart whose thread waits during the call
     */
    public void copyFrom(Hart other) {
        System.arraycopy(other.x, 0, x, 0, x.length);
        System.arraycopy(other.f, 0, f, 0, f.length);
        pc = other.pc;
        fcsr = other.fcsr;
    }

    /**
     * Continues at an address. Its lowest bit is ignored, as by {@code sret}, which the kernel uses.
     *
     * @param address the address
     */
    public void continueAt(long address) {
        pc = address & -2;
    }

    /** Clears all registers, as {@code execve} does. */
    public void reset() {
        Arrays.fill(x, 0);
        Arrays.fill(f, 0);
        fcsr = 0;
        clearReservation();
    }

    /** Counters of a hart, written by its thread. Other threads read them after that thread has ended. */
    public static final class HartCounts {
        /** The number of executed instructions. */
        public long instructions;

        /** The number of decoded blocks. */
        public long decodedBlocks;

        /** The number of blocks that were dropped because their code may have changed. */
        public long droppedBlocks;

        /** The number of reads of the floating-point flags, which are always 0. */
        public long flagReads;

        /** The number of changes to a rounding mode that only conversions to integers obey. */
        public long roundingChanges;

        /** Creates counters that are 0. */
        public HartCounts() {}

        /**
         * Adds the counters of a hart whose thread has ended.
         *
         * @param other the counters of that hart
         */
        public void add(HartCounts other) {
            instructions += other.instructions;
            decodedBlocks += other.decodedBlocks;
            droppedBlocks += other.droppedBlocks;
            flagReads += other.flagReads;
            roundingChanges += other.roundingChanges;
        }
    }

    /**
     * Thrown by a failed access, and caught by the loop that runs the block. Created once for each hart, without a
     * stack trace.
     */
    public static final class AccessTrap extends RuntimeException {
        private static final long serialVersionUID = 1;

        AccessTrap() {
            super(null, null, false, false);
        }
    }
}
