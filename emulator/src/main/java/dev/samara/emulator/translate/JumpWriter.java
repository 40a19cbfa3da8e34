// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.objectweb.asm.Opcodes.GOTO;
import static org.objectweb.asm.Opcodes.I2L;
import static org.objectweb.asm.Opcodes.IFEQ;
import static org.objectweb.asm.Opcodes.IFGE;
import static org.objectweb.asm.Opcodes.IFGT;
import static org.objectweb.asm.Opcodes.IFLT;
import static org.objectweb.asm.Opcodes.IFNE;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.L2I;
import static org.objectweb.asm.Opcodes.LADD;
import static org.objectweb.asm.Opcodes.LAND;
import static org.objectweb.asm.Opcodes.LCMP;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.LSUB;

import dev.samara.emulator.cpu.CodeBlock;
import dev.samara.emulator.cpu.TranslatedCode;
import dev.samara.emulator.isa.Op;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;

/**
 * Writes the jump at the end of a block, to another block of the plan or out of the code. A backward jump checks the
 * instruction count, and exits for a poll when enough instructions were executed.
 */
final class JumpWriter {
    /** If a jump has more targets than this, a switch is used. */
    private static final int MOST_COMPARED = 3;

    private final HotPlan plan;
    private final MethodVisitor method;
    private final RegisterLocals registers;
    private final Map<Long, Integer> places = new HashMap<>();
    private final Map<Long, Label> labels = new HashMap<>();
    private final List<CodeExit> exits = new ArrayList<>();

    /** The exit of the code, with the next address in a local variable. */
    private final Label exit = new Label();

    /**
     * A place at which the code exits.
     *
     * @param label the label of the place
     * @param next the result of the code
     * @param remaining how many instructions were counted, but not executed
     */
    private record CodeExit(Label label, long next, int remaining) {}

    JumpWriter(HotPlan plan, MethodVisitor method, RegisterLocals registers) {
        this.plan = plan;
        this.method = method;
        this.registers = registers;
        for (CodeBlock block : plan.blocks()) {
            places.put(block.start, places.size());
            labels.put(block.start, new Label());
        }
    }

    /** Exits before an instruction that the interpreter must execute. */
    void interpret(CodeBlock block, int at) {
        method.visitJumpInsn(GOTO, miss(block, at));
    }

    /** Returns the label at which the code exits before an instruction, so that the interpreter continues with it. */
    Label miss(CodeBlock block, int at) {
        return exit(block.pc(at) | TranslatedCode.INTERPRET, block.instructions - at / 2);
    }

    private Label exit(long next, int remaining) {
        CodeExit made = new CodeExit(new Label(), next, remaining);
        exits.add(made);
        return made.label;
    }

    /** Writes the end of a block. */
    void end(CodeBlock block, int at) {
        int word = block.code[at];
        int rs1 = word >> 16 & 0xff;
        int rs2 = word >>> 24;
        long to = block.pc(at) + block.code[at + 1];
        switch (word & 0xff) {
            case Op.BEQ -> branch(IFEQ, rs1, rs2, false, block, to);
            case Op.BNE -> branch(IFNE, rs1, rs2, false, block, to);
            case Op.BLT -> branch(IFLT, rs1, rs2, false, block, to);
            case Op.BGE -> branch(IFGE, rs1, rs2, false, block, to);
            case Op.BLTU -> branch(IFLT, rs1, rs2, true, block, to);
            case Op.BGEU -> branch(IFGE, rs1, rs2, true, block, to);
            case Op.JAL -> {
                link(word, block);
                jump(block, to);
            }
            case Op.JALR -> jumpToRegister(block, word, block.code[at + 1]);
            case Op.NEXT -> jump(block, block.end);
            default -> interpret(block, at);
        }
    }

    private void link(int word, CodeBlock block) {
        method.visitLdcInsn(block.end);
        registers.pop(method, word >> 8 & 0xff);
    }

    private void branch(int opcode, int rs1, int rs2, boolean isUnsigned, CodeBlock block, long to) {
        compared(rs1, isUnsigned);
        compared(rs2, isUnsigned);
        method.visitInsn(LCMP);
        if (plan.has(to) && !isBackwards(block, to)) {
            method.visitJumpInsn(opcode, label(to));
        } else if (plan.has(to)) {
            Label fallen = new Label();
            method.visitJumpInsn(opposite(opcode), fallen);
            jump(block, to);
            method.visitLabel(fallen);
        } else {
            method.visitJumpInsn(opcode, exit(to, 0));
        }
        jump(block, block.end);
    }

    private void compared(int register, boolean isUnsigned) {
        registers.push(method, register);
        if (isUnsigned) {
            method.visitLdcInsn(Long.MIN_VALUE);
            method.visitInsn(LADD);
        }
    }

    private static int opposite(int opcode) {
        return switch (opcode) {
            case IFEQ -> IFNE;
            case IFNE -> IFEQ;
            case IFLT -> IFGE;
            default -> IFLT;
        };
    }

    /** Returns the label of a block in the plan. */
    Label label(long start) {
        return Objects.requireNonNull(labels.get(start));
    }

    private int place(long start) {
        return Objects.requireNonNull(places.get(start));
    }

    /** Whether a jump leads to the same or an earlier place. Each loop contains at least one backward jump. */
    private boolean isBackwards(CodeBlock from, long to) {
        return place(to) <= place(from.start);
    }

    /** Jumps to a block of the plan, or exits. */
    private void jump(CodeBlock from, long to) {
        if (!plan.has(to)) {
            method.visitJumpInsn(GOTO, exit(to, 0));
        } else if (isBackwards(from, to)) {
            method.visitVarInsn(ILOAD, TranslatedCodeWriter.LEFT);
            method.visitJumpInsn(IFGT, label(to));
            method.visitJumpInsn(GOTO, exit(to, 0));
        } else if (place(to) != place(from.start) + 1) {
            method.visitJumpInsn(GOTO, label(to));
        }
    }

    /** Jumps to an address in a register: to the return address of a call, to a recorded target, or out of the code. */
    private void jumpToRegister(CodeBlock block, int word, int imm) {
        int rs1 = word >> 16 & 0xff;
        registers.push(method, rs1);
        method.visitLdcInsn((long) imm);
        method.visitInsn(LADD);
        method.visitLdcInsn(-2L);
        method.visitInsn(LAND);
        method.visitVarInsn(LSTORE, TranslatedCodeWriter.NEXT);
        link(word, block);
        dispatch(block, List.copyOf(plan.targets(block)));
    }

    private void dispatch(CodeBlock block, List<Long> targets) {
        if (targets.size() > MOST_COMPARED) {
            select(block, targets);
            return;
        }
        for (long to : targets) {
            Label other = new Label();
            method.visitVarInsn(LLOAD, TranslatedCodeWriter.NEXT);
            method.visitLdcInsn(to);
            method.visitInsn(LCMP);
            method.visitJumpInsn(IFNE, other);
            arrive(block, to);
            method.visitLabel(other);
        }
        method.visitJumpInsn(GOTO, exit);
    }

    /** Continues at a block of the plan whose address is in a local variable. */
    private void arrive(CodeBlock from, long to) {
        if (isBackwards(from, to)) {
            method.visitVarInsn(ILOAD, TranslatedCodeWriter.LEFT);
            method.visitJumpInsn(IFGT, label(to));
            method.visitJumpInsn(GOTO, exit);
        } else {
            method.visitJumpInsn(GOTO, label(to));
        }
    }

    /** Selects one of many targets with a switch on its distance from the start, which is an int. */
    private void select(CodeBlock block, List<Long> targets) {
        List<Long> sorted = targets.stream().sorted().toList();
        long start = plan.start();
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.NEXT);
        method.visitLdcInsn(start);
        method.visitInsn(LSUB);
        method.visitVarInsn(LSTORE, TranslatedCodeWriter.ADDRESS);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        method.visitInsn(L2I);
        method.visitInsn(I2L);
        method.visitInsn(LCMP);
        method.visitJumpInsn(IFNE, exit);
        method.visitVarInsn(LLOAD, TranslatedCodeWriter.ADDRESS);
        method.visitInsn(L2I);
        int[] keys = sorted.stream().mapToInt(to -> (int) (to - start)).toArray();
        Label[] arrivals = new Label[keys.length];
        Arrays.setAll(arrivals, i -> new Label());
        method.visitLookupSwitchInsn(exit, keys, arrivals);
        for (int i = 0; i < keys.length; i++) {
            method.visitLabel(arrivals[i]);
            arrive(block, sorted.get(i));
        }
    }

    /** Writes the exits. The last one falls through to the code that is written next. */
    void writeExits() {
        for (CodeExit each : exits) {
            method.visitLabel(each.label);
            if (each.remaining != 0) {
                method.visitIincInsn(TranslatedCodeWriter.LEFT, each.remaining);
            }
            method.visitLdcInsn(each.next);
            method.visitVarInsn(LSTORE, TranslatedCodeWriter.NEXT);
            method.visitJumpInsn(GOTO, exit);
        }
        method.visitLabel(exit);
    }
}
