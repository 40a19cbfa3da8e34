// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.FailurePoints;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Adds failure points to the code of one method: before each instruction that may fail, and at its entry. A failure at
 * the entry is thrown outside of the method's exception handlers, like a stack overflow.
 */
final class FailingMethod extends MethodVisitor {
    private static final String POINTS = "dev/samara/interleave/failure/FailurePoints";
    private static final String STORE = "dev/samara/core/vma/FrameStore";
    private static final String POOL = "dev/samara/core/internal/page/Frames";

    private final SteppedClass around;
    private final String method;
    private final String descriptor;
    private final int frameBytes;
    private final Label begin = new Label();
    private int line;

    /**
     * Creates the visitor of a method.
     *
     * @param frameBytes the size of its frame in the interpreter
     */
    FailingMethod(MethodVisitor next, SteppedClass around, String method, String descriptor, int frameBytes) {
        super(Opcodes.ASM9, next);
        this.around = around;
        this.method = method;
        this.descriptor = descriptor;
        this.frameBytes = frameBytes;
    }

    private boolean isInitializer() {
        return method.equals("<clinit>");
    }

    private boolean isConstructor() {
        return method.equals("<init>");
    }

    private String site() {
        return SharedFields.simple(around.name()) + '.' + method + ':' + line;
    }

    private void point(FailureKind kind, String name, String pointDescriptor) {
        if (!isInitializer()) {
            String site = site();
            FailurePoints.noteKnown(kind, site);
            mv.visitLdcInsn(site);
            mv.visitMethodInsn(Opcodes.INVOKESTATIC, POINTS, name, pointDescriptor, false);
        }
    }

    private void point(FailureKind kind, String name) {
        point(kind, name, "(Ljava/lang/String;)V");
    }

    @Override
    public void visitCode() {
        super.visitCode();
        if (isInitializer()) {
            return;
        }
        if (around.name().equals(POOL) && method.equals("take")) {
            Label go = new Label();
            point(FailureKind.FRAME, "lacksFrame", "(Ljava/lang/String;)Z");
            mv.visitJumpInsn(Opcodes.IFEQ, go);
            mv.visitInsn(Opcodes.ICONST_M1);
            mv.visitInsn(Opcodes.IRETURN);
            mv.visitLabel(go);
            String magazine = Type.getArgumentTypes(descriptor)[0].getInternalName();
            mv.visitFrame(Opcodes.F_NEW, 2, new Object[] {around.name(), magazine}, 0, new Object[0]);
        }
        mv.visitLdcInsn(frameBytes);
        point(FailureKind.STACK, isConstructor() ? "construct" : "enter", "(ILjava/lang/String;)V");
        mv.visitLabel(begin);
    }

    @Override
    public void visitLineNumber(int line, Label start) {
        this.line = line;
        super.visitLineNumber(line, start);
    }

    private void leave() {
        mv.visitLdcInsn(frameBytes);
        mv.visitMethodInsn(Opcodes.INVOKESTATIC, POINTS, "leave", "(I)V", false);
    }

    @Override
    public void visitInsn(int opcode) {
        boolean returns = opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN;
        if (returns && !isInitializer() && !isConstructor()) {
            leave();
        }
        super.visitInsn(opcode);
    }

    @Override
    public void visitMaxs(int maxStack, int maxLocals) {
        if (!isInitializer() && !isConstructor()) {
            Label thrown = new Label();
            mv.visitTryCatchBlock(begin, thrown, thrown, null);
            mv.visitLabel(thrown);
            mv.visitFrame(Opcodes.F_NEW, 0, new Object[0], 1, new Object[] {"java/lang/Throwable"});
            leave();
            mv.visitInsn(Opcodes.ATHROW);
        }
        super.visitMaxs(maxStack, maxLocals);
    }

    @Override
    public void visitTypeInsn(int opcode, String type) {
        super.visitTypeInsn(opcode, type);
        if (opcode == Opcodes.NEW || opcode == Opcodes.ANEWARRAY) {
            // Added after the instruction, because stack maps refer to a label directly before it. No other code can
            // use the object yet.
            point(FailureKind.ALLOCATION, "allocation");
        }
    }

    @Override
    public void visitIntInsn(int opcode, int operand) {
        if (opcode == Opcodes.NEWARRAY) {
            point(FailureKind.ALLOCATION, "allocation");
        }
        super.visitIntInsn(opcode, operand);
    }

    @Override
    public void visitMultiANewArrayInsn(String arrayDescriptor, int dimensions) {
        point(FailureKind.ALLOCATION, "allocation");
        super.visitMultiANewArrayInsn(arrayDescriptor, dimensions);
    }

    @Override
    public void visitInvokeDynamicInsn(String name, String site, Handle bootstrap, Object... arguments) {
        if (Type.getArgumentTypes(site).length > 0) {
            // A capturing lambda, or a string concatenation.
            point(FailureKind.ALLOCATION, "allocation");
        }
        Object[] replaced = arguments.clone();
        for (int i = 0; i < replaced.length; i++) {
            if (replaced[i] instanceof Handle handle && isStart(handle.getOwner(), handle.getName())) {
                replaced[i] = starting(handle);
            }
        }
        super.visitInvokeDynamicInsn(name, site, bootstrap, replaced);
    }

    private boolean isStart(String owner, String name) {
        return name.equals("start") && around.fields.isA(owner, Replaced.THREAD);
    }

    /** Replaces a reference to a method that starts threads with a reference to a method that has a failure point. */
    private Handle starting(Handle handle) {
        String full = "(L" + handle.getOwner() + ";)V";
        String site = site();
        FailurePoints.noteKnown(FailureKind.THREAD, site);
        return around.bridgeHandle(
                around.bridge(full, to -> {
                    to.visitLdcInsn(site);
                    to.visitMethodInsn(Opcodes.INVOKESTATIC, POINTS, "thread", "(Ljava/lang/String;)V", false);
                    to.visitVarInsn(Opcodes.ALOAD, 0);
                    to.visitMethodInsn(Opcodes.INVOKEVIRTUAL, handle.getOwner(), "start", "()V", false);
                }),
                full);
    }

    @Override
    public void visitMethodInsn(int opcode, String owner, String name, String called, boolean isInterface) {
        int foreign = ForeignCalls.frameBytes(owner, name);
        if (foreign > 0 && !isInitializer()) {
            mv.visitLdcInsn(foreign);
            point(FailureKind.STACK, "construct", "(ILjava/lang/String;)V");
        }
        if (isStart(owner, name)) {
            point(FailureKind.THREAD, "thread");
        } else if (name.equals("execute") && owner.startsWith("java/util/concurrent/Executor")) {
            mv.visitInsn(Opcodes.DUP2);
            mv.visitInsn(Opcodes.POP);
            point(FailureKind.TASK, "task", "(Ljava/lang/Object;Ljava/lang/String;)V");
        } else if (opcode != Opcodes.INVOKESTATIC
                && opcode != Opcodes.INVOKESPECIAL
                && SteppedMethod.isCallback(owner)) {
            point(FailureKind.CALLBACK_EXCEPTION, "callback");
        } else if (name.equals("forEach") && owner.startsWith("java/") && called.startsWith("(Ljava/util/function/C")) {
            mv.visitInsn(Opcodes.DUP2);
            mv.visitInsn(Opcodes.POP);
            point(FailureKind.ALLOCATION, "iteration", "(Ljava/lang/Object;Ljava/lang/String;)V");
        } else if (ForeignCalls.mayAllocate(around.name() + '.' + method, owner, name, called)) {
            point(FailureKind.ALLOCATION, "allocation");
        }
        super.visitMethodInsn(opcode, owner, name, called, isInterface);
        if (owner.equals(STORE) && name.equals("extend")) {
            point(FailureKind.STORE, "extended", "(ZLjava/lang/String;)Z");
        }
    }
}
