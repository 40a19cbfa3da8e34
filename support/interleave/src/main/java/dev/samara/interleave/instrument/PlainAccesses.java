// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import static dev.samara.interleave.instrument.HandleBridge.BUFFERED;

import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Instruments accesses without a VarHandle to locations that VarHandles access too. A thread sees its own stores in
 * order, so stores to the location that are still in the thread's buffer are performed before such an access.
 */
final class PlainAccesses extends MethodVisitor {
    private final SteppedClass around;

    PlainAccesses(MethodVisitor next, SteppedClass around) {
        super(Opcodes.ASM9, next);
        this.around = around;
    }

    @Override
    public void visitInsn(int opcode) {
        switch (opcode) {
            case Opcodes.LALOAD, Opcodes.AALOAD, Opcodes.IALOAD -> {
                super.visitInsn(Opcodes.DUP2);
                super.visitMethodInsn(Opcodes.INVOKESTATIC, BUFFERED, "element", "(Ljava/lang/Object;I)V", false);
            }
            case Opcodes.LASTORE -> {
                store("([JIJ)V");
                return;
            }
            case Opcodes.IASTORE -> {
                store("([III)V");
                return;
            }
            case Opcodes.AASTORE -> {
                store("([Ljava/lang/Object;ILjava/lang/Object;)V");
                return;
            }
            default -> {}
        }
        super.visitInsn(opcode);
    }

    @Override
    public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
        String handled = around.fields.handledName(owner, name);
        if (handled != null && (opcode == Opcodes.GETFIELD || opcode == Opcodes.PUTFIELD)) {
            if (opcode == Opcodes.GETFIELD) {
                super.visitInsn(Opcodes.DUP);
            } else if (Type.getType(descriptor).getSize() == 1) {
                super.visitInsn(Opcodes.DUP2);
                super.visitInsn(Opcodes.POP);
            } else {
                super.visitInsn(Opcodes.DUP2_X1);
                super.visitInsn(Opcodes.POP2);
                super.visitInsn(Opcodes.DUP_X2);
            }
            super.visitLdcInsn(handled);
            super.visitMethodInsn(
                    Opcodes.INVOKESTATIC, BUFFERED, "field", "(Ljava/lang/Object;Ljava/lang/String;)V", false);
        }
        super.visitFieldInsn(opcode, owner, name, descriptor);
    }

    private void store(String descriptor) {
        super.visitMethodInsn(Opcodes.INVOKESTATIC, BUFFERED, "storeElement", descriptor, false);
    }
}
