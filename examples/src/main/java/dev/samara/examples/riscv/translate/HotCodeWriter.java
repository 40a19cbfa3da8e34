// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.translate;

import static org.objectweb.asm.Opcodes.ACC_FINAL;
import static org.objectweb.asm.Opcodes.ACC_PUBLIC;
import static org.objectweb.asm.Opcodes.ACC_SUPER;
import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.ARRAYLENGTH;
import static org.objectweb.asm.Opcodes.ASM9;
import static org.objectweb.asm.Opcodes.ASTORE;
import static org.objectweb.asm.Opcodes.GETFIELD;
import static org.objectweb.asm.Opcodes.GOTO;
import static org.objectweb.asm.Opcodes.I2L;
import static org.objectweb.asm.Opcodes.ICONST_1;
import static org.objectweb.asm.Opcodes.IFEQ;
import static org.objectweb.asm.Opcodes.IFGE;
import static org.objectweb.asm.Opcodes.IFGT;
import static org.objectweb.asm.Opcodes.IFLT;
import static org.objectweb.asm.Opcodes.IFNE;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.INVOKESPECIAL;
import static org.objectweb.asm.Opcodes.INVOKESTATIC;
import static org.objectweb.asm.Opcodes.INVOKEVIRTUAL;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.ISUB;
import static org.objectweb.asm.Opcodes.L2I;
import static org.objectweb.asm.Opcodes.LADD;
import static org.objectweb.asm.Opcodes.LAND;
import static org.objectweb.asm.Opcodes.LCMP;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LRETURN;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.LSUB;
import static org.objectweb.asm.Opcodes.RETURN;
import static org.objectweb.asm.Opcodes.V17;

import dev.samara.core.guest.TlbArrays;
import dev.samara.examples.riscv.cpu.CodeBlock;
import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.cpu.HotCode;
import dev.samara.examples.riscv.isa.Op;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;

/**
 * Writes the class of a plan: one method, with the blocks in the order of the plan. Registers of the guest are local
 * variables, which are read at the start, and written back at the only exit. Jumps between blocks of the plan are jumps
 * of the method; those backwards count, and leave for a poll after {@link HotCode#MOST_WITHOUT_POLL} instructions.
 */
final class HotCodeWriter {
    static final String HART = internal(Hart.class);
    static final String SUPER = internal(HotCode.class);
    private static final String NAME = internal(HotCodeWriter.class).replace("HotCodeWriter", "Translated");
    private static final String TLB = internal(TlbArrays.class);
    private static final String BUFFER = "java/nio/MappedByteBuffer";

    /* Local variables. */
    static final int HART_OF = 1;
    private static final int X = 2;
    private static final int F = 3;
    static final int LOAD_TAGS = 4;
    static final int STORE_TAGS = 5;
    static final int ADDENDS = 6;
    static final int REGION = 7;
    static final int MASK = 8;
    static final int KEY = 9;
    static final int LEFT = 11;
    static final int NEXT = 12;
    static final int ADDRESS = 14;
    private static final int FIRST_REGISTER = 16;

    /** More targets of a jump are found by a switch. */
    private static final int MOST_COMPARED = 3;

    private final HotPlan plan;
    private final RegisterLocals registers = new RegisterLocals(FIRST_REGISTER);
    private final Map<Long, Integer> places = new HashMap<>();
    private final ClassWriter file = new ClassWriter(ClassWriter.COMPUTE_FRAMES | ClassWriter.COMPUTE_MAXS);
    private final Label last = new Label();

    /* Those of one pass. */
    private MethodVisitor method = new NoMethod();
    private Map<Long, Label> labels = new HashMap<>();
    private List<CodeExit> exits = new ArrayList<>();
    private Label exit = new Label();

    /**
     * A place where the code leaves.
     *
     * @param label of the place
     * @param next the result
     * @param remaining how many instructions were counted, and not executed
     */
    private record CodeExit(Label label, long next, int remaining) {}

    /** Takes instructions, and does nothing with them. */
    private static final class NoMethod extends MethodVisitor {
        NoMethod() {
            super(ASM9);
        }
    }

    private HotCodeWriter(HotPlan plan) {
        this.plan = plan;
        for (CodeBlock block : plan.blocks()) {
            places.put(block.start, places.size());
        }
    }

    static String internal(Class<?> type) {
        return type.getName().replace('.', '/');
    }

    /** Writes the class of a plan. */
    static HotCodeWriter of(HotPlan plan) {
        HotCodeWriter writer = new HotCodeWriter(plan);
        // Finds the registers.
        writer.blocks();
        writer.write();
        return writer;
    }

    /** Returns the bytes of the class. */
    byte[] file() {
        return file.toByteArray();
    }

    /** Returns the bytes of bytecode of its method, which HotSpot does not compile if they are too many. */
    int size() {
        return last.getOffset();
    }

    private void write() {
        file.visit(V17, ACC_FINAL | ACC_SUPER, NAME, null, SUPER, null);
        MethodVisitor constructor = file.visitMethod(0, "<init>", "()V", null, null);
        constructor.visitVarInsn(ALOAD, 0);
        constructor.visitMethodInsn(INVOKESPECIAL, SUPER, "<init>", "()V", false);
        constructor.visitInsn(RETURN);
        constructor.visitMaxs(0, 0);
        constructor.visitEnd();
        method = file.visitMethod(ACC_PUBLIC, "run", "(L" + HART + ";)J", null, null);
        begin();
        blocks();
        end();
        method.visitLabel(last);
        method.visitMaxs(0, 0);
        method.visitEnd();
        file.visitEnd();
    }

    private void begin() {
        registersOf("x", X);
        registersOf("f", F);
        tlb("loadTags", "[J", ASTORE, LOAD_TAGS);
        tlb("storeTags", "[J", ASTORE, STORE_TAGS);
        tlb("addends", "[J", ASTORE, ADDENDS);
        tlb("region", "L" + BUFFER + ";", ASTORE, REGION);
        tlb("key", "J", LSTORE, KEY);
        method.visitVarInsn(ALOAD, LOAD_TAGS);
        method.visitInsn(ARRAYLENGTH);
        method.visitInsn(ICONST_1);
        method.visitInsn(ISUB);
        method.visitVarInsn(ISTORE, MASK);
        method.visitLdcInsn(HotCode.MOST_WITHOUT_POLL);
        method.visitVarInsn(ISTORE, LEFT);
        registers.read(method, X, F);
    }

    private void registersOf(String name, int local) {
        method.visitVarInsn(ALOAD, HART_OF);
        method.visitFieldInsn(GETFIELD, HART, name, "[J");
        method.visitVarInsn(ASTORE, local);
    }

    private void tlb(String name, String type, int store, int local) {
        method.visitVarInsn(ALOAD, HART_OF);
        method.visitMethodInsn(INVOKEVIRTUAL, HART, "tlb", "()L" + TLB + ";", false);
        method.visitMethodInsn(INVOKEVIRTUAL, TLB, name, "()" + type, false);
        method.visitVarInsn(store, local);
    }

    private void blocks() {
        labels = new HashMap<>();
        exits = new ArrayList<>();
        exit = new Label();
        List<CodeBlock> blocks = plan.blocks();
        for (CodeBlock block : blocks) {
            labels.put(block.start, new Label());
        }
        InstructionWriter instructions = new InstructionWriter(this, method, registers);
        for (CodeBlock block : blocks) {
            method.visitLabel(label(block.start));
            method.visitIincInsn(LEFT, -block.instructions);
            block(block, instructions);
        }
    }

    private void block(CodeBlock block, InstructionWriter instructions) {
        int last = HotPlan.last(block);
        for (int at = 0; at < last; at += 2) {
            if (!instructions.write(block, at)) {
                interpret(block, at);
                return;
            }
        }
        end(block, last);
    }

    /** Leaves before an instruction that is for the interpreter. */
    private void interpret(CodeBlock block, int at) {
        method.visitJumpInsn(GOTO, miss(block, at));
    }

    /** Returns where the code leaves before an instruction, and the interpreter goes on with it. */
    Label miss(CodeBlock block, int at) {
        return exit(block.pc(at) | HotCode.INTERPRET, block.instructions - at / 2);
    }

    private Label exit(long next, int remaining) {
        CodeExit made = new CodeExit(new Label(), next, remaining);
        exits.add(made);
        return made.label;
    }

    private void end(CodeBlock block, int at) {
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

    private Label label(long start) {
        return Objects.requireNonNull(labels.get(start));
    }

    private int place(long start) {
        return Objects.requireNonNull(places.get(start));
    }

    /** Whether a jump may be a part of a loop that has no jump to an earlier place. */
    private boolean isBackwards(CodeBlock from, long to) {
        return place(to) <= place(from.start);
    }

    /** Jumps to a block of the plan, or leaves. */
    private void jump(CodeBlock from, long to) {
        if (!plan.has(to)) {
            method.visitJumpInsn(GOTO, exit(to, 0));
        } else if (isBackwards(from, to)) {
            method.visitVarInsn(ILOAD, LEFT);
            method.visitJumpInsn(IFGT, label(to));
            method.visitJumpInsn(GOTO, exit(to, 0));
        } else if (place(to) != place(from.start) + 1) {
            method.visitJumpInsn(GOTO, label(to));
        }
    }

    /** Jumps to an address in a register: to the return of a call, to the last target of this jump, or out. */
    private void jumpToRegister(CodeBlock block, int word, int imm) {
        int rs1 = word >> 16 & 0xff;
        registers.push(method, rs1);
        method.visitLdcInsn((long) imm);
        method.visitInsn(LADD);
        method.visitLdcInsn(-2L);
        method.visitInsn(LAND);
        method.visitVarInsn(LSTORE, NEXT);
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
            method.visitVarInsn(LLOAD, NEXT);
            method.visitLdcInsn(to);
            method.visitInsn(LCMP);
            method.visitJumpInsn(IFNE, other);
            arrive(block, to);
            method.visitLabel(other);
        }
        method.visitJumpInsn(GOTO, exit);
    }

    /** Goes on at a block of the plan whose address is in a local variable. */
    private void arrive(CodeBlock from, long to) {
        if (isBackwards(from, to)) {
            method.visitVarInsn(ILOAD, LEFT);
            method.visitJumpInsn(IFGT, label(to));
            method.visitJumpInsn(GOTO, exit);
        } else {
            method.visitJumpInsn(GOTO, label(to));
        }
    }

    /** Selects one of many targets by its distance from the start, which is an int. */
    private void select(CodeBlock block, List<Long> targets) {
        List<Long> sorted = targets.stream().sorted().toList();
        long start = plan.start();
        method.visitVarInsn(LLOAD, NEXT);
        method.visitLdcInsn(start);
        method.visitInsn(LSUB);
        method.visitVarInsn(LSTORE, ADDRESS);
        method.visitVarInsn(LLOAD, ADDRESS);
        method.visitVarInsn(LLOAD, ADDRESS);
        method.visitInsn(L2I);
        method.visitInsn(I2L);
        method.visitInsn(LCMP);
        method.visitJumpInsn(IFNE, exit);
        method.visitVarInsn(LLOAD, ADDRESS);
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

    private void end() {
        for (CodeExit each : exits) {
            method.visitLabel(each.label);
            if (each.remaining != 0) {
                method.visitIincInsn(LEFT, each.remaining);
            }
            method.visitLdcInsn(each.next);
            method.visitVarInsn(LSTORE, NEXT);
            method.visitJumpInsn(GOTO, exit);
        }
        method.visitLabel(exit);
        registers.write(method, X, F);
        method.visitVarInsn(ALOAD, HART_OF);
        method.visitLdcInsn(HotCode.MOST_WITHOUT_POLL);
        method.visitVarInsn(ILOAD, LEFT);
        method.visitInsn(ISUB);
        method.visitMethodInsn(INVOKESTATIC, SUPER, "count", "(L" + HART + ";I)V", false);
        method.visitVarInsn(LLOAD, NEXT);
        method.visitInsn(LRETURN);
    }
}
