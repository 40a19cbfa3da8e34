// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import dev.samara.bench.interpreter.RegionPlan.Instruction;
import dev.samara.core.guest.TlbArrays;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Generates accesses that cache translations in local variables: for each base register, the granule of its last load
 * and the granule of its last store. An access to a cached granule does not read the TLB. Any other access compares its
 * address with a tag. If it misses, the code exits the region, and the interpreter executes the access. So the region
 * contains no calls, and the JVM keeps its local variables in registers. The cache is dropped after a poll that found a
 * request, and after an access that is a call.
 */
final class KeptCode extends TlbReads {
    /** No granule: it has bit 3 set, whereas bits 3 to 11 are clear in each address that is compared with it. */
    private static final long NONE = 8;

    /**
     * The local variables of one cached granule: its address, and the index of a byte minus its address, in 32 bits.
     */
    private record KeptGranule(int granule, int addend) {}

    private final Set<Long> called;
    private final int resumption;
    private final Map<Integer, KeptGranule> loads = new TreeMap<>();
    private final Map<Integer, KeptGranule> stores = new TreeMap<>();

    /** The labels that accesses jump to if they miss, with the addresses of their instructions. */
    private final Map<Label, Long> misses = new LinkedHashMap<>();

    /** The labels at which the code resumes after it dropped the cache. */
    private final List<Label> resumed = new ArrayList<>();

    private final Label drop = new Label();

    /**
     * Creates the generator of a region's accesses.
     *
     * @param called the instructions that missed so often that calls replace them
     */
    KeptCode(RegionWriter code, List<Object> constants, RegionPlan plan, Set<Long> called) {
        super(code, constants);
        this.called = called;
        resumption = code.newLocal(1);
        for (Instruction one : plan.instructions()) {
            if (one.isLoad() || one.isStore()) {
                (one.isLoad() ? loads : stores)
                        .computeIfAbsent(one.rs1(), key -> new KeptGranule(code.newLocal(2), code.newLocal(1)));
            }
        }
    }

    @Override
    void begin() {
        super.begin();
        zero(resumption);
        loads.values().forEach(kept -> zero(kept.addend));
        stores.values().forEach(kept -> zero(kept.addend));
        forget();
    }

    private void zero(int local) {
        code.method().visitInsn(Opcodes.ICONST_0);
        code.method().visitVarInsn(Opcodes.ISTORE, local);
    }

    private void forget() {
        loads.values().forEach(this::forget);
        stores.values().forEach(this::forget);
    }

    private void forget(KeptGranule kept) {
        code.method().visitLdcInsn(NONE);
        code.method().visitVarInsn(Opcodes.LSTORE, kept.granule);
    }

    /** Generates a jump to the code that drops the cache and resumes after the jump. */
    private void dropAll() {
        Label after = new Label();
        code.pushInt(resumed.size());
        code.method().visitVarInsn(Opcodes.ISTORE, resumption);
        code.method().visitJumpInsn(Opcodes.GOTO, drop);
        code.method().visitLabel(after);
        resumed.add(after);
    }

    private void find(int tags, Instruction one, KeptGranule kept) {
        MethodVisitor method = code.method();
        Label miss = new Label();
        Label known = new Label();
        misses.put(miss, one.pc());
        code.pushAddress(one);
        method.visitVarInsn(Opcodes.LSTORE, address);
        // Only an aligned access matches, which lies within one granule. This is the cheapest check.
        method.visitVarInsn(Opcodes.LLOAD, address);
        method.visitLdcInsn(TlbArrays.GRANULE_MASK | size(one) - 1);
        method.visitInsn(Opcodes.LAND);
        method.visitVarInsn(Opcodes.LLOAD, kept.granule);
        method.visitInsn(Opcodes.LCMP);
        method.visitJumpInsn(Opcodes.IFEQ, known);
        compare(tags, one, miss);
        pushGranule(0);
        method.visitVarInsn(Opcodes.LSTORE, kept.granule);
        element(ADDENDS);
        method.visitInsn(Opcodes.L2I);
        method.visitVarInsn(Opcodes.ISTORE, kept.addend);
        method.visitLabel(known);
        pushRegion();
        method.visitVarInsn(Opcodes.LLOAD, address);
        method.visitInsn(Opcodes.L2I);
        method.visitVarInsn(Opcodes.ILOAD, kept.addend);
        method.visitInsn(Opcodes.IADD);
    }

    @Override
    void load(Instruction one) {
        if (called.contains(one.pc())) {
            super.load(one);
            // Stored in a local variable, because the stack must be empty at a jump.
            code.method().visitVarInsn(Opcodes.LSTORE, address);
            dropAll();
            code.method().visitVarInsn(Opcodes.LLOAD, address);
        } else {
            find(LOAD_TAGS, one, Objects.requireNonNull(loads.get(one.rs1())));
            bytes.load(code, one);
            widen(one);
        }
    }

    @Override
    void store(Instruction one) {
        if (called.contains(one.pc())) {
            super.store(one);
            dropAll();
        } else {
            find(STORE_TAGS, one, Objects.requireNonNull(stores.get(one.rs1())));
            bytes.index(code, one);
            pushStored(one);
            bytes.store(code, one);
        }
    }

    @Override
    void poll() {
        Label quiet = new Label();
        pushPoll();
        code.method().visitJumpInsn(Opcodes.IFEQ, quiet);
        dropAll();
        code.method().visitLabel(quiet);
    }

    @Override
    void end() {
        misses.forEach((label, pc) -> {
            code.method().visitLabel(label);
            code.leaveAt(pc);
        });
        if (!resumed.isEmpty()) {
            code.method().visitLabel(drop);
            forget();
            readKey();
            code.method().visitVarInsn(Opcodes.ILOAD, resumption);
            Label first = resumed.get(0);
            code.method().visitTableSwitchInsn(0, resumed.size() - 1, first, resumed.toArray(new Label[0]));
        }
    }
}
