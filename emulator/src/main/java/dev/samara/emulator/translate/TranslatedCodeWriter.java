// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.objectweb.asm.Opcodes.ACC_FINAL;
import static org.objectweb.asm.Opcodes.ACC_PUBLIC;
import static org.objectweb.asm.Opcodes.ACC_SUPER;
import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.ARRAYLENGTH;
import static org.objectweb.asm.Opcodes.ASM9;
import static org.objectweb.asm.Opcodes.ASTORE;
import static org.objectweb.asm.Opcodes.GETFIELD;
import static org.objectweb.asm.Opcodes.ICONST_1;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.INVOKESPECIAL;
import static org.objectweb.asm.Opcodes.INVOKESTATIC;
import static org.objectweb.asm.Opcodes.INVOKEVIRTUAL;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.ISUB;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LRETURN;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.RETURN;
import static org.objectweb.asm.Opcodes.V17;

import dev.samara.core.guest.TlbArrays;
import dev.samara.emulator.cpu.CodeBlock;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.TranslatedCode;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;

/**
 * Writes the class of a plan. It has one method, which contains the blocks in the order of the plan. Registers of the
 * guest are local variables, which are loaded at the start, and written back at the only exit. Jumps between blocks of
 * the plan are jumps in the method. A backward jump exits for a poll if {@link TranslatedCode#MOST_WITHOUT_POLL}
 * instructions were executed.
 */
final class TranslatedCodeWriter {
    static final String HART = internal(Hart.class);
    static final String SUPER = internal(TranslatedCode.class);
    private static final String NAME =
            internal(TranslatedCodeWriter.class).replace("TranslatedCodeWriter", "Translated");
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

    private final HotPlan plan;
    private final RegisterLocals registers = new RegisterLocals(FIRST_REGISTER);
    private final ClassWriter file = new ClassWriter(ClassWriter.COMPUTE_FRAMES | ClassWriter.COMPUTE_MAXS);
    private final Label last = new Label();

    private final KeptGranules kept = new KeptGranules(registers);
    private MethodVisitor method = new NoMethod();

    /** Accepts instructions, and discards them. */
    private static final class NoMethod extends MethodVisitor {
        NoMethod() {
            super(ASM9);
        }
    }

    private TranslatedCodeWriter(HotPlan plan) {
        this.plan = plan;
    }

    static String internal(Class<?> type) {
        return type.getName().replace('.', '/');
    }

    /** Writes the class of a plan. */
    static TranslatedCodeWriter of(HotPlan plan) {
        TranslatedCodeWriter writer = new TranslatedCodeWriter(plan);
        // Determines which registers are used.
        writer.blocks();
        writer.write();
        return writer;
    }

    /** Returns the bytes of the class. */
    byte[] file() {
        return file.toByteArray();
    }

    /** Returns the size of the method's bytecode in bytes. HotSpot does not compile the method if it is too large. */
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
        end(blocks());
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
        method.visitLdcInsn(TranslatedCode.MOST_WITHOUT_POLL);
        method.visitVarInsn(ISTORE, LEFT);
        registers.read(method, X, F);
        kept.begin(method);
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

    private JumpWriter blocks() {
        JumpWriter jumps = new JumpWriter(plan, method, registers);
        InstructionWriter instructions = new InstructionWriter(jumps, method, registers, kept);
        for (CodeBlock block : plan.blocks()) {
            method.visitLabel(jumps.label(block.start));
            method.visitIincInsn(LEFT, -block.instructions);
            block(block, instructions, jumps);
        }
        return jumps;
    }

    private void block(CodeBlock block, InstructionWriter instructions, JumpWriter jumps) {
        int last = HotPlan.last(block);
        for (int at = 0; at < last; at += 2) {
            if (!instructions.write(block, at)) {
                jumps.interpret(block, at);
                return;
            }
        }
        jumps.end(block, last);
    }

    private void end(JumpWriter jumps) {
        jumps.writeExits();
        registers.write(method, X, F);
        method.visitVarInsn(ALOAD, HART_OF);
        method.visitLdcInsn(TranslatedCode.MOST_WITHOUT_POLL);
        method.visitVarInsn(ILOAD, LEFT);
        method.visitInsn(ISUB);
        method.visitMethodInsn(INVOKESTATIC, SUPER, "count", "(L" + HART + ";I)V", false);
        method.visitVarInsn(LLOAD, NEXT);
        method.visitInsn(LRETURN);
    }
}
