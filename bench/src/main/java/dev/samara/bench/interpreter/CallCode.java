// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import dev.samara.core.guest.FlatMemory;
import org.objectweb.asm.Opcodes;

/** Each access is a call to the memory, which is the first constant of the generated class. */
class CallCode extends AccessCode {
    private final Class<?> type;
    private final int memory;

    CallCode(RegionWriter code, Class<?> type) {
        super(code);
        this.type = type;
        memory = code.newLocal(1);
    }

    @Override
    void begin() {
        code.pushConstant(0, "L" + RegionWriter.internal(type) + ";");
        code.method().visitVarInsn(Opcodes.ASTORE, memory);
    }

    final void pushMemory() {
        code.method().visitVarInsn(Opcodes.ALOAD, memory);
    }

    /** Generates a call to a method of the memory. */
    final void call(String name, String descriptor) {
        code.method().visitMethodInsn(Opcodes.INVOKEVIRTUAL, RegionWriter.internal(type), name, descriptor, false);
    }

    @Override
    void load(Instruction one) {
        code.mark(one);
        pushMemory();
        code.pushAddress(one);
        call("load" + type(one), "(J)" + descriptor(one));
        widen(one);
    }

    @Override
    void store(Instruction one) {
        code.mark(one);
        pushMemory();
        code.pushAddress(one);
        pushStored(one);
        call("store" + type(one), "(J" + descriptor(one) + ")V");
    }

    @Override
    final boolean polls() {
        return FlatMemory.class.isAssignableFrom(type);
    }

    /** Generates a poll that pushes whether a request was pending. */
    final void pushPoll() {
        pushMemory();
        call("poll", "()Z");
    }

    @Override
    void poll() {
        pushPoll();
        code.method().visitInsn(Opcodes.POP);
    }
}
