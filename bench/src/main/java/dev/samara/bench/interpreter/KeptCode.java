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
 * Keeps the granule of the last access by each base register, and its place, in local variables: one for loads and one
 * for stores. An access to that granule reads nothing of the TLB. Another one compares with a tag, and leaves the
 * region if it misses, so that the interpreter makes it: a region without calls needs no local variable in memory. What
 * is kept is dropped after a poll that had something to do, and after an access that was made by a call.
 */
final class KeptCode extends TlbReads {
    /** Equals no address without its bits 3 to 11. */
    private static final long NONE = 8;

    /** The granule that was used last, and the index of an address in it minus the address, as a number of 32 bits. */
    private record KeptGranule(int granule, int addend) {}

    private final Set<Long> called;
    private final int resumption;
    private final Map<Integer, KeptGranule> loads = new TreeMap<>();
    private final Map<Integer, KeptGranule> stores = new TreeMap<>();

    /** Where accesses jump that miss, and their addresses. */
    private final Map<Label, Long> misses = new LinkedHashMap<>();

    /** Where the code goes on after all was dropped. */
    private final List<Label> resumed = new ArrayList<>();

    private final Label drop = new Label();

    /**
     * Makes the code of a region.
     *
     * @param called the addresses of accesses that miss again and again, and are calls
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

    /** Writes a jump to the code that drops everything, and goes on here. */
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
        // That of an aligned access, which lies in one granule: the cheapest test.
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
            // A local variable: at a jump, the stack is empty.
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
