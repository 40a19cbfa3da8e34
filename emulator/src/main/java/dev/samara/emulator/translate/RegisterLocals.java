// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.LALOAD;
import static org.objectweb.asm.Opcodes.LASTORE;
import static org.objectweb.asm.Opcodes.LCONST_0;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.POP2;

import dev.samara.emulator.isa.InstructionDecoder;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.objectweb.asm.MethodVisitor;

/**
 * The local variables in which a translated method keeps registers of the guest. Which registers a method uses is known
 * only once its instructions have been written. So they are written twice, and the output of the first time is
 * discarded.
 */
final class RegisterLocals {
    /** Added to the number of a floating-point register. */
    static final int FLOAT = 64;

    private final Map<Integer, Integer> locals = new TreeMap<>();
    private final TreeSet<Integer> written = new TreeSet<>();
    private int firstFree;

    /** Allocates variables from a number on. */
    RegisterLocals(int firstFree) {
        this.firstFree = firstFree;
    }

    private int local(int register) {
        return locals.computeIfAbsent(register, key -> more(2));
    }

    /** Allocates variables for another use; returns the first one. */
    int more(int words) {
        int first = firstFree;
        firstFree += words;
        return first;
    }

    /** Pushes a register. The number of a floating-point register includes {@link #FLOAT}. */
    void push(MethodVisitor method, int register) {
        if (register == 0) {
            method.visitInsn(LCONST_0);
        } else {
            method.visitVarInsn(LLOAD, local(register));
        }
    }

    /** Pops the result of an instruction into its target. */
    void pop(MethodVisitor method, int register) {
        if (register == InstructionDecoder.NOWHERE) {
            method.visitInsn(POP2);
        } else {
            method.visitVarInsn(LSTORE, local(register));
            written.add(register);
        }
    }

    /** Loads all registers that the method uses from the arrays in two variables. */
    void read(MethodVisitor method, int x, int f) {
        locals.forEach((register, local) -> {
            element(method, register, x, f);
            method.visitInsn(LALOAD);
            method.visitVarInsn(LSTORE, local);
        });
    }

    /** Writes back all registers that the method changes. */
    void write(MethodVisitor method, int x, int f) {
        for (int register : written) {
            element(method, register, x, f);
            push(method, register);
            method.visitInsn(LASTORE);
        }
    }

    private static void element(MethodVisitor method, int register, int x, int f) {
        method.visitVarInsn(ALOAD, register < FLOAT ? x : f);
        method.visitLdcInsn(register & FLOAT - 1);
    }
}
