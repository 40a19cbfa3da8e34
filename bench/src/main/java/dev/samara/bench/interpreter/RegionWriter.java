// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import static org.objectweb.asm.Opcodes.ACC_FINAL;
import static org.objectweb.asm.Opcodes.ACC_SUPER;
import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.ATHROW;
import static org.objectweb.asm.Opcodes.GETFIELD;
import static org.objectweb.asm.Opcodes.GOTO;
import static org.objectweb.asm.Opcodes.IFEQ;
import static org.objectweb.asm.Opcodes.IFGE;
import static org.objectweb.asm.Opcodes.IFGT;
import static org.objectweb.asm.Opcodes.IFLT;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.INVOKESPECIAL;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.LADD;
import static org.objectweb.asm.Opcodes.LALOAD;
import static org.objectweb.asm.Opcodes.LAND;
import static org.objectweb.asm.Opcodes.LASTORE;
import static org.objectweb.asm.Opcodes.LCMP;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LMUL;
import static org.objectweb.asm.Opcodes.LRETURN;
import static org.objectweb.asm.Opcodes.LSHL;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.LSUB;
import static org.objectweb.asm.Opcodes.LUSHR;
import static org.objectweb.asm.Opcodes.PUTFIELD;
import static org.objectweb.asm.Opcodes.RETURN;
import static org.objectweb.asm.Opcodes.V17;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.ConstantDynamic;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Generates the class of one region. Each guest register that the region uses is a local variable, which is loaded at
 * the entry, and written back at the exits and after a failed access. Faults are precise, because the code stores the
 * position of each instruction that may fail before it executes the instruction.
 */
final class RegionWriter {
    /** The number of guest instructions between polls. */
    private static final int BUDGET = 256;

    private static final String NAME = internal(Region.class) + "$Generated";
    private static final String REGION = internal(Region.class);
    private static final String PROGRESS = internal(Region.RegionProgress.class);
    private static final String RUN = "([JL" + PROGRESS + ";I)J";
    private static final Handle CLASS_DATA_AT = new Handle(
            Opcodes.H_INVOKESTATIC,
            "java/lang/invoke/MethodHandles",
            "classDataAt",
            "(Ljava/lang/invoke/MethodHandles$Lookup;Ljava/lang/String;Ljava/lang/Class;I)Ljava/lang/Object;",
            false);

    /* The local variables of the method's parameters, and the first other one. */
    private static final int REGISTERS = 1;
    private static final int PROGRESS_OF = 2;
    private static final int ENTRY = 3;
    private static final int FIRST_LOCAL = 4;

    private final RegionPlan plan;
    private final ClassWriter file = new ClassWriter(ClassWriter.COMPUTE_FRAMES | ClassWriter.COMPUTE_MAXS);
    private final Map<Long, Label> labels = new HashMap<>();
    private final Map<Integer, Integer> locals = new TreeMap<>();
    private final TreeSet<Integer> written = new TreeSet<>();
    private final Label exit = new Label();

    /** The exits of the region by reason. */
    private final Map<Integer, Label> exits = new TreeMap<>();

    private final MethodVisitor method;
    private final AccessCode accesses;
    private final int executed;
    private final int at;
    private final int left;
    private final int next;
    private int firstFree = FIRST_LOCAL;

    /**
     * Creates the generator of one region.
     *
     * @param plan the region's instructions
     * @param way creates the generator of the accesses
     */
    RegionWriter(RegionPlan plan, Function<RegionWriter, AccessCode> way) {
        this.plan = plan;
        file.visit(V17, ACC_FINAL | ACC_SUPER, NAME, null, REGION, null);
        MethodVisitor constructor = file.visitMethod(0, "<init>", "()V", null, null);
        constructor.visitVarInsn(ALOAD, 0);
        constructor.visitMethodInsn(INVOKESPECIAL, REGION, "<init>", "()V", false);
        constructor.visitInsn(RETURN);
        constructor.visitMaxs(0, 0);
        method = file.visitMethod(0, "run", RUN, null, null);
        executed = newLocal(2);
        at = newLocal(1);
        left = newLocal(1);
        next = newLocal(2);
        for (Instruction one : plan.instructions()) {
            use(one);
        }
        for (long leader : plan.leaders()) {
            labels.put(leader, new Label());
        }
        accesses = way.apply(this);
    }

    static String internal(Class<?> type) {
        return type.getName().replace('.', '/');
    }

    private void use(Instruction one) {
        use(one.rs1());
        use(one.rs2());
        if (one.writes()) {
            use(one.rd());
            written.add(one.rd());
        }
    }

    private void use(int register) {
        if (register != 0 && !locals.containsKey(register)) {
            locals.put(register, newLocal(2));
        }
    }

    private int local(int register) {
        return Objects.requireNonNull(locals.get(register));
    }

    MethodVisitor method() {
        return method;
    }

    /** Returns a new local variable. */
    int newLocal(int words) {
        int local = firstFree;
        firstFree += words;
        return local;
    }

    /** Generates code that pushes a constant of the class. */
    void pushConstant(int index, String descriptor) {
        method.visitLdcInsn(new ConstantDynamic("_", descriptor, CLASS_DATA_AT, index));
    }

    void pushRegister(int register) {
        if (register == 0) {
            method.visitInsn(Opcodes.LCONST_0);
        } else {
            method.visitVarInsn(LLOAD, local(register));
        }
    }

    /** Generates code that pushes the address of an access. */
    void pushAddress(Instruction one) {
        pushRegister(one.rs1());
        if (one.imm() != 0) {
            method.visitLdcInsn((long) one.imm());
            method.visitInsn(LADD);
        }
    }

    void pushInt(int value) {
        if (value >= -1 && value <= 5) {
            method.visitInsn(Opcodes.ICONST_0 + value);
        } else if (value == (byte) value) {
            method.visitIntInsn(Opcodes.BIPUSH, value);
        } else if (value == (short) value) {
            method.visitIntInsn(Opcodes.SIPUSH, value);
        } else {
            method.visitLdcInsn(value);
        }
    }

    /** Generates the class, and returns the size of its code in bytes, which may exceed the limit of a method. */
    int write() {
        Label body = new Label();
        Label failed = new Label();
        begin();
        method.visitTryCatchBlock(body, exit, failed, "java/lang/RuntimeException");
        method.visitLabel(body);
        enter();
        long after = Region.END;
        for (Instruction one : plan.instructions()) {
            if (after != Region.END && after != one.pc()) {
                leave(after);
            }
            if (plan.isLeader(one.pc())) {
                method.visitLabel(labels.get(one.pc()));
                count(one.pc());
            }
            instruction(one);
            after = one.isLast() ? Region.END : one.next();
        }
        if (after != Region.END) {
            leave(after);
        }
        accesses.end();
        exits.forEach(this::leaveFor);
        method.visitLabel(exit);
        writeBack();
        method.visitVarInsn(LLOAD, next);
        method.visitInsn(LRETURN);
        method.visitLabel(failed);
        writeBack();
        method.visitVarInsn(ALOAD, PROGRESS_OF);
        method.visitVarInsn(ILOAD, at);
        method.visitInsn(Opcodes.I2L);
        method.visitLdcInsn(plan.entries().get(0));
        method.visitInsn(LADD);
        method.visitFieldInsn(PUTFIELD, PROGRESS, "pc", "J");
        method.visitInsn(ATHROW);
        Label end = new Label();
        method.visitLabel(end);
        method.visitMaxs(0, 0);
        method.visitEnd();
        file.visitEnd();
        return end.getOffset();
    }

    /** Returns the generated class file. */
    byte[] file() {
        return file.toByteArray();
    }

    private void begin() {
        method.visitInsn(Opcodes.LCONST_0);
        method.visitVarInsn(LSTORE, executed);
        method.visitInsn(Opcodes.LCONST_0);
        method.visitVarInsn(LSTORE, next);
        method.visitInsn(Opcodes.ICONST_0);
        method.visitVarInsn(ISTORE, at);
        pushInt(BUDGET);
        method.visitVarInsn(ISTORE, left);
        locals.forEach((register, local) -> {
            method.visitVarInsn(ALOAD, REGISTERS);
            pushInt(register);
            method.visitInsn(LALOAD);
            method.visitVarInsn(LSTORE, local);
        });
        accesses.begin();
    }

    private void enter() {
        int count = plan.entries().size();
        if (count > 1) {
            Label[] to = new Label[count - 1];
            for (int i = 1; i < count; i++) {
                to[i - 1] = labels.get(plan.entries().get(i));
            }
            Label start = labels.get(plan.entries().get(0));
            method.visitVarInsn(ILOAD, ENTRY);
            method.visitTableSwitchInsn(1, count - 1, start, to);
        } else {
            method.visitJumpInsn(GOTO, labels.get(plan.entries().get(0)));
        }
    }

    /** Generates code that counts the instructions from a leader to the next one. */
    private void count(long leader) {
        if (accesses.polls()) {
            method.visitIincInsn(left, -instructionsFrom(leader));
        } else {
            method.visitVarInsn(LLOAD, executed);
            method.visitLdcInsn((long) instructionsFrom(leader));
            method.visitInsn(LADD);
            method.visitVarInsn(LSTORE, executed);
        }
    }

    private int instructionsFrom(long start) {
        int count = 0;
        long pc = start;
        while (plan.has(pc) && (pc == start || !plan.isLeader(pc))) {
            count++;
            pc = plan.at(pc).isLast() ? Region.END : pc + Integer.BYTES;
        }
        return count;
    }

    /**
     * Generates the exit for an access that misses, in a region that polls. The interpreter then executes the access.
     */
    void leaveAt(long pc) {
        method.visitIincInsn(left, instructionsFrom(pc));
        leave(pc, exitFor(Region.MISSED));
    }

    private void writeBack() {
        for (int register : written) {
            method.visitVarInsn(ALOAD, REGISTERS);
            pushInt(register);
            pushRegister(register);
            method.visitInsn(LASTORE);
        }
        settle();
    }

    private void leave(long to) {
        leave(to, exit);
    }

    private void leave(long to, Label by) {
        method.visitLdcInsn(to);
        method.visitVarInsn(LSTORE, next);
        method.visitJumpInsn(GOTO, by);
    }

    private Label exitFor(int reason) {
        return exits.computeIfAbsent(reason, key -> new Label());
    }

    private void leaveFor(int reason, Label label) {
        method.visitLabel(label);
        method.visitVarInsn(ALOAD, PROGRESS_OF);
        pushInt(reason);
        method.visitFieldInsn(PUTFIELD, PROGRESS, "reason", "I");
        method.visitJumpInsn(GOTO, exit);
    }

    private void jump(Instruction from, long to) {
        if (!plan.has(to)) {
            leave(to);
            return;
        }
        if (to <= from.pc() && accesses.polls()) {
            method.visitVarInsn(ILOAD, left);
            method.visitJumpInsn(IFGT, labels.get(to));
            poll();
        }
        method.visitJumpInsn(GOTO, labels.get(to));
    }

    private void poll() {
        settle();
        pushInt(BUDGET);
        method.visitVarInsn(ISTORE, left);
        accesses.poll();
    }

    /** Generates code that adds the number of instructions executed since the last poll. */
    private void settle() {
        method.visitVarInsn(ALOAD, PROGRESS_OF);
        method.visitInsn(Opcodes.DUP);
        method.visitFieldInsn(GETFIELD, PROGRESS, "executed", "J");
        if (accesses.polls()) {
            pushInt(BUDGET);
            method.visitVarInsn(ILOAD, left);
            method.visitInsn(Opcodes.ISUB);
            method.visitInsn(Opcodes.I2L);
        } else {
            method.visitVarInsn(LLOAD, executed);
        }
        method.visitInsn(LADD);
        method.visitFieldInsn(PUTFIELD, PROGRESS, "executed", "J");
    }

    private void branch(int opcode, Instruction one) {
        pushRegister(one.rs1());
        pushRegister(one.rs2());
        method.visitInsn(LCMP);
        Label fallen = new Label();
        method.visitJumpInsn(opcode, fallen);
        jump(one, one.target());
        method.visitLabel(fallen);
    }

    private void popTo(int register) {
        if (register == 0) {
            method.visitInsn(Opcodes.POP2);
        } else {
            method.visitVarInsn(LSTORE, local(register));
        }
    }

    private void registers(int opcode, Instruction one) {
        pushRegister(one.rs1());
        pushRegister(one.rs2());
        method.visitInsn(opcode);
        popTo(one.rd());
    }

    private void immediate(int opcode, Instruction one) {
        pushRegister(one.rs1());
        method.visitLdcInsn((long) one.imm());
        method.visitInsn(opcode);
        popTo(one.rd());
    }

    private void shift(int opcode, Instruction one) {
        pushRegister(one.rs1());
        pushInt(one.imm());
        method.visitInsn(opcode);
        popTo(one.rd());
    }

    void mark(Instruction one) {
        pushInt((int) (one.pc() - plan.entries().get(0)));
        method.visitVarInsn(ISTORE, at);
    }

    private void instruction(Instruction one) {
        switch (one.operation()) {
            case Interpreter.LUI -> {
                method.visitLdcInsn((long) one.imm());
                popTo(one.rd());
            }
            case Interpreter.ADDI -> immediate(LADD, one);
            case Interpreter.ANDI -> immediate(LAND, one);
            case Interpreter.SLLI -> shift(LSHL, one);
            case Interpreter.SRLI -> shift(LUSHR, one);
            case Interpreter.ADD -> registers(LADD, one);
            case Interpreter.SUB -> registers(LSUB, one);
            case Interpreter.MUL -> registers(LMUL, one);
            case Interpreter.LD, Interpreter.LW, Interpreter.LBU -> {
                accesses.load(one);
                popTo(one.rd());
            }
            case Interpreter.SD, Interpreter.SW, Interpreter.SB -> {
                accesses.store(one);
            }
            case Interpreter.BNE -> branch(IFEQ, one);
            case Interpreter.BLT -> branch(IFGE, one);
            case Interpreter.BGE -> branch(IFLT, one);
            case Interpreter.JAL -> {
                link(one);
                jump(one, one.target());
            }
            case Interpreter.JALR -> jumpTo(one);
            case Interpreter.FENCE_I -> leave(one.next(), exitFor(Region.CHANGED));
            default -> leave(Region.END);
        }
    }

    private void link(Instruction one) {
        if (one.rd() != 0) {
            method.visitLdcInsn(one.next());
            popTo(one.rd());
        }
    }

    /** Generates a jump to the address in a register. Returns from calls that the region made stay in the region. */
    private void jumpTo(Instruction one) {
        pushAddress(one);
        method.visitLdcInsn(-2L);
        method.visitInsn(LAND);
        method.visitVarInsn(LSTORE, next);
        link(one);
        if (accesses.polls()) {
            Label quiet = new Label();
            method.visitVarInsn(ILOAD, left);
            method.visitJumpInsn(IFGT, quiet);
            poll();
            method.visitLabel(quiet);
        }
        for (long entry : plan.entries().subList(1, plan.entries().size())) {
            method.visitVarInsn(LLOAD, next);
            method.visitLdcInsn(entry);
            method.visitInsn(LCMP);
            method.visitJumpInsn(IFEQ, labels.get(entry));
        }
        method.visitJumpInsn(GOTO, exit);
    }
}
