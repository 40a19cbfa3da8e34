// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import org.objectweb.asm.Opcodes;

/** Writes the accesses of one region to the memory of the guest, in one way. Each region has an object of its own. */
abstract class AccessCode {
    final RegionWriter code;

    AccessCode(RegionWriter code) {
        this.code = code;
    }

    /** Writes what comes before the first instruction of the guest, at each entry. */
    abstract void begin();

    /** Writes a load, and leaves its result on the stack as a long. */
    abstract void load(Instruction one);

    /** Writes a store. */
    abstract void store(Instruction one);

    /** Returns whether code has to poll. */
    abstract boolean polls();

    /** Writes a poll. */
    abstract void poll();

    /** Writes what the accesses jump to. */
    void end() {}

    /** Returns the size of an access, in bytes. */
    static int size(Instruction one) {
        return switch (one.operation()) {
            case Interpreter.LD, Interpreter.SD -> Long.BYTES;
            case Interpreter.LW, Interpreter.SW -> Integer.BYTES;
            default -> Byte.BYTES;
        };
    }

    /** Returns the name of the accessor of a type of the JVM. */
    static String type(Instruction one) {
        return switch (size(one)) {
            case Long.BYTES -> "Long";
            case Integer.BYTES -> "Int";
            default -> "Byte";
        };
    }

    /** Returns the descriptor of the type of an access. */
    static String descriptor(Instruction one) {
        return switch (size(one)) {
            case Long.BYTES -> "J";
            case Integer.BYTES -> "I";
            default -> "B";
        };
    }

    /** Makes a long of the number that was loaded. */
    final void widen(Instruction one) {
        switch (one.operation()) {
            case Interpreter.LD -> {
                // It is one.
            }
            case Interpreter.LBU -> {
                code.method().visitIntInsn(Opcodes.SIPUSH, 0xff);
                code.method().visitInsn(Opcodes.IAND);
                code.method().visitInsn(Opcodes.I2L);
            }
            default -> code.method().visitInsn(Opcodes.I2L);
        }
    }

    /** Pushes the number to store. */
    final void pushStored(Instruction one) {
        code.pushRegister(one.rs2());
        if (size(one) < Long.BYTES) {
            code.method().visitInsn(Opcodes.L2I);
            if (size(one) == Byte.BYTES) {
                code.method().visitInsn(Opcodes.I2B);
            }
        }
    }
}
