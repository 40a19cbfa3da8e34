// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.cpu.BlockCache.Breakpoints;
import dev.samara.emulator.cpu.BlockCache.CodeBlock;
import dev.samara.emulator.cpu.Hart.AccessTrap;
import dev.samara.emulator.cpu.TranslatedCode.CodeTranslator;
import dev.samara.emulator.isa.Op;
import org.jspecify.annotations.Nullable;

/**
 * Runs decoded blocks, and the translated code of blocks that have it. The frequent instructions are in one method that
 * is small enough for HotSpot's compilers, which do not compile a method of more than 8,000 bytes of bytecode.
 */
public final class RiscvInterpreter {
    private final Hart hart;
    private final BlockCache blocks;
    private final RareInstructions rare;
    private final @Nullable CodeTranslator translator;
    private int stop;

    /**
     * Creates the interpreter of a hart.
     *
     * @param hart the registers and the memory
     * @param blocks the decoded blocks
     * @param translator translates hot blocks; null if all blocks are interpreted
     */
    public RiscvInterpreter(Hart hart, BlockCache blocks, @Nullable CodeTranslator translator) {
        this.hart = hart;
        this.blocks = blocks;
        this.translator = translator;
        rare = new RareInstructions(hart);
    }

    /**
     * Runs the guest from its pc until it stops. Polls before each block, and before translated code, which exits for
     * the next poll. Called in GUEST, which it may leave temporarily.
     *
     * @return a constant of {@link LeaveReason}
     */
    public int run() {
        Hart hart = this.hart;
        long instructions = 0;
        // Whether translated code exited before an instruction that it does not execute.
        boolean isLeft = false;
        CodeBlock block = find(hart.pc);
        while (block != null) {
            hart.poll();
            if (hart.isAsked()) {
                hart.pc = block.start;
                stop = LeaveReason.ATTENTION;
                break;
            }
            if (hart.hasReservedRounding()) {
                isLeft = false;
                instructions++;
                block = executeAlone(block);
                continue;
            }
            TranslatedCode translated = block.translated;
            if (translated != null && !isLeft) {
                long next = translated.run(hart);
                isLeft = (next & TranslatedCode.INTERPRET) != 0;
                block = find(next & -2);
                continue;
            }
            if (!isLeft && --block.untilAsked == 0) {
                heat(block);
            }
            isLeft = false;
            instructions += block.instructions;
            block = execute(block);
        }
        hart.counts().instructions += instructions;
        return stop;
    }

    /** Requests a translation of a hot block, and schedules the next request after some more runs. */
    private void heat(CodeBlock block) {
        if (translator != null) {
            block.askAfter(translator.translate(block, blocks));
        }
    }

    /**
     * Runs one instruction, even at the address of a breakpoint, and even if another thread requested the hart to stop.
     * Called in GUEST, which it may leave temporarily.
     *
     * @return a constant of {@link LeaveReason}; {@link LeaveReason#ATTENTION} if the guest can continue
     */
    public int step() {
        hart.poll();
        long from = hart.pc;
        CodeBlock block = blocks.alone(from);
        if (block == null) {
            return LeaveReason.FAULT;
        }
        int bytes = loadedBytes(block.code[0] & 0xff);
        long offset = bytes != 0 && hasOffset(block.code[0] & 0xff) ? block.code[1] : 0;
        hart.noteLoad(hart.x[block.code[0] >> 16 & 0xff] + offset, bytes);
        CodeBlock next = executeChecked(block);
        hart.counts().instructions++;
        if (next != null) {
            hart.pc = next.start;
            return LeaveReason.ATTENTION;
        }
        // If the next instruction cannot be fetched, the fault is reported when that instruction is executed.
        return stop == LeaveReason.FAULT && hart.pc != from ? LeaveReason.ATTENTION : stop;
    }

    /** Returns the number of bytes that an instruction loads, for read watchpoints; 0 if it does not load. */
    private static int loadedBytes(int op) {
        return switch (op) {
            case Op.LB, Op.LBU -> Byte.BYTES;
            case Op.LH, Op.LHU -> Short.BYTES;
            case Op.LW, Op.LWU, Op.FLW -> Integer.BYTES;
            case Op.LD, Op.FLD -> Long.BYTES;
            case Op.LR_W, Op.AMOSWAP_W, Op.AMOADD_W, Op.AMOXOR_W, Op.AMOAND_W, Op.AMOOR_W -> Integer.BYTES;
            case Op.AMOMIN_W, Op.AMOMAX_W, Op.AMOMINU_W, Op.AMOMAXU_W -> Integer.BYTES;
            case Op.LR_D, Op.AMOSWAP_D, Op.AMOADD_D, Op.AMOXOR_D, Op.AMOAND_D, Op.AMOOR_D -> Long.BYTES;
            case Op.AMOMIN_D, Op.AMOMAX_D, Op.AMOMINU_D, Op.AMOMAXU_D -> Long.BYTES;
            default -> 0;
        };
    }

    /** Returns whether the second int of a load is an offset that is added to the address. */
    private static boolean hasOffset(int op) {
        return switch (op) {
            case Op.LB, Op.LBU, Op.LH, Op.LHU, Op.LW, Op.LWU, Op.LD, Op.FLW, Op.FLD -> true;
            default -> false;
        };
    }

    /** Executes the first instruction of a block, while instructions that use the rounding mode are invalid. */
    private @Nullable CodeBlock executeAlone(CodeBlock block) {
        CodeBlock first = block.instructions == 1 ? block : blocks.alone(block.start);
        return first == null ? stop(LeaveReason.FAULT, block.start) : executeChecked(first);
    }

    /** Executes a block of one instruction, unless the rounding mode that it uses is reserved. */
    private @Nullable CodeBlock executeChecked(CodeBlock block) {
        return hart.hasReservedRounding() && Op.isRoundedDynamically(block.code[0] & 0xff, block.code[1])
                ? stop(LeaveReason.ILLEGAL, block.start)
                : execute(block);
    }

    /**
     * Returns the block at an address; null if its first instruction cannot be fetched, which stops the guest there.
     */
    private @Nullable CodeBlock find(long pc) {
        CodeBlock found = blocks.at(pc);
        if (found == null) {
            hart.pc = pc;
            stop = LeaveReason.FAULT;
        }
        return found;
    }

    private @Nullable CodeBlock stop(int reason, long pc) {
        hart.pc = pc;
        stop = reason;
        return null;
    }

    private @Nullable CodeBlock taken(CodeBlock block, int at, int distance) {
        CodeBlock next = block.taken;
        return next != null && !next.isGone() ? next : jump(block, block.pc(at) + distance);
    }

    private @Nullable CodeBlock jump(CodeBlock block, long to) {
        CodeBlock next = find(to);
        block.taken = next;
        return next;
    }

    private @Nullable CodeBlock jumpElsewhere(CodeBlock block, long to) {
        block.goesTo(to);
        return jump(block, to);
    }

    private @Nullable CodeBlock fallen(CodeBlock block) {
        CodeBlock next = block.fallen;
        if (next == null || next.isGone()) {
            next = find(block.end);
            block.fallen = next;
        }
        return next;
    }

    /** Executes a block, and returns the next one; null if the guest stops. */
    @SuppressWarnings({"IntLongMath", "NarrowCalculation"}) // words overflow on purpose
    private @Nullable CodeBlock execute(CodeBlock block) {
        Hart hart = this.hart;
        long[] x = hart.x;
        int[] code = block.code;
        int i = 0;
        try {
            for (; ; i += 2) {
                int word = code[i];
                int imm = code[i + 1];
                int rd = word >> 8 & 0xff;
                int rs1 = word >> 16 & 0xff;
                int rs2 = word >>> 24;
                switch (word & 0xff) {
                    case Op.LUI -> x[rd] = imm;
                    case Op.AUIPC -> x[rd] = block.pc(i) + imm;
                    case Op.ADDI -> x[rd] = x[rs1] + imm;
                    case Op.SLTI -> x[rd] = x[rs1] < imm ? 1 : 0;
                    case Op.SLTIU -> x[rd] = x[rs1] + Long.MIN_VALUE < imm + Long.MIN_VALUE ? 1 : 0;
                    case Op.XORI -> x[rd] = x[rs1] ^ imm;
                    case Op.ORI -> x[rd] = x[rs1] | imm;
                    case Op.ANDI -> x[rd] = x[rs1] & imm;
                    case Op.SLLI -> x[rd] = x[rs1] << imm;
                    case Op.SRLI -> x[rd] = x[rs1] >>> imm;
                    case Op.SRAI -> x[rd] = x[rs1] >> imm;
                    case Op.ADDIW -> x[rd] = (int) x[rs1] + imm;
                    case Op.SLLIW -> x[rd] = (int) x[rs1] << imm;
                    case Op.SRLIW -> x[rd] = (int) x[rs1] >>> imm;
                    case Op.SRAIW -> x[rd] = (int) x[rs1] >> imm;
                    case Op.ADD -> x[rd] = x[rs1] + x[rs2];
                    case Op.SUB -> x[rd] = x[rs1] - x[rs2];
                    case Op.SLL -> x[rd] = x[rs1] << x[rs2];
                    case Op.SLT -> x[rd] = x[rs1] < x[rs2] ? 1 : 0;
                    case Op.SLTU -> x[rd] = x[rs1] + Long.MIN_VALUE < x[rs2] + Long.MIN_VALUE ? 1 : 0;
                    case Op.XOR -> x[rd] = x[rs1] ^ x[rs2];
                    case Op.SRL -> x[rd] = x[rs1] >>> x[rs2];
                    case Op.SRA -> x[rd] = x[rs1] >> x[rs2];
                    case Op.OR -> x[rd] = x[rs1] | x[rs2];
                    case Op.AND -> x[rd] = x[rs1] & x[rs2];
                    case Op.ADDW -> x[rd] = (int) x[rs1] + (int) x[rs2];
                    case Op.SUBW -> x[rd] = (int) x[rs1] - (int) x[rs2];
                    case Op.SLLW -> x[rd] = (int) x[rs1] << (int) x[rs2];
                    case Op.SRLW -> x[rd] = (int) x[rs1] >>> (int) x[rs2];
                    case Op.SRAW -> x[rd] = (int) x[rs1] >> (int) x[rs2];
                    case Op.MUL -> x[rd] = x[rs1] * x[rs2];
                    case Op.MULW -> x[rd] = (int) x[rs1] * (int) x[rs2];
                    case Op.LB -> x[rd] = hart.loadByte(x[rs1] + imm);
                    case Op.LH -> x[rd] = hart.loadShort(x[rs1] + imm);
                    case Op.LW -> x[rd] = hart.loadInt(x[rs1] + imm);
                    case Op.LD -> x[rd] = hart.loadLong(x[rs1] + imm);
                    case Op.LBU -> x[rd] = hart.loadByte(x[rs1] + imm) & 0xff;
                    case Op.LHU -> x[rd] = hart.loadShort(x[rs1] + imm) & 0xffff;
                    case Op.LWU -> x[rd] = hart.loadInt(x[rs1] + imm) & 0xffff_ffffL;
                    case Op.SB -> hart.storeByte(x[rs1] + imm, (byte) x[rs2]);
                    case Op.SH -> hart.storeShort(x[rs1] + imm, (short) x[rs2]);
                    case Op.SW -> hart.storeInt(x[rs1] + imm, (int) x[rs2]);
                    case Op.SD -> hart.storeLong(x[rs1] + imm, x[rs2]);
                    case Op.FLW -> hart.f[rd] = hart.loadInt(x[rs1] + imm) | FloatOperations.BOX;
                    case Op.FLD -> hart.f[rd] = hart.loadLong(x[rs1] + imm);
                    case Op.FSW -> hart.storeInt(x[rs1] + imm, (int) hart.f[rs2]);
                    case Op.FSD -> hart.storeLong(x[rs1] + imm, hart.f[rs2]);
                    case Op.FADD_D -> hart.f[rd] = FloatOperations.of(value(hart, rs1) + value(hart, rs2));
                    case Op.FSUB_D -> hart.f[rd] = FloatOperations.of(value(hart, rs1) - value(hart, rs2));
                    case Op.FMUL_D -> hart.f[rd] = FloatOperations.of(value(hart, rs1) * value(hart, rs2));
                    case Op.FDIV_D -> hart.f[rd] = FloatOperations.of(value(hart, rs1) / value(hart, rs2));
                    case Op.FMADD_D ->
                        hart.f[rd] =
                                FloatOperations.of(Math.fma(value(hart, rs1), value(hart, rs2), value(hart, imm >> 8)));
                    case Op.FSGNJ_D -> hart.f[rd] = (hart.f[rs1] & Long.MAX_VALUE) | (hart.f[rs2] & Long.MIN_VALUE);
                    case Op.FEQ_D -> x[rd] = value(hart, rs1) == value(hart, rs2) ? 1 : 0;
                    case Op.FLT_D -> x[rd] = value(hart, rs1) < value(hart, rs2) ? 1 : 0;
                    case Op.FLE_D -> x[rd] = value(hart, rs1) <= value(hart, rs2) ? 1 : 0;
                    case Op.FCVT_D_W -> hart.f[rd] = FloatOperations.of((double) (int) x[rs1]);
                    case Op.FCVT_D_L -> hart.f[rd] = FloatOperations.of((double) x[rs1]);
                    case Op.FMV_X_D -> x[rd] = hart.f[rs1];
                    case Op.FMV_D_X -> hart.f[rd] = x[rs1];
                    case Op.BEQ -> {
                        return x[rs1] == x[rs2] ? taken(block, i, imm) : fallen(block);
                    }
                    case Op.BNE -> {
                        return x[rs1] != x[rs2] ? taken(block, i, imm) : fallen(block);
                    }
                    case Op.BLT -> {
                        return x[rs1] < x[rs2] ? taken(block, i, imm) : fallen(block);
                    }
                    case Op.BGE -> {
                        return x[rs1] >= x[rs2] ? taken(block, i, imm) : fallen(block);
                    }
                    case Op.BLTU -> {
                        return x[rs1] + Long.MIN_VALUE < x[rs2] + Long.MIN_VALUE ? taken(block, i, imm) : fallen(block);
                    }
                    case Op.BGEU -> {
                        return x[rs1] + Long.MIN_VALUE >= x[rs2] + Long.MIN_VALUE
                                ? taken(block, i, imm)
                                : fallen(block);
                    }
                    case Op.JAL -> {
                        x[rd] = block.end;
                        return taken(block, i, imm);
                    }
                    case Op.JALR -> {
                        long to = x[rs1] + imm & -2;
                        x[rd] = block.end;
                        CodeBlock next = block.taken;
                        return next != null && next.start == to && !next.isGone() ? next : jumpElsewhere(block, to);
                    }
                    case Op.NEXT -> {
                        return fallen(block);
                    }
                    case Op.GONE -> {
                        return find(block.pc(i));
                    }
                    case Op.FENCE_I -> {
                        blocks.clear();
                        return find(block.end);
                    }
                    case Op.ECALL -> {
                        return stop(LeaveReason.SYSTEM_CALL, block.end);
                    }
                    case Op.EBREAK -> {
                        return stop(imm == 0 ? LeaveReason.BREAKPOINT : imm, block.pc(i));
                    }
                    case Op.ILLEGAL -> {
                        return stop(LeaveReason.ILLEGAL, block.pc(i));
                    }
                    default -> rare.execute(word, imm);
                }
            }
        } catch (AccessTrap trap) {
            return stop(LeaveReason.FAULT, block.pc(i));
        }
    }

    private static double value(Hart hart, int register) {
        return Double.longBitsToDouble(hart.f[register]);
    }

    /** The reasons for which the interpreter stops. */
    public static final class LeaveReason {
        /** The guest executed {@code ecall}; pc is after it. */
        public static final int SYSTEM_CALL = 1;

        /** The guest reached {@code ebreak}; pc is its address. */
        public static final int BREAKPOINT = 2;

        /** The guest reached an illegal instruction; pc is its address, which is also the fault address. */
        public static final int ILLEGAL = 3;

        /** An access failed; pc is the address of its instruction, and the hart contains the fault. */
        public static final int FAULT = 4;

        /**
         * Another thread {@linkplain Hart#ask requested} the hart to stop; pc is the address of the next instruction.
         */
        public static final int ATTENTION = 5;

        /** The guest reached an address of {@link Breakpoints}; pc is that address. */
        public static final int DEBUGGER = 6;

        private LeaveReason() {}
    }
}
