// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

import static org.objectweb.asm.Opcodes.ACC_FINAL;
import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.GOTO;
import static org.objectweb.asm.Opcodes.H_INVOKESTATIC;
import static org.objectweb.asm.Opcodes.IADD;
import static org.objectweb.asm.Opcodes.IAND;
import static org.objectweb.asm.Opcodes.IFEQ;
import static org.objectweb.asm.Opcodes.IFGT;
import static org.objectweb.asm.Opcodes.IFNE;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.INVOKESPECIAL;
import static org.objectweb.asm.Opcodes.INVOKEVIRTUAL;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.L2I;
import static org.objectweb.asm.Opcodes.LADD;
import static org.objectweb.asm.Opcodes.LALOAD;
import static org.objectweb.asm.Opcodes.LAND;
import static org.objectweb.asm.Opcodes.LASTORE;
import static org.objectweb.asm.Opcodes.LCMP;
import static org.objectweb.asm.Opcodes.LCONST_0;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LOR;
import static org.objectweb.asm.Opcodes.LRETURN;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.LUSHR;
import static org.objectweb.asm.Opcodes.POP;
import static org.objectweb.asm.Opcodes.RETURN;
import static org.objectweb.asm.Opcodes.V17;

import dev.samara.core.guest.TlbArrays;
import java.lang.invoke.MethodHandles;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.ConstantDynamic;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;

/**
 * Translates one loop of the guest to a class, by the rules of {@link TlbArrays}. The registers of the guest are local
 * variables. For each register that holds an address, local variables also keep the granule of the last load, the
 * granule of the last store, and the addends of both granules. An access to one of these granules takes a comparison,
 * an addition and the access itself.
 *
 * <p>HotSpot does not compile methods of more than 8,000 bytes of bytecode. An access takes up to 91 bytes, and its
 * exit, which writes all registers back, takes as many again. So {@link TranslationCache#LONGEST} loads or stores take
 * almost 8,000 bytes.
 */
final class LoopTranslator {
    private static final String NAME = internal(TranslatedLoop.class) + "$Generated";
    private static final String SUPER = internal(TranslatedLoop.class);
    private static final String BUFFER = "java/nio/MappedByteBuffer";
    private static final String LONGS = "[J";

    /*
     * Indices of the class data of a generated class. The data stays valid while the CPU uses spaces of one machine
     * with one page size.
     */
    private static final int LOAD_TAGS = 0;
    private static final int STORE_TAGS = 1;
    private static final int ADDENDS = 2;
    private static final int REGION = 3;

    /* Indices of the parameters and local variables. A variable of type long takes two indices. */
    private static final int REGISTERS = 1;
    private static final int KEY = 2;
    private static final int ADDRESS = 4;
    private static final int LEFT = 6;
    private static final int FIRST_REGISTER = 7;
    private static final int COUNT = 16;
    private static final int FIRST_GRANULE = FIRST_REGISTER + 2 * COUNT;

    /** The number of indices that a granule and its addend take. */
    private static final int KEPT = 3;

    /**
     * Stands for no granule. It has bit 3 set, but bits 3 to 11 are cleared in each address that is compared with it.
     */
    private static final long NONE = 8;

    private static final Handle CLASS_DATA_AT = new Handle(
            H_INVOKESTATIC,
            internal(MethodHandles.class),
            "classDataAt",
            "(Ljava/lang/invoke/MethodHandles$Lookup;Ljava/lang/String;Ljava/lang/Class;I)Ljava/lang/Object;",
            false);

    private final ClassWriter file = new ClassWriter(ClassWriter.COMPUTE_FRAMES | ClassWriter.COMPUTE_MAXS);
    private final MethodVisitor code;
    private final Label end = new Label();
    private final int slots;

    /** The exits of the code, by the address at which the guest continues. */
    private final Map<Long, Label> exits = new LinkedHashMap<>();

    private LoopTranslator(int slots) {
        this.slots = slots;
        file.visit(V17, ACC_FINAL, NAME, null, SUPER, null);
        MethodVisitor constructor = file.visitMethod(0, "<init>", "()V", null, null);
        constructor.visitVarInsn(ALOAD, 0);
        constructor.visitMethodInsn(INVOKESPECIAL, SUPER, "<init>", "()V", false);
        constructor.visitInsn(RETURN);
        constructor.visitMaxs(0, 0);
        code = file.visitMethod(0, "run", "([JJ)J", null, null);
    }

    private static String internal(Class<?> type) {
        return type.getName().replace('.', '/');
    }

    /**
     * Translates a loop.
     *
     * @param start the address of its first instruction
     * @param loop its instructions; the last one is a branch to the first
     * @param tlb the TLB of the CPU that runs it
     */
    static TranslatedLoop translate(long start, List<ToyInstruction> loop, TlbArrays tlb) {
        List<Object> constants = List.of(tlb.loadTags(), tlb.storeTags(), tlb.addends(), tlb.region());
        byte[] bytes = new LoopTranslator(tlb.loadTags().length).write(start, loop);
        try {
            return (TranslatedLoop) MethodHandles.lookup()
                    .defineHiddenClassWithClassData(bytes, constants, true)
                    .lookupClass()
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException failed) {
            throw new IllegalStateException("the translation of " + loop + " cannot be loaded", failed);
        }
    }

    /** Returns the number of bytes of bytecode of a loop, for a TLB with the given number of slots. */
    static int size(long start, List<ToyInstruction> loop, int slots) {
        LoopTranslator translator = new LoopTranslator(slots);
        translator.write(start, loop);
        return translator.end.getOffset();
    }

    private byte[] write(long start, List<ToyInstruction> loop) {
        begin();
        Label again = new Label();
        code.visitLabel(again);
        long pc = start;
        for (ToyInstruction one : loop) {
            switch (one.operation()) {
                case SET -> {
                    sum(one);
                    pop(one.a());
                }
                case ADD -> {
                    push(one.a());
                    push(one.b());
                    code.visitInsn(LADD);
                    pop(one.a());
                }
                case LOAD -> load(one, pc);
                case STORE -> store(one, pc);
                default -> {
                    push(one.a());
                    code.visitInsn(LCONST_0);
                    code.visitInsn(LCMP);
                    code.visitJumpInsn(IFEQ, exit(pc + ToyInstruction.BYTES));
                    code.visitIincInsn(LEFT, -1);
                    code.visitVarInsn(ILOAD, LEFT);
                    code.visitJumpInsn(IFGT, again);
                    code.visitJumpInsn(GOTO, exit(start));
                }
            }
            pc += ToyInstruction.BYTES;
        }
        exits.forEach(this::leave);
        code.visitLabel(end);
        code.visitMaxs(0, 0);
        code.visitEnd();
        file.visitEnd();
        return file.toByteArray();
    }

    private void begin() {
        for (int constant = LOAD_TAGS; constant <= REGION; constant++) {
            // HotSpot does not compile a method with an unresolved constant, even if the constant is never reached.
            constant(constant);
            code.visitInsn(POP);
        }
        code.visitLdcInsn(TranslatedLoop.PASSES);
        code.visitVarInsn(ISTORE, LEFT);
        for (int i = 0; i < COUNT; i++) {
            code.visitVarInsn(ALOAD, REGISTERS);
            code.visitLdcInsn(i);
            code.visitInsn(LALOAD);
            pop(i);
        }
        for (int i = 0; i < 2 * COUNT; i++) {
            code.visitLdcInsn(NONE);
            code.visitVarInsn(LSTORE, FIRST_GRANULE + KEPT * i);
            code.visitLdcInsn(0);
            code.visitVarInsn(ISTORE, FIRST_GRANULE + KEPT * i + 2);
        }
    }

    private Label exit(long to) {
        return exits.computeIfAbsent(to, key -> new Label());
    }

    private void leave(long to, Label label) {
        code.visitLabel(label);
        for (int i = 0; i < COUNT; i++) {
            code.visitVarInsn(ALOAD, REGISTERS);
            code.visitLdcInsn(i);
            push(i);
            code.visitInsn(LASTORE);
        }
        code.visitLdcInsn(to);
        code.visitInsn(LRETURN);
    }

    private void push(int register) {
        code.visitVarInsn(LLOAD, FIRST_REGISTER + 2 * register);
    }

    private void pop(int register) {
        code.visitVarInsn(LSTORE, FIRST_REGISTER + 2 * register);
    }

    /** Pushes the sum of the register {@code b} and the number of the instruction. */
    private void sum(ToyInstruction one) {
        push(one.b());
        code.visitLdcInsn((long) one.number());
        code.visitInsn(LADD);
    }

    private void constant(int index) {
        String type = index == REGION ? "L" + BUFFER + ";" : LONGS;
        code.visitLdcInsn(new ConstantDynamic("_", type, CLASS_DATA_AT, index));
    }

    private void load(ToyInstruction one, long pc) {
        find(LOAD_TAGS, one, FIRST_GRANULE + KEPT * one.b(), pc);
        code.visitMethodInsn(INVOKEVIRTUAL, BUFFER, "getLong", "(I)J", false);
        pop(one.a());
    }

    private void store(ToyInstruction one, long pc) {
        find(STORE_TAGS, one, FIRST_GRANULE + KEPT * (COUNT + one.b()), pc);
        push(one.a());
        code.visitMethodInsn(INVOKEVIRTUAL, BUFFER, "putLong", "(IJ)Ljava/nio/ByteBuffer;", false);
        code.visitInsn(POP);
    }

    /**
     * Pushes the region and the index of an access in it. If the TLB does not contain the granule, the code exits
     * before the instruction.
     */
    private void find(int tags, ToyInstruction one, int granule, long pc) {
        Label known = new Label();
        sum(one);
        code.visitVarInsn(LSTORE, ADDRESS);
        alignedGranule();
        code.visitVarInsn(LLOAD, granule);
        code.visitInsn(LCMP);
        code.visitJumpInsn(IFEQ, known);
        element(tags);
        granule(Long.BYTES - 1);
        code.visitVarInsn(LLOAD, KEY);
        code.visitInsn(LOR);
        code.visitInsn(LCMP);
        code.visitJumpInsn(IFNE, exit(pc));
        granule(0);
        code.visitVarInsn(LSTORE, granule);
        element(ADDENDS);
        code.visitInsn(L2I);
        code.visitVarInsn(ISTORE, granule + 2);
        code.visitLabel(known);
        constant(REGION);
        code.visitVarInsn(LLOAD, ADDRESS);
        code.visitInsn(L2I);
        code.visitVarInsn(ILOAD, granule + 2);
        code.visitInsn(IADD);
    }

    /** Pushes the granule of a byte at a distance from the address. */
    private void granule(int distance) {
        code.visitVarInsn(LLOAD, ADDRESS);
        code.visitLdcInsn((long) distance);
        code.visitInsn(LADD);
        code.visitLdcInsn(TlbArrays.GRANULE_MASK);
        code.visitInsn(LAND);
    }

    /**
     * Pushes the granule of the address, or a number that equals no granule if the address is not a multiple of 8. An
     * aligned access lies in one granule, so one comparison with the kept granule is enough. The number cannot be
     * compared with a tag, because the low bits of a tag contain the key.
     */
    private void alignedGranule() {
        code.visitVarInsn(LLOAD, ADDRESS);
        code.visitLdcInsn(TlbArrays.GRANULE_MASK | Long.BYTES - 1);
        code.visitInsn(LAND);
    }

    /** Pushes the element of an array for the slot of the address. */
    private void element(int array) {
        constant(array);
        code.visitVarInsn(LLOAD, ADDRESS);
        code.visitLdcInsn(TlbArrays.GRANULE_SHIFT);
        code.visitInsn(LUSHR);
        code.visitInsn(L2I);
        code.visitLdcInsn(slots - 1);
        code.visitInsn(IAND);
        code.visitInsn(LALOAD);
    }
}
