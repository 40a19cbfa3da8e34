// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import java.util.List;
import org.objectweb.asm.Label;
import org.objectweb.asm.Opcodes;

/**
 * Each access compares its address with a tag of the TLB; if it misses, it calls the memory. After each call, the code
 * reads the TLB's key again.
 */
final class TlbCode extends TlbReads {
    TlbCode(RegionWriter code, List<Object> constants) {
        super(code, constants);
    }

    private void find(int tags, Instruction one, Label miss) {
        code.pushAddress(one);
        code.method().visitVarInsn(Opcodes.LSTORE, address);
        compare(tags, one, miss);
        pushRegion();
        element(ADDENDS);
        code.method().visitVarInsn(Opcodes.LLOAD, address);
        code.method().visitInsn(Opcodes.LADD);
        code.method().visitInsn(Opcodes.L2I);
    }

    @Override
    void load(Instruction one) {
        Label miss = new Label();
        Label done = new Label();
        find(LOAD_TAGS, one, miss);
        bytes.load(code, one);
        widen(one);
        code.method().visitJumpInsn(Opcodes.GOTO, done);
        code.method().visitLabel(miss);
        super.load(one);
        readKey();
        code.method().visitLabel(done);
    }

    @Override
    void store(Instruction one) {
        Label miss = new Label();
        Label done = new Label();
        find(STORE_TAGS, one, miss);
        bytes.index(code, one);
        pushStored(one);
        bytes.store(code, one);
        code.method().visitJumpInsn(Opcodes.GOTO, done);
        code.method().visitLabel(miss);
        super.store(one);
        readKey();
        code.method().visitLabel(done);
    }

    @Override
    void poll() {
        Label quiet = new Label();
        pushPoll();
        code.method().visitJumpInsn(Opcodes.IFEQ, quiet);
        readKey();
        code.method().visitLabel(quiet);
    }
}
