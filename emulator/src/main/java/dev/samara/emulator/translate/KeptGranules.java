// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.objectweb.asm.Opcodes.ICONST_0;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.LSTORE;

import java.util.Map;
import java.util.TreeMap;
import org.objectweb.asm.MethodVisitor;

/**
 * The local variables that contain the granules of the last accesses: one for the loads and one for the stores of each
 * base register. They stay valid, because the code calls nothing that polls.
 */
final class KeptGranules {
    /** No granule: bit 3 is set, and bits 3 to 11 are cleared in each address that is compared with it. */
    private static final long NONE = 8;

    /** The variables of loads and stores, both determined in the first pass. */
    private final Map<Integer, Integer> loads = new TreeMap<>();

    private final Map<Integer, Integer> stores = new TreeMap<>();
    private final RegisterLocals locals;

    KeptGranules(RegisterLocals locals) {
        this.locals = locals;
    }

    /** Returns the variable of the granule that a base register used last. The next variable contains the addend. */
    int local(boolean isStore, int base) {
        return (isStore ? stores : loads).computeIfAbsent(base, key -> locals.more(GRANULE_WORDS + 1));
    }

    /** The number of local variable slots that a granule, a long, occupies. */
    static final int GRANULE_WORDS = 2;

    void begin(MethodVisitor method) {
        loads.values().forEach(local -> begin(method, local));
        stores.values().forEach(local -> begin(method, local));
    }

    private static void begin(MethodVisitor method, int local) {
        method.visitLdcInsn(NONE);
        method.visitVarInsn(LSTORE, local);
        method.visitInsn(ICONST_0);
        method.visitVarInsn(ISTORE, local + GRANULE_WORDS);
    }
}
