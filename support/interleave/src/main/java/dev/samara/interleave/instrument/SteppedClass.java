// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** Instruments one class: its superclass, its synchronized methods, and, with {@link SteppedMethod}, its code. */
final class SteppedClass extends ClassVisitor {
    static final String STEPS = "dev/samara/interleave/schedule/Steps";

    private static final String BODY = "$body";

    final SharedFields fields;
    private final boolean buffers;

    /** The sizes of stack frames, for the failure points of this class; null if it has no failure points. */
    private final @Nullable FrameSizes frames;

    private final List<Runnable> bridges = new ArrayList<>();
    private String name = "";
    private boolean isInterface;
    private boolean isThread;

    SteppedClass(ClassVisitor next, SharedFields fields, boolean buffers, @Nullable FrameSizes frames) {
        super(Opcodes.ASM9, next);
        this.buffers = buffers;
        this.frames = frames;
        this.fields = fields;
    }

    String name() {
        return name;
    }

    @Override
    public void visit(
            int version,
            int access,
            String name,
            @Nullable String signature,
            @Nullable String superName,
            String @Nullable [] interfaces) {
        this.name = name;
        isInterface = (access & Opcodes.ACC_INTERFACE) != 0;
        isThread = superName != null && fields.isA(superName, Replaced.THREAD);
        super.visit(version, access, name, signature, superName == null ? null : Replaced.type(superName), interfaces);
    }

    @Override
    public MethodVisitor visitMethod(
            int access, String method, String descriptor, @Nullable String signature, String @Nullable [] exceptions) {
        String renamed = isThread && method.equals("run") && descriptor.equals("()V") ? "body" : method;
        boolean isSynchronized = (access & Opcodes.ACC_SYNCHRONIZED) != 0;
        if (isSynchronized) {
            addEntry(access, renamed, descriptor, exceptions);
            access = (access & ~(Opcodes.ACC_SYNCHRONIZED | Opcodes.ACC_PUBLIC | Opcodes.ACC_PROTECTED))
                    | Opcodes.ACC_PRIVATE
                    | Opcodes.ACC_SYNTHETIC;
            renamed += BODY;
        }
        MethodVisitor made = super.visitMethod(access, renamed, descriptor, signature, exceptions);
        MethodVisitor plain = buffers ? new PlainAccesses(made, this) : made;
        SteppedMethod stepped = new SteppedMethod(plain, this, method, buffers);
        return frames == null
                ? stepped
                : new FailingMethod(stepped, this, method, descriptor, frames.bytes(method, descriptor));
    }

    @Override
    public void visitEnd() {
        bridges.forEach(Runnable::run);
        super.visitEnd();
    }

    /**
     * Adds a private static method. Its code is generated after all methods of the class were visited.
     *
     * @return its name
     */
    String bridge(String descriptor, Bridge code) {
        String bridge = "step$" + bridges.size();
        bridges.add(() -> {
            MethodVisitor made = super.visitMethod(
                    Opcodes.ACC_PRIVATE | Opcodes.ACC_STATIC | Opcodes.ACC_SYNTHETIC, bridge, descriptor, null, null);
            made.visitCode();
            code.write(made);
            made.visitInsn(Type.getReturnType(descriptor).getOpcode(Opcodes.IRETURN));
            made.visitMaxs(0, 0);
            made.visitEnd();
        });
        return bridge;
    }

    /** Generates the code of a bridge, which leaves the result on the stack. */
    interface Bridge {
        void write(MethodVisitor to);

        /** Generates code that loads consecutive arguments. */
        static void loadArguments(MethodVisitor to, Type[] arguments) {
            int local = 0;
            for (Type argument : arguments) {
                to.visitVarInsn(argument.getOpcode(Opcodes.ILOAD), local);
                local += argument.getSize();
            }
        }
    }

    void callBridge(MethodVisitor to, String bridge, String descriptor) {
        to.visitMethodInsn(Opcodes.INVOKESTATIC, name, bridge, descriptor, isInterface);
    }

    Handle bridgeHandle(String bridge, String descriptor) {
        return new Handle(Opcodes.H_INVOKESTATIC, name, bridge, descriptor, isInterface);
    }

    /** Replaces a synchronized method with a method that takes the scheduler's monitor and calls the original one. */
    private void addEntry(int access, String method, String descriptor, String @Nullable [] exceptions) {
        boolean isStatic = (access & Opcodes.ACC_STATIC) != 0;
        int without = access & ~Opcodes.ACC_SYNCHRONIZED;
        String site = SharedFields.simple(name) + '.' + method;
        bridges.add(() -> {
            MethodVisitor to = super.visitMethod(without, method, descriptor, null, exceptions);
            to.visitCode();
            Label begin = new Label();
            Label end = new Label();
            Label thrown = new Label();
            to.visitTryCatchBlock(begin, end, thrown, null);
            monitor(to, isStatic, "monitorEnter", site);
            to.visitLabel(begin);
            Type[] arguments = Type.getArgumentTypes(descriptor);
            int local = 0;
            if (!isStatic) {
                to.visitVarInsn(Opcodes.ALOAD, 0);
                local = 1;
            }
            for (Type argument : arguments) {
                to.visitVarInsn(argument.getOpcode(Opcodes.ILOAD), local);
                local += argument.getSize();
            }
            to.visitMethodInsn(
                    isStatic ? Opcodes.INVOKESTATIC : Opcodes.INVOKESPECIAL,
                    name,
                    method + BODY,
                    descriptor,
                    isInterface);
            to.visitLabel(end);
            monitor(to, isStatic, "monitorExit", site);
            to.visitInsn(Type.getReturnType(descriptor).getOpcode(Opcodes.IRETURN));
            to.visitLabel(thrown);
            to.visitFrame(
                    Opcodes.F_NEW, isStatic ? 0 : 1, isStatic ? new Object[0] : new Object[] {name}, 1, new Object[] {
                        "java/lang/Throwable"
                    });
            monitor(to, isStatic, "monitorExit", site);
            to.visitInsn(Opcodes.ATHROW);
            to.visitMaxs(0, 0);
            to.visitEnd();
        });
    }

    private void monitor(MethodVisitor to, boolean isStatic, String what, String site) {
        if (isStatic) {
            to.visitLdcInsn(Type.getObjectType(name));
        } else {
            to.visitVarInsn(Opcodes.ALOAD, 0);
        }
        to.visitLdcInsn(site);
        to.visitMethodInsn(Opcodes.INVOKESTATIC, STEPS, what, "(Ljava/lang/Object;Ljava/lang/String;)V", false);
    }
}
