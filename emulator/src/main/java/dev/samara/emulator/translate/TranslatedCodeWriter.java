// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.objectweb.asm.Opcodes.ACC_FINAL;
import static org.objectweb.asm.Opcodes.ACC_PUBLIC;
import static org.objectweb.asm.Opcodes.ACC_SUPER;
import static org.objectweb.asm.Opcodes.ALOAD;
import static org.objectweb.asm.Opcodes.ARRAYLENGTH;
import static org.objectweb.asm.Opcodes.ASM9;
import static org.objectweb.asm.Opcodes.ASTORE;
import static org.objectweb.asm.Opcodes.BIPUSH;
import static org.objectweb.asm.Opcodes.GETFIELD;
import static org.objectweb.asm.Opcodes.GOTO;
import static org.objectweb.asm.Opcodes.I2B;
import static org.objectweb.asm.Opcodes.I2L;
import static org.objectweb.asm.Opcodes.I2S;
import static org.objectweb.asm.Opcodes.IADD;
import static org.objectweb.asm.Opcodes.IAND;
import static org.objectweb.asm.Opcodes.ICONST_0;
import static org.objectweb.asm.Opcodes.ICONST_1;
import static org.objectweb.asm.Opcodes.IFEQ;
import static org.objectweb.asm.Opcodes.IFGE;
import static org.objectweb.asm.Opcodes.IFGT;
import static org.objectweb.asm.Opcodes.IFLT;
import static org.objectweb.asm.Opcodes.IFNE;
import static org.objectweb.asm.Opcodes.ILOAD;
import static org.objectweb.asm.Opcodes.IMUL;
import static org.objectweb.asm.Opcodes.INVOKESPECIAL;
import static org.objectweb.asm.Opcodes.INVOKESTATIC;
import static org.objectweb.asm.Opcodes.INVOKEVIRTUAL;
import static org.objectweb.asm.Opcodes.ISHL;
import static org.objectweb.asm.Opcodes.ISHR;
import static org.objectweb.asm.Opcodes.ISTORE;
import static org.objectweb.asm.Opcodes.ISUB;
import static org.objectweb.asm.Opcodes.IUSHR;
import static org.objectweb.asm.Opcodes.L2I;
import static org.objectweb.asm.Opcodes.LADD;
import static org.objectweb.asm.Opcodes.LALOAD;
import static org.objectweb.asm.Opcodes.LAND;
import static org.objectweb.asm.Opcodes.LASTORE;
import static org.objectweb.asm.Opcodes.LCMP;
import static org.objectweb.asm.Opcodes.LCONST_0;
import static org.objectweb.asm.Opcodes.LLOAD;
import static org.objectweb.asm.Opcodes.LMUL;
import static org.objectweb.asm.Opcodes.LOR;
import static org.objectweb.asm.Opcodes.LRETURN;
import static org.objectweb.asm.Opcodes.LSHL;
import static org.objectweb.asm.Opcodes.LSHR;
import static org.objectweb.asm.Opcodes.LSTORE;
import static org.objectweb.asm.Opcodes.LSUB;
import static org.objectweb.asm.Opcodes.LUSHR;
import static org.objectweb.asm.Opcodes.LXOR;
import static org.objectweb.asm.Opcodes.POP;
import static org.objectweb.asm.Opcodes.POP2;
import static org.objectweb.asm.Opcodes.RETURN;
import static org.objectweb.asm.Opcodes.V17;

import dev.samara.core.guest.TlbArrays;
import dev.samara.emulator.cpu.BlockCache.CodeBlock;
import dev.samara.emulator.cpu.FloatOperations.DoubleOperations;
import dev.samara.emulator.cpu.FloatOperations.SingleOperations;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.IntegerOperations;
import dev.samara.emulator.cpu.TranslatedCode;
import dev.samara.emulator.isa.InstructionDecoder;
import dev.samara.emulator.isa.Op;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;

/**
 * Writes the class of a plan. It has one method, which contains the blocks in the order of the plan.
 *
 * <ol>
 *   <li>Registers of the guest are local variables, which are loaded at the start, and written back at the only exit.
 *       The blocks are written twice, because only the first pass, whose output is discarded, shows which registers are
 *       used ({@link RegisterLocals}).
 *   <li>An instruction becomes bytecode that computes on these variables, or a call of a static method ({@link
 *       CalledOperation}). At any other instruction the code exits, and the interpreter continues.
 *   <li>A load or store that misses exits likewise. The granule of the last access of each base register is compared
 *       first ({@link KeptGranules}).
 *   <li>Jumps between blocks of the plan are jumps in the method. A backward jump exits for a poll if {@link
 *       TranslatedCode#MOST_WITHOUT_POLL} instructions were executed.
 * </ol>
 */
final class TranslatedCodeWriter {
    private static final String HART = internal(Hart.class);
    private static final String SUPER = internal(TranslatedCode.class);
    private static final String INTEGERS = internal(IntegerOperations.class);
    private static final String NAME =
            internal(TranslatedCodeWriter.class).replace("TranslatedCodeWriter", "Translated");
    private static final String TLB = internal(TlbArrays.class);
    private static final String BUFFER = "java/nio/MappedByteBuffer";

    /* Local variables. */
    private static final int HART_OF = 1;
    private static final int X = 2;
    private static final int F = 3;
    private static final int LOAD_TAGS = 4;
    private static final int STORE_TAGS = 5;
    private static final int ADDENDS = 6;
    private static final int REGION = 7;
    private static final int MASK = 8;
    private static final int KEY = 9;
    private static final int LEFT = 11;
    private static final int NEXT = 12;
    private static final int ADDRESS = 14;
    private static final int FIRST_REGISTER = 16;

    /** The upper bits of a register that contains a float (NaN boxing). */
    private static final long BOX = -1L << 32;

    /** If a jump has more targets than this, a switch is used. */
    private static final int MOST_COMPARED = 3;

    private final HotPlan plan;
    private final RegisterLocals registers = new RegisterLocals(FIRST_REGISTER);
    private final ClassWriter file = new ClassWriter(ClassWriter.COMPUTE_FRAMES | ClassWriter.COMPUTE_MAXS);
    private final Label last = new Label();

    private final KeptGranules kept = new KeptGranules(registers);
    private MethodVisitor method = new NoMethod();

    /* The state of a pass over the blocks. */
    private final Map<Long, Integer> places = new HashMap<>();
    private final Map<Long, Label> labels = new HashMap<>();
    private final List<CodeExit> exits = new ArrayList<>();

    /** The exit of the code, with the next address in a local variable. */
    private Label exit = new Label();

    /**
     * A place at which the code exits.
     *
     * @param label the label of the place
     * @param next the result of the code
     * @param remaining how many instructions were counted, but not executed
     */
    private record CodeExit(Label label, long next, int remaining) {}

    /** Accepts instructions, and discards them. */
    private static final class NoMethod extends MethodVisitor {
        NoMethod() {
            super(ASM9);
        }
    }

    private TranslatedCodeWriter(HotPlan plan) {
        this.plan = plan;
    }

    private static String internal(Class<?> type) {
        return type.getName().replace('.', '/');
    }

    /** Writes the class of a plan. */
    static TranslatedCodeWriter of(HotPlan plan) {
        TranslatedCodeWriter writer = new TranslatedCodeWriter(plan);
        // Determines which registers are used.
        writer.blocks();
        writer.write();
        return writer;
    }

    /** Returns the bytes of the class. */
    byte[] file() {
        return file.toByteArray();
    }

    /** Returns the size of the method's bytecode in bytes. HotSpot does not compile the method if it is too large. */
    int size() {
        return last.getOffset();
    }

    private void write() {
        file.visit(V17, ACC_FINAL | ACC_SUPER, NAME, null, SUPER, null);
        MethodVisitor constructor = file.visitMethod(0, "<init>", "()V", null, null);
        constructor.visitVarInsn(ALOAD, 0);
        constructor.visitMethodInsn(INVOKESPECIAL, SUPER, "<init>", "()V", false);
        constructor.visitInsn(RETURN);
        constructor.visitMaxs(0, 0);
        constructor.visitEnd();
        method = file.visitMethod(ACC_PUBLIC, "run", "(L" + HART + ";)J", null, null);
        begin();
        blocks();
        end();
        method.visitLabel(last);
        method.visitMaxs(0, 0);
        method.visitEnd();
        file.visitEnd();
    }

    private void begin() {
        registersOf("x", X);
        registersOf("f", F);
        tlb("loadTags", "[J", ASTORE, LOAD_TAGS);
        tlb("storeTags", "[J", ASTORE, STORE_TAGS);
        tlb("addends", "[J", ASTORE, ADDENDS);
        tlb("region", "L" + BUFFER + ";", ASTORE, REGION);
        tlb("key", "J", LSTORE, KEY);
        method.visitVarInsn(ALOAD, LOAD_TAGS);
        method.visitInsn(ARRAYLENGTH);
        method.visitInsn(ICONST_1);
        method.visitInsn(ISUB);
        method.visitVarInsn(ISTORE, MASK);
        method.visitLdcInsn(TranslatedCode.MOST_WITHOUT_POLL);
        method.visitVarInsn(ISTORE, LEFT);
        registers.read(method, X, F);
        kept.begin(method);
    }

    private void registersOf(String name, int local) {
        method.visitVarInsn(ALOAD, HART_OF);
        method.visitFieldInsn(GETFIELD, HART, name, "[J");
        method.visitVarInsn(ASTORE, local);
    }

    private void tlb(String name, String type, int store, int local) {
        method.visitVarInsn(ALOAD, HART_OF);
        method.visitMethodInsn(INVOKEVIRTUAL, HART, "tlb", "()L" + TLB + ";", false);
        method.visitMethodInsn(INVOKEVIRTUAL, TLB, name, "()" + type, false);
        method.visitVarInsn(store, local);
    }

    private void blocks() {
        exits.clear();
        exit = new Label();
        places.clear();
        for (CodeBlock block : plan.blocks()) {
            places.put(block.start, places.size());
            labels.put(block.start, new Label());
        }
        for (CodeBlock block : plan.blocks()) {
            method.visitLabel(label(block.start));
            method.visitIincInsn(LEFT, -block.instructions);
            block(block);
        }
    }

    private void block(CodeBlock block) {
        int last = HotPlan.last(block);
        for (int at = 0; at < last; at += 2) {
            if (!write(block, at)) {
                interpret(block, at);
                return;
            }
        }
        end(block, last);
    }

    private void end() {
        writeExits();
        registers.write(method, X, F);
        method.visitVarInsn(ALOAD, HART_OF);
        method.visitLdcInsn(TranslatedCode.MOST_WITHOUT_POLL);
        method.visitVarInsn(ILOAD, LEFT);
        method.visitInsn(ISUB);
        method.visitMethodInsn(INVOKESTATIC, SUPER, "count", "(L" + HART + ";I)V", false);
        method.visitVarInsn(LLOAD, NEXT);
        method.visitInsn(LRETURN);
    }

    /** Returns whether an instruction is translated; if not, the interpreter executes it. */
    static boolean isTranslated(CodeBlock block, int at) {
        int op = block.code[at] & 0xff;
        return op < Op.FIRST_RARE
                || (op >= Op.BEQ && op <= Op.JALR)
                || op == Op.NEXT
                || op == Op.FENCE
                || CalledOperation.of(op, block.code[at + 1]) != null;
    }

    /** Writes an instruction. Returns false if it cannot be translated, so that the interpreter must execute it. */
    private boolean write(CodeBlock block, int at) {
        int word = block.code[at];
        int imm = block.code[at + 1];
        int op = word & 0xff;
        int rd = word >> 8 & 0xff;
        int rs1 = word >> 16 & 0xff;
        int rs2 = word >>> 24;
        switch (op) {
            case Op.LUI -> constant(imm, rd);
            case Op.AUIPC -> constant(block.pc(at) + imm, rd);
            case Op.ADDI -> immediate(LADD, rs1, imm, rd);
            case Op.XORI -> immediate(LXOR, rs1, imm, rd);
            case Op.ORI -> immediate(LOR, rs1, imm, rd);
            case Op.ANDI -> immediate(LAND, rs1, imm, rd);
            case Op.SLTI -> compareWith("slt", rs1, imm, rd);
            case Op.SLTIU -> compareWith("sltu", rs1, imm, rd);
            case Op.SLLI -> shift(LSHL, rs1, imm, rd);
            case Op.SRLI -> shift(LUSHR, rs1, imm, rd);
            case Op.SRAI -> shift(LSHR, rs1, imm, rd);
            case Op.ADDIW -> immediateOfWord(IADD, rs1, imm, rd);
            case Op.SLLIW -> immediateOfWord(ISHL, rs1, imm, rd);
            case Op.SRLIW -> immediateOfWord(IUSHR, rs1, imm, rd);
            case Op.SRAIW -> immediateOfWord(ISHR, rs1, imm, rd);
            case Op.ADD -> both(LADD, rs1, rs2, rd);
            case Op.SUB -> both(LSUB, rs1, rs2, rd);
            case Op.XOR -> both(LXOR, rs1, rs2, rd);
            case Op.OR -> both(LOR, rs1, rs2, rd);
            case Op.AND -> both(LAND, rs1, rs2, rd);
            case Op.MUL -> both(LMUL, rs1, rs2, rd);
            case Op.SLL -> shiftBy(LSHL, rs1, rs2, rd);
            case Op.SRL -> shiftBy(LUSHR, rs1, rs2, rd);
            case Op.SRA -> shiftBy(LSHR, rs1, rs2, rd);
            case Op.ADDW -> words(IADD, rs1, rs2, rd);
            case Op.SUBW -> words(ISUB, rs1, rs2, rd);
            case Op.SLLW -> words(ISHL, rs1, rs2, rd);
            case Op.SRLW -> words(IUSHR, rs1, rs2, rd);
            case Op.SRAW -> words(ISHR, rs1, rs2, rd);
            case Op.MULW -> words(IMUL, rs1, rs2, rd);
            case Op.FMV_X_D -> move(RegisterLocals.FLOAT + rs1, rd);
            case Op.FMV_D_X -> move(rs1, RegisterLocals.FLOAT + rd);
            case Op.FENCE -> {
                method.visitLdcInsn(imm);
                method.visitMethodInsn(INVOKESTATIC, INTEGERS, "fence", "(I)V", false);
            }
            default -> {
                return access(block, at) || call(op, rd, rs1, rs2, imm);
            }
        }
        return true;
    }

    private void constant(long value, int rd) {
        method.visitLdcInsn(value);
        registers.pop(method, rd);
    }

    private void move(int from, int to) {
        registers.push(method, from);
        registers.pop(method, to);
    }

    private void immediate(int opcode, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        if (opcode != LADD || imm != 0) {
            method.visitLdcInsn((long) imm);
            method.visitInsn(opcode);
        }
        registers.pop(method, rd);
    }

    private void compareWith(String name, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        method.visitLdcInsn((long) imm);
        operation(IntegerOperations.class, name, 2);
        registers.pop(method, rd);
    }

    private void shift(int opcode, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        method.visitLdcInsn(imm);
        method.visitInsn(opcode);
        registers.pop(method, rd);
    }

    private void immediateOfWord(int opcode, int rs1, int imm, int rd) {
        registers.push(method, rs1);
        method.visitInsn(L2I);
        if (opcode != IADD || imm != 0) {
            method.visitLdcInsn(imm);
            method.visitInsn(opcode);
        }
        method.visitInsn(I2L);
        registers.pop(method, rd);
    }

    private void both(int opcode, int rs1, int rs2, int rd) {
        registers.push(method, rs1);
        registers.push(method, rs2);
        method.visitInsn(opcode);
        registers.pop(method, rd);
    }

    private void shiftBy(int opcode, int rs1, int rs2, int rd) {
        registers.push(method, rs1);
        registers.push(method, rs2);
        method.visitInsn(L2I);
        method.visitInsn(opcode);
        registers.pop(method, rd);
    }

    private void words(int opcode, int rs1, int rs2, int rd) {
        registers.push(method, rs1);
        method.visitInsn(L2I);
        registers.push(method, rs2);
        method.visitInsn(L2I);
        method.visitInsn(opcode);
        method.visitInsn(I2L);
        registers.pop(method, rd);
    }

    private boolean call(int op, int rd, int rs1, int rs2, int imm) {
        CalledOperation called = CalledOperation.of(op, imm);
        if (called == null) {
            return false;
        }
        String sources = called.sources();
        int[] from = {rs1, rs2, imm >> 8};
        for (int i = 0; i < sources.length(); i++) {
            registers.push(method, from[i] + (sources.charAt(i) == 'f' ? RegisterLocals.FLOAT : 0));
        }
        operation(called.owner(), called.method(), sources.length());
        registers.pop(method, called.isFloat() ? RegisterLocals.FLOAT + rd : rd);
        return true;
    }

    private void operation(Class<?> owner, String name, int sources) {
        method.visitMethodInsn(INVOKESTATIC, internal(owner), name, "(" + "J".repeat(sources) + ")J", false);
    }

    /**
     * Writes a load or store according to the rules of {@link TlbArrays}: a comparison with the tag of the address, an
     * addition, and an access to the region. If an access misses, the code exits, and the interpreter executes the
     * access. Returns false if the instruction is neither.
     */
    private boolean access(CodeBlock block, int at) {
        int op = block.code[at] & 0xff;
        if (op < Op.LB || op > Op.FSD) {
            return false;
        }
        int rd = block.code[at] >> 8 & 0xff;
        int rs2 = block.code[at] >>> 24;
        switch (op) {
            case Op.LB, Op.LBU -> load(block, at, 1, "get", "B");
            case Op.LH, Op.LHU -> load(block, at, 2, "getShort", "S");
            case Op.LW, Op.LWU, Op.FLW -> load(block, at, 4, "getInt", "I");
            case Op.LD, Op.FLD -> load(block, at, 8, "getLong", "J");
            case Op.SB -> store(block, at, 1, "put", "B", rs2);
            case Op.SH -> store(block, at, 2, "putShort", "S", rs2);
            case Op.SW -> store(block, at, 4, "putInt", "I", rs2);
            case Op.SD -> store(block, at, 8, "putLong", "J", rs2);
            case Op.FSW -> store(block, at, 4, "putInt", "I", RegisterLocals.FLOAT + rs2);
            default -> store(block, at, 8, "putLong", "J", RegisterLocals.FLOAT + rs2);
        }
        if (op <= Op.LWU || op == Op.FLW || op == Op.FLD) {
            widen(op);
            registers.pop(method, op < Op.FLW ? rd : RegisterLocals.FLOAT + rd);
        }
        return true;
    }

    private void widen(int op) {
        if (op != Op.LD && op != Op.FLD) {
            method.visitInsn(I2L);
        }
        switch (op) {
            case Op.LBU -> with(LAND, 0xffL);
            case Op.LHU -> with(LAND, 0xffffL);
            case Op.LWU -> with(LAND, 0xffff_ffffL);
            case Op.FLW -> with(LOR, BOX);
            default -> {
                // The number is sign-extended already.
            }
        }
    }

    private void with(int opcode, long number) {
        method.visitLdcInsn(number);
        method.visitInsn(opcode);
    }

    private void load(CodeBlock block, int at, int size, String name, String type) {
        find(LOAD_TAGS, block, at, size);
        method.visitMethodInsn(INVOKEVIRTUAL, BUFFER, name, "(I)" + type, false);
    }

    private void store(CodeBlock block, int at, int size, String name, String type, int from) {
        find(STORE_TAGS, block, at, size);
        registers.push(method, from);
        narrow(size);
        method.visitMethodInsn(INVOKEVIRTUAL, BUFFER, name, "(I" + type + ")Ljava/nio/ByteBuffer;", false);
        method.visitInsn(POP);
    }

    /** Narrows a value to its type, because compilers assume that an argument is in the range of its type. */
    private void narrow(int size) {
        if (size < Long.BYTES) {
            method.visitInsn(L2I);
        }
        if (size == 1) {
            method.visitInsn(I2B);
        } else if (size == 2) {
            method.visitInsn(I2S);
        }
    }

    /** Pushes the region and the index of an access that hits; exits if it misses. */
    private void find(int tags, CodeBlock block, int at, int size) {
        Label miss = miss(block, at);
        int granule = kept.local(tags == STORE_TAGS, block.code[at] >> 16 & 0xff);
        registers.push(method, block.code[at] >> 16 & 0xff);
        if (block.code[at + 1] != 0) {
            with(LADD, block.code[at + 1]);
        }
        method.visitVarInsn(LSTORE, ADDRESS);
        // The granule in the local variable is compared first, which is the cheapest test. It succeeds only for an
        // aligned access, which lies in one granule.
        Label known = new Label();
        method.visitVarInsn(LLOAD, ADDRESS);
        with(LAND, TlbArrays.GRANULE_MASK | size - 1);
        method.visitVarInsn(LLOAD, granule);
        method.visitInsn(LCMP);
        method.visitJumpInsn(IFEQ, known);
        element(tags);
        method.visitVarInsn(LLOAD, ADDRESS);
        if (size > 1) {
            with(LADD, size - 1L);
        }
        with(LAND, TlbArrays.GRANULE_MASK);
        method.visitVarInsn(LLOAD, KEY);
        method.visitInsn(LOR);
        method.visitInsn(LCMP);
        method.visitJumpInsn(IFNE, miss);
        method.visitVarInsn(LLOAD, ADDRESS);
        with(LAND, TlbArrays.GRANULE_MASK);
        method.visitVarInsn(LSTORE, granule);
        element(ADDENDS);
        method.visitInsn(L2I);
        method.visitVarInsn(ISTORE, granule + KeptGranules.GRANULE_WORDS);
        method.visitLabel(known);
        method.visitVarInsn(ALOAD, REGION);
        method.visitVarInsn(LLOAD, ADDRESS);
        method.visitInsn(L2I);
        method.visitVarInsn(ILOAD, granule + KeptGranules.GRANULE_WORDS);
        method.visitInsn(IADD);
    }

    /** Pushes the element of an array that belongs to the slot of the address. */
    private void element(int array) {
        method.visitVarInsn(ALOAD, array);
        method.visitVarInsn(LLOAD, ADDRESS);
        method.visitIntInsn(BIPUSH, TlbArrays.GRANULE_SHIFT);
        method.visitInsn(LUSHR);
        method.visitInsn(L2I);
        method.visitVarInsn(ILOAD, MASK);
        method.visitInsn(IAND);
        method.visitInsn(LALOAD);
    }

    /** Exits before an instruction that the interpreter must execute. */
    private void interpret(CodeBlock block, int at) {
        method.visitJumpInsn(GOTO, miss(block, at));
    }

    /** Returns the label at which the code exits before an instruction, so that the interpreter continues with it. */
    private Label miss(CodeBlock block, int at) {
        return exit(block.pc(at) | TranslatedCode.INTERPRET, block.instructions - at / 2);
    }

    private Label exit(long next, int remaining) {
        CodeExit made = new CodeExit(new Label(), next, remaining);
        exits.add(made);
        return made.label;
    }

    /** Writes the end of a block. */
    private void end(CodeBlock block, int at) {
        int word = block.code[at];
        int rs1 = word >> 16 & 0xff;
        int rs2 = word >>> 24;
        long to = block.pc(at) + block.code[at + 1];
        switch (word & 0xff) {
            case Op.BEQ -> branch(IFEQ, rs1, rs2, false, block, to);
            case Op.BNE -> branch(IFNE, rs1, rs2, false, block, to);
            case Op.BLT -> branch(IFLT, rs1, rs2, false, block, to);
            case Op.BGE -> branch(IFGE, rs1, rs2, false, block, to);
            case Op.BLTU -> branch(IFLT, rs1, rs2, true, block, to);
            case Op.BGEU -> branch(IFGE, rs1, rs2, true, block, to);
            case Op.JAL -> {
                link(word, block);
                jump(block, to);
            }
            case Op.JALR -> jumpToRegister(block, word, block.code[at + 1]);
            case Op.NEXT -> jump(block, block.end);
            default -> interpret(block, at);
        }
    }

    private void link(int word, CodeBlock block) {
        method.visitLdcInsn(block.end);
        registers.pop(method, word >> 8 & 0xff);
    }

    private void branch(int opcode, int rs1, int rs2, boolean isUnsigned, CodeBlock block, long to) {
        compared(rs1, isUnsigned);
        compared(rs2, isUnsigned);
        method.visitInsn(LCMP);
        if (plan.has(to) && !isBackwards(block, to)) {
            method.visitJumpInsn(opcode, label(to));
        } else if (plan.has(to)) {
            Label fallen = new Label();
            method.visitJumpInsn(opposite(opcode), fallen);
            jump(block, to);
            method.visitLabel(fallen);
        } else {
            method.visitJumpInsn(opcode, exit(to, 0));
        }
        jump(block, block.end);
    }

    private void compared(int register, boolean isUnsigned) {
        registers.push(method, register);
        if (isUnsigned) {
            method.visitLdcInsn(Long.MIN_VALUE);
            method.visitInsn(LADD);
        }
    }

    private static int opposite(int opcode) {
        return switch (opcode) {
            case IFEQ -> IFNE;
            case IFNE -> IFEQ;
            case IFLT -> IFGE;
            default -> IFLT;
        };
    }

    /** Returns the label of a block in the plan. */
    private Label label(long start) {
        return Objects.requireNonNull(labels.get(start));
    }

    private int place(long start) {
        return Objects.requireNonNull(places.get(start));
    }

    /** Whether a jump leads to the same or an earlier place. Each loop contains at least one backward jump. */
    private boolean isBackwards(CodeBlock from, long to) {
        return place(to) <= place(from.start);
    }

    /** Jumps to a block of the plan, or exits. */
    private void jump(CodeBlock from, long to) {
        if (!plan.has(to)) {
            method.visitJumpInsn(GOTO, exit(to, 0));
        } else if (isBackwards(from, to)) {
            method.visitVarInsn(ILOAD, LEFT);
            method.visitJumpInsn(IFGT, label(to));
            method.visitJumpInsn(GOTO, exit(to, 0));
        } else if (place(to) != place(from.start) + 1) {
            method.visitJumpInsn(GOTO, label(to));
        }
    }

    /** Jumps to an address in a register: to the return address of a call, to a recorded target, or out of the code. */
    private void jumpToRegister(CodeBlock block, int word, int imm) {
        int rs1 = word >> 16 & 0xff;
        registers.push(method, rs1);
        method.visitLdcInsn((long) imm);
        method.visitInsn(LADD);
        method.visitLdcInsn(-2L);
        method.visitInsn(LAND);
        method.visitVarInsn(LSTORE, NEXT);
        link(word, block);
        dispatch(block, List.copyOf(plan.targets(block)));
    }

    private void dispatch(CodeBlock block, List<Long> targets) {
        if (targets.size() > MOST_COMPARED) {
            select(block, targets);
            return;
        }
        for (long to : targets) {
            Label other = new Label();
            method.visitVarInsn(LLOAD, NEXT);
            method.visitLdcInsn(to);
            method.visitInsn(LCMP);
            method.visitJumpInsn(IFNE, other);
            arrive(block, to);
            method.visitLabel(other);
        }
        method.visitJumpInsn(GOTO, exit);
    }

    /** Continues at a block of the plan whose address is in a local variable. */
    private void arrive(CodeBlock from, long to) {
        if (isBackwards(from, to)) {
            method.visitVarInsn(ILOAD, LEFT);
            method.visitJumpInsn(IFGT, label(to));
            method.visitJumpInsn(GOTO, exit);
        } else {
            method.visitJumpInsn(GOTO, label(to));
        }
    }

    /** Selects one of many targets with a switch on its distance from the start, which is an int. */
    private void select(CodeBlock block, List<Long> targets) {
        List<Long> sorted = targets.stream().sorted().toList();
        long start = plan.start();
        method.visitVarInsn(LLOAD, NEXT);
        method.visitLdcInsn(start);
        method.visitInsn(LSUB);
        method.visitVarInsn(LSTORE, ADDRESS);
        method.visitVarInsn(LLOAD, ADDRESS);
        method.visitVarInsn(LLOAD, ADDRESS);
        method.visitInsn(L2I);
        method.visitInsn(I2L);
        method.visitInsn(LCMP);
        method.visitJumpInsn(IFNE, exit);
        method.visitVarInsn(LLOAD, ADDRESS);
        method.visitInsn(L2I);
        int[] keys = sorted.stream().mapToInt(to -> (int) (to - start)).toArray();
        Label[] arrivals = new Label[keys.length];
        Arrays.setAll(arrivals, i -> new Label());
        method.visitLookupSwitchInsn(exit, keys, arrivals);
        for (int i = 0; i < keys.length; i++) {
            method.visitLabel(arrivals[i]);
            arrive(block, sorted.get(i));
        }
    }

    /** Writes the exits. The last one falls through to the code that is written next. */
    private void writeExits() {
        for (CodeExit each : exits) {
            method.visitLabel(each.label);
            if (each.remaining != 0) {
                method.visitIincInsn(LEFT, each.remaining);
            }
            method.visitLdcInsn(each.next);
            method.visitVarInsn(LSTORE, NEXT);
            method.visitJumpInsn(GOTO, exit);
        }
        method.visitLabel(exit);
    }

    /**
     * An instruction that is translated to one call of a static method.
     *
     * @param owner the class of the method
     * @param method its name
     * @param sources one character for each source: x for an integer register, f for a floating-point register
     * @param isFloat whether the target is a floating-point register
     */
    private record CalledOperation(Class<?> owner, String method, String sources, boolean isFloat) {
        private static final int TO_ZERO = 1;

        /** Returns the call for an instruction; null if there is none. */
        static @Nullable CalledOperation of(int op, int imm) {
            return switch (op) {
                case Op.MULH -> new CalledOperation(IntegerOperations.class, "mulh", "xx", false);
                case Op.MULHSU -> new CalledOperation(IntegerOperations.class, "mulhsu", "xx", false);
                case Op.MULHU -> new CalledOperation(IntegerOperations.class, "mulhu", "xx", false);
                case Op.DIV -> new CalledOperation(IntegerOperations.class, "div", "xx", false);
                case Op.DIVU -> new CalledOperation(IntegerOperations.class, "divu", "xx", false);
                case Op.REM -> new CalledOperation(IntegerOperations.class, "rem", "xx", false);
                case Op.REMU -> new CalledOperation(IntegerOperations.class, "remu", "xx", false);
                case Op.DIVW -> new CalledOperation(IntegerOperations.class, "divw", "xx", false);
                case Op.DIVUW -> new CalledOperation(IntegerOperations.class, "divuw", "xx", false);
                case Op.REMW -> new CalledOperation(IntegerOperations.class, "remw", "xx", false);
                case Op.REMUW -> new CalledOperation(IntegerOperations.class, "remuw", "xx", false);
                case Op.SLT -> new CalledOperation(IntegerOperations.class, "slt", "xx", false);
                case Op.SLTU -> new CalledOperation(IntegerOperations.class, "sltu", "xx", false);
                case Op.FADD_D -> new CalledOperation(DoubleOperations.class, "fadd", "ff", true);
                case Op.FSUB_D -> new CalledOperation(DoubleOperations.class, "fsub", "ff", true);
                case Op.FMUL_D -> new CalledOperation(DoubleOperations.class, "fmul", "ff", true);
                case Op.FDIV_D -> new CalledOperation(DoubleOperations.class, "fdiv", "ff", true);
                case Op.FMIN_D -> new CalledOperation(DoubleOperations.class, "fmin", "ff", true);
                case Op.FMAX_D -> new CalledOperation(DoubleOperations.class, "fmax", "ff", true);
                case Op.FSGNJ_D -> new CalledOperation(DoubleOperations.class, "fsgnj", "ff", true);
                case Op.FSGNJN_D -> new CalledOperation(DoubleOperations.class, "fsgnjn", "ff", true);
                case Op.FSGNJX_D -> new CalledOperation(DoubleOperations.class, "fsgnjx", "ff", true);
                case Op.FMADD_D -> new CalledOperation(DoubleOperations.class, "fmadd", "fff", true);
                case Op.FMSUB_D -> new CalledOperation(DoubleOperations.class, "fmsub", "fff", true);
                case Op.FNMSUB_D -> new CalledOperation(DoubleOperations.class, "fnmsub", "fff", true);
                case Op.FNMADD_D -> new CalledOperation(DoubleOperations.class, "fnmadd", "fff", true);
                case Op.FSQRT_D -> new CalledOperation(DoubleOperations.class, "fsqrt", "f", true);
                case Op.FEQ_D -> new CalledOperation(DoubleOperations.class, "feq", "ff", false);
                case Op.FLT_D -> new CalledOperation(DoubleOperations.class, "flt", "ff", false);
                case Op.FLE_D -> new CalledOperation(DoubleOperations.class, "fle", "ff", false);
                case Op.FADD_S -> new CalledOperation(SingleOperations.class, "fadd", "ff", true);
                case Op.FSUB_S -> new CalledOperation(SingleOperations.class, "fsub", "ff", true);
                case Op.FMUL_S -> new CalledOperation(SingleOperations.class, "fmul", "ff", true);
                case Op.FDIV_S -> new CalledOperation(SingleOperations.class, "fdiv", "ff", true);
                case Op.FMIN_S -> new CalledOperation(SingleOperations.class, "fmin", "ff", true);
                case Op.FMAX_S -> new CalledOperation(SingleOperations.class, "fmax", "ff", true);
                case Op.FSGNJ_S -> new CalledOperation(SingleOperations.class, "fsgnj", "ff", true);
                case Op.FSGNJN_S -> new CalledOperation(SingleOperations.class, "fsgnjn", "ff", true);
                case Op.FSGNJX_S -> new CalledOperation(SingleOperations.class, "fsgnjx", "ff", true);
                case Op.FMADD_S -> new CalledOperation(SingleOperations.class, "fmadd", "fff", true);
                case Op.FMSUB_S -> new CalledOperation(SingleOperations.class, "fmsub", "fff", true);
                case Op.FNMSUB_S -> new CalledOperation(SingleOperations.class, "fnmsub", "fff", true);
                case Op.FNMADD_S -> new CalledOperation(SingleOperations.class, "fnmadd", "fff", true);
                case Op.FSQRT_S -> new CalledOperation(SingleOperations.class, "fsqrt", "f", true);
                case Op.FEQ_S -> new CalledOperation(SingleOperations.class, "feq", "ff", false);
                case Op.FLT_S -> new CalledOperation(SingleOperations.class, "flt", "ff", false);
                case Op.FLE_S -> new CalledOperation(SingleOperations.class, "fle", "ff", false);
                case Op.FCVT_S_D -> new CalledOperation(SingleOperations.class, "fromD", "f", true);
                case Op.FCVT_D_S -> new CalledOperation(DoubleOperations.class, "fromS", "f", true);
                case Op.FCVT_D_W -> new CalledOperation(DoubleOperations.class, "fromW", "x", true);
                case Op.FCVT_D_WU -> new CalledOperation(DoubleOperations.class, "fromWu", "x", true);
                case Op.FCVT_D_L -> new CalledOperation(DoubleOperations.class, "fromL", "x", true);
                case Op.FCVT_S_W -> new CalledOperation(SingleOperations.class, "fromW", "x", true);
                case Op.FCVT_S_WU -> new CalledOperation(SingleOperations.class, "fromWu", "x", true);
                case Op.FCVT_S_L -> new CalledOperation(SingleOperations.class, "fromL", "x", true);
                case Op.FCVT_W_D -> toZero(DoubleOperations.class, "toW", imm);
                case Op.FCVT_L_D -> toZero(DoubleOperations.class, "toL", imm);
                case Op.FCVT_W_S -> toZero(SingleOperations.class, "toW", imm);
                case Op.FCVT_L_S -> toZero(SingleOperations.class, "toL", imm);
                default -> null;
            };
        }

        /** Returns null for a conversion to an integer in another rounding mode, which the interpreter executes. */
        private static @Nullable CalledOperation toZero(Class<?> owner, String method, int imm) {
            return (imm & 7) == TO_ZERO ? new CalledOperation(owner, method, "f", false) : null;
        }
    }

    /**
     * The local variables in which a translated method keeps registers of the guest. Which registers a method uses is
     * known only once its instructions have been written. So they are written twice, and the output of the first time
     * is discarded.
     */
    private static final class RegisterLocals {
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

    /**
     * The local variables that contain the granules of the last accesses: one for the loads and one for the stores of
     * each base register. They stay valid, because the code calls nothing that polls.
     */
    private static final class KeptGranules {
        /** No granule: bit 3 is set, and bits 3 to 11 are cleared in each address that is compared with it. */
        private static final long NONE = 8;

        /** The variables of loads and stores, both determined in the first pass. */
        private final Map<Integer, Integer> loads = new TreeMap<>();

        private final Map<Integer, Integer> stores = new TreeMap<>();
        private final RegisterLocals locals;

        KeptGranules(RegisterLocals locals) {
            this.locals = locals;
        }

        /**
         * Returns the variable of the granule that a base register used last. The next variable contains the addend.
         */
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
}
