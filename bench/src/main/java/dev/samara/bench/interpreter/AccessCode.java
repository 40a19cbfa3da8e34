// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import org.objectweb.asm.Opcodes;

/**
 * Generates the code of a region's accesses to guest memory; each subclass implements one way of access. An object is
 * used for only one region.
 */
abstract class AccessCode {
    final RegionWriter code;

    AccessCode(RegionWriter code) {
        this.code = code;
    }

    /** Generates the code that runs at each entry of the region, before the first guest instruction. */
    abstract void begin();

    /** Generates a load that pushes its result as a long. */
    abstract void load(Instruction one);

    /** Generates a store. */
    abstract void store(Instruction one);

    /** Returns whether the generated code must poll. */
    abstract boolean polls();

    /** Generates a poll. */
    abstract void poll();

    /** Generates the code that accesses jump to. */
    void end() {}

    /** Returns the size of an access, in bytes. */
    static int size(Instruction one) {
        return switch (one.operation()) {
            case Interpreter.LD, Interpreter.SD -> Long.BYTES;
            case Interpreter.LW, Interpreter.SW -> Integer.BYTES;
            default -> Byte.BYTES;
        };
    }

    /** Returns the name of an access's JVM type, as in {@code getLong}. */
    static String type(Instruction one) {
        return switch (size(one)) {
            case Long.BYTES -> "Long";
            case Integer.BYTES -> "Int";
            default -> "Byte";
        };
    }

    /** Returns the descriptor of an access's JVM type. */
    static String descriptor(Instruction one) {
        return switch (size(one)) {
            case Long.BYTES -> "J";
            case Integer.BYTES -> "I";
            default -> "B";
        };
    }

    /** Generates the conversion of a loaded number to a long. */
    final void widen(Instruction one) {
        switch (one.operation()) {
            case Interpreter.LD -> {
                // The number already is a long.
            }
            case Interpreter.LBU -> {
                code.method().visitIntInsn(Opcodes.SIPUSH, 0xff);
                code.method().visitInsn(Opcodes.IAND);
                code.method().visitInsn(Opcodes.I2L);
            }
            default -> code.method().visitInsn(Opcodes.I2L);
        }
    }

    /** Generates code that pushes the number to store. */
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
